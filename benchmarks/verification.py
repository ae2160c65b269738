"""Measure the effect of verification on Recall@1, by set of photos and by matcher. It must never lower recall."""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from truth import DATA, cambridge

from viewfix import Candidate, Map, Photo, Position
from viewfix.geo import distance_m, moved

HOWS = ("off", "fast", "accurate")
WALKS = (("day_left", "day_right"), ("night_right", "day_right"), ("night_right", "day_left"))
STEP_M = 2.0
"""The distance between frames of a walk, which has no positions. Any value works, because only the order counts."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One set: the photos of the map, the queries, and which candidates are right for each."""

    name: str
    photos: Path | list[Photo]
    queries: list[Path]
    right: Callable[[int, Candidate], bool]


def street_view(data: Path) -> Trial:
    queries = cambridge(data, "test", "queries")

    def right(query: int, candidate: Candidate) -> bool:
        return distance_m(queries[query].position, candidate.photo.position) <= 25

    return Trial("cambridge/test", data / "cambridge/test/map", [q.file for q in queries], right)


def walk(data: Path, asked: str, known: str) -> Trial:
    start = Position(-27.4772, 153.0290)
    photos = [
        Photo(f"{number}", str(file), moved(start, 90, STEP_M * number), heading_deg=90.0)
        for number, file in enumerate(frames(data, known))
    ]
    return Trial(
        f"gardens {asked} in {known}", photos, frames(data, asked), lambda query, c: abs(int(c.photo.id) - query) <= 2
    )


def frames(data: Path, name: str) -> list[Path]:
    return sorted((data / "gardens_point" / name).glob("*.jpg"))


def measure(trial: Trial, hows: Iterable[str]) -> None:
    with tempfile.TemporaryDirectory() as folder, Map.build(Path(folder) / "a.map", trial.photos) as city:
        for how in hows:
            fixes = [city.locate(query, least_confidence=0.0, verify=how) for query in trial.queries]
            right = sum(trial.right(number, fix.candidates[0]) for number, fix in enumerate(fixes))
            depths = Counter(sum(c.inliers is not None for c in fix.candidates) for fix in fixes)
            held = ", ".join(f"{number} queries with {deep}" for deep, number in sorted(depths.items()))
            print(f"{trial.name}, {how}: Recall@1 {right / len(fixes):.1%} ({right} of {len(fixes)}); held: {held}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    given = parser.parse_args()
    for trial in (street_view(given.data), *(walk(given.data, *pair) for pair in WALKS)):
        measure(trial, HOWS)


if __name__ == "__main__":
    main()
