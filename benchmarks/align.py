"""Measure `viewfix align`: put errors into headings and positions, and count what is found, corrected and damaged.

    python benchmarks/align.py --half a       # the photos by which the numbers in viewfix/align were chosen
    python benchmarks/align.py --half b       # photos of other points, to measure once

One photo in ten gets an error: its heading is turned by 180 or by 90 degrees, or its position is moved by 20 to 50 m.
Half "a" is the first 300 photos of cambridge/train, half "b" the next 180; --skip and --photos choose others.
Comparing the photos takes a second of processor time for each.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from truth import DATA, cambridge

from viewfix import Map, Photo
from viewfix.align.pairs import Sighting, compare_neighbours
from viewfix.align.plan import judge
from viewfix.geo import Plane, distance_m

SHARE = 0.1
HALVES = {"a": (0, 300), "b": (300, 180)}
ERRORS = ("180 degrees", "90 degrees", "20 to 50 m")
POSITION_ERROR_M = (20.0, 50.0)
FIXED_DEG, FIXED_M = 20.0, 15.0


def off_deg(a: float, b: float) -> float:
    return abs((a - b + 180) % 360 - 180)


def one_draw(photos: list[Photo], sightings: list[list[Sighting]], seed: int, kind: str) -> np.ndarray:
    """(5,) wrong, found, put right, right ones, right ones that were changed."""
    rng = np.random.default_rng(seed)
    plane = Plane(photos[0].position)
    wrong = set(rng.permutation(len(photos))[: int(SHARE * len(photos))].tolist())
    given = list(photos)
    for i in wrong:
        photo = photos[i]
        if kind.endswith("degrees"):
            error_deg = float(kind.split()[0]) * rng.choice([-1, 1])
            given[i] = replace(photo, heading_deg=(photo.heading_deg + error_deg) % 360)
        else:
            angle, metres = rng.uniform(0, 2 * np.pi), rng.uniform(*POSITION_ERROR_M)
            moved = Plane(photo.position).to_position(metres * np.sin(angle), metres * np.cos(angle))
            given[i] = replace(photo, position=moved)
    points_m = plane.to_xy_m([p.position.lat for p in given], [p.position.lon for p in given])
    index = {photo.id: i for i, photo in enumerate(photos)}
    found = fixed = damaged = 0
    for each in judge(given, sightings, points_m).corrections:
        i = index[each.photo_id]
        truth = photos[i]
        turned = off_deg(each.heading_deg, each.heading_before_deg) > 0.1
        if i in wrong and turned == kind.endswith("degrees"):
            found += 1
            fixed += (
                off_deg(each.heading_deg, truth.heading_deg) <= FIXED_DEG
                and distance_m(each.position, truth.position) <= FIXED_M
            )
        else:
            damaged += 1
    return np.array([len(wrong), found, fixed, len(photos) - len(wrong), damaged])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--map", type=Path, help="a map of cambridge/train to use; built if left out")
    parser.add_argument("--half", choices=sorted(HALVES), default="a")
    parser.add_argument("--skip", type=int, help="photos to leave out at the beginning, instead of a half")
    parser.add_argument("--photos", type=int, default=1200)
    parser.add_argument("--draws", type=int, default=5)
    given = parser.parse_args()
    first, count = HALVES[given.half] if given.skip is None else (given.skip, given.photos)
    known = [
        Photo(t.file.name, str(t.file), t.position, heading_deg=t.heading_deg)
        for t in cambridge(given.data, "train", "map")[first : first + count]
    ]
    with tempfile.TemporaryDirectory() as scratch:
        city = Map.open(given.map) if given.map else Map.build(Path(scratch) / "train.map", known)
        with city:
            names = {photo.id for photo in known}
            photos = [photo for photo in city.photos() if Path(photo.id).name in names]
            context = city.context
            assert context.verifier is not None
            began = time.perf_counter()
            sightings = compare_neighbours(context, context.verifier, photos, "accurate", lambda *_: None)
            took_s = time.perf_counter() - began
    enough = np.mean([len(each) >= 2 for each in sightings])
    print(f"{len(photos)} photos compared in {took_s:.0f} s; {enough:.0%} have two or more neighbours that agree")
    points_m = Plane(photos[0].position).to_xy_m([p.position.lat for p in photos], [p.position.lon for p in photos])
    print(f"without errors put in: {len(judge(photos, sightings, points_m).corrections)} corrections")
    for kind in ERRORS:
        wrong, found, fixed, right, damaged = sum(
            one_draw(photos, sightings, seed, kind) for seed in range(given.draws)
        )
        print(
            f"{kind}: of {wrong} wrong, {found} found ({found / wrong:.0%}), {fixed} put right ({fixed / wrong:.0%}); "
            f"of {right} right, {damaged} changed ({damaged / right:.2%})"
        )


if __name__ == "__main__":
    main()
