"""Measure what thinning a map costs: photos taken out against Recall@1 lost, and the same number at random.

The training area was used to choose the rule: there, one spot in five is held out and asked for. cambridge/test has
queries of its own, which nothing was chosen by.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from truth import DATA, Truth, cambridge

from viewfix import Map, Photo, photos
from viewfix.geo import earth_centred_m

HELD_OUT = 5
BUDGETS = (0.005, 0.01, 0.02, 0.05)
DRAWS = 20


def build(place: Path, known: list[Truth]) -> Map:
    """The map at a place, built if it is not there."""
    if place.exists():
        return Map.open(place)
    return Map.build(place, [Photo(t.file.name, str(t.file), t.position, heading_deg=t.heading_deg) for t in known])


def split(everything: list[Truth]) -> tuple[list[Truth], list[Truth]]:
    """The photos of every fifth spot, and the others."""
    spots = list(dict.fromkeys((t.position.lat, t.position.lon) for t in everything))
    held = set(spots[::HELD_OUT])
    is_held = [(t.position.lat, t.position.lon) in held for t in everything]
    return [t for t, h in zip(everything, is_held, strict=True) if h], [
        t for t, h in zip(everything, is_held, strict=True) if not h
    ]


def measure(name: str, place: Path, known: list[Truth], asked: list[Truth]) -> None:
    with build(place, known) as city:
        rows, lats, lons = city.store.positions()
        ids = np.array(city.store.ids())
        descriptors = city.store.descriptors(rows)
        questions = np.concatenate([city.model.embed([photos.load(t.file)]) for t in asked])
        true_m = earth_centred_m([t.position.lat for t in asked], [t.position.lon for t in asked])
        near = np.linalg.norm(true_m[:, None] - earth_centred_m(lats, lons)[None], axis=2) <= 25.0
        similarity = questions @ descriptors.T

        def recall(kept: np.ndarray) -> float:
            best = np.where(kept, similarity, -2.0).argmax(axis=1)
            return float(near[np.arange(len(asked)), best].mean())

        whole = recall(np.ones(len(rows), bool))
        print(f"{name}: {len(rows)} photos, {len(asked)} queries, Recall@1 {whole:.1%}", flush=True)
        for budget in BUDGETS:
            plan = city.thinning(recall_budget=budget)
            kept = ~np.isin(ids, plan.removed)
            drawn = []
            for seed in range(DRAWS):
                rest = np.ones(len(rows), bool)
                rest[np.random.default_rng(seed).permutation(len(rows))[: len(plan.removed)]] = False
                drawn.append(whole - recall(rest))
            print(
                f"  budget {budget:.1%}: {plan.share_removed:.1%} taken out, "
                f"predicted loss {100 * (plan.recall_before - plan.recall_after):.1f} points, "
                f"measured {100 * (whole - recall(kept)):.1f}, at random {100 * np.mean(drawn):.1f}",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--maps", type=Path, help="a folder to keep the maps in, for another run")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.maps or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        held, kept = split(cambridge(given.data, "train", "map"))
        measure("train, every fifth spot held out", folder / "train-part.map", kept, held)
        test = cambridge(given.data, "test", "map"), cambridge(given.data, "test", "queries")
        measure("test", folder / "test.map", *test)


if __name__ == "__main__":
    main()
