"""Measure the quality of fixes by matcher: errors in metres, calibration of the probability, and false accepts."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from truth import DATA, cambridge

from viewfix import Fix, Map, metrics
from viewfix.geo import distance_m
from viewfix.locate import query as asking

RATE = 0.01


@dataclass(frozen=True, slots=True)
class Asked:
    """The fixes of the queries and of photos from outside the map, without a threshold, and the threshold for RATE."""

    fixes: list[Fix]
    outside: dict[str, list[Fix]]
    line: float


def ask(city: Map, queries: Sequence[Path], elsewhere: dict[str, list[Path]], verify: str) -> Asked:
    def all_of(files: Sequence[Path]) -> list[Fix]:
        return [city.locate(file, least_confidence=0.0, verify=verify) for file in files]

    outside = {name: all_of(files) for name, files in elsewhere.items()}
    return Asked(all_of(queries), outside, city.calibration.line(RATE, verify))


def report(asked: Asked, truths: Sequence) -> None:  # type: ignore[type-arg]
    fixes = asked.fixes
    error_m = np.array([distance_m(f.position, q.position) for f, q in zip(fixes, truths, strict=True)])
    nearest_m = np.array(
        [distance_m(f.candidates[0].photo.position, q.position) for f, q in zip(fixes, truths, strict=True)]
    )
    said = np.array([fix.confidence for fix in fixes])
    right = error_m <= np.array([fix.position.radius_m for fix in fixes])
    print(f"  Recall@1 {np.mean(nearest_m <= 25):.1%}; the fix within 25 m {np.mean(error_m <= 25):.1%}")
    for name, line in ((f"{RATE:.0%} asked", asked.line), ("probability of 0.5", 0.5)):
        accepted = said > line
        print(
            f"  {name} (line {line:.3f}): answered {accepted.mean():.1%}, "
            f"of the right ones {accepted[right].mean():.1%}; "
            f"of the answers right {right[accepted].mean():.1%}; median error of the fix "
            f"{np.median(error_m[accepted]):.2f} m, of the nearest photo {np.median(nearest_m[accepted]):.2f} m"
        )
        for place, answers in asked.outside.items():
            there = np.array([fix.confidence for fix in answers])
            print(f"    {len(answers)} photos of {place}, outside the map: answered {np.mean(there > line):.1%}")
    times, both, truth = scored(asked, truths)
    print(
        f"  calibration error, 10 bins: queries alone {metrics.expected_calibration_error(said, right):.3f}, "
        f"with as many from outside {metrics.expected_calibration_error(both, truth):.3f}"
    )
    area = metrics.risk_coverage(both, truth).area
    similarity = np.concatenate([_tops(fixes, times), *(_tops(each, 1) for each in asked.outside.values())])
    print(f"  area under risk and coverage (less is better): {area:.4f}, by similarity alone ", end="")
    print(f"{metrics.risk_coverage(similarity, truth).area:.4f}")


def scored(asked: Asked, truths: Sequence) -> tuple[int, np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """The repetitions of the queries that balance inside and outside, the confidences, and which answers are right."""
    said = np.array([fix.confidence for fix in asked.fixes])
    right = np.array([
        distance_m(f.position, q.position) <= f.position.radius_m for f, q in zip(asked.fixes, truths, strict=True)
    ])  # fmt: skip
    strangers = np.concatenate([[fix.confidence for fix in answers] for answers in asked.outside.values()])
    times = max(1, round(len(strangers) / len(said)))
    truth = np.concatenate([np.tile(right, times), np.zeros(len(strangers), bool)])
    return times, np.concatenate([np.tile(said, times), strangers]), truth


def _tops(fixes: Sequence[Fix], times: int) -> np.ndarray:
    return np.tile([max(c.similarity for c in fix.candidates) for fix in fixes], times)


def by_inliers(city: Map, queries: Sequence[Path], elsewhere: dict[str, list[Path]]) -> tuple[list[int], list[int]]:
    """The most inliers among five candidates, for every query and for every photo from outside."""
    asking.SURE, asking.DOUBTFUL = 2.0, 2.0  # always verify five candidates
    files = [*queries, *(file for some in elsewhere.values() for file in some)]
    most = [max(c.inliers or 0 for c in city.locate(file, least_confidence=0.0).candidates) for file in files]
    return most[: len(queries)], most[len(queries) :]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--verify", action="append", choices=["off", "fast", "accurate"], help="default: all three")
    given = parser.parse_args()
    queries = cambridge(given.data, "test", "queries")
    elsewhere = {
        "cambridge/train": [t.file for t in cambridge(given.data, "train", "map")][::6],
        "gardens_point": sorted((given.data / "gardens_point").glob("day_*/*.jpg")),
    }
    with (
        tempfile.TemporaryDirectory() as folder,
        Map.build(Path(folder) / "test.map", given.data / "cambridge/test/map") as city,
    ):
        print(replace(city.calibration, outside_scores={}))
        for verify in given.verify or ["off", "fast", "accurate"]:
            print(f"verify={verify}")
            report(asked := ask(city, [q.file for q in queries], elsewhere, verify), queries)
        if asked and verify == "accurate":
            inside, outside = by_inliers(city, [q.file for q in queries], elsewhere)
            both, right = scored(asked, queries)[1:]
            times = (len(both) - len(outside)) // len(inside)
            area = metrics.risk_coverage(np.array([*inside * times, *outside], float), right).area
            print(f"  area under risk and coverage by inliers alone {area:.4f}")


if __name__ == "__main__":
    main()
