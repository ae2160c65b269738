"""How good fixes are: metres, probabilities that come true, and photos from elsewhere that are sent away."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from truth import DATA, cambridge

from viewfix import Fix, Map
from viewfix.geo import distance_m


def calibration_error(said: np.ndarray, right: np.ndarray, bins: int = 10) -> float:
    """Expected calibration error: the mean gap between what was said and what came true, over `bins` equal bins."""
    at = np.minimum((said * bins).astype(int), bins - 1)
    return float(sum(abs(said[at == b].mean() - right[at == b].mean()) * np.mean(at == b) for b in set(at)))


def ask(city: Map, files: Sequence[Path]) -> list[Fix]:
    return [city.locate(file, least_confidence=0.0) for file in files]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
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
        print(city.calibration)
        fixes = ask(city, [q.file for q in queries])
        outside = {name: ask(city, files) for name, files in elsewhere.items()}

    fused = np.array([distance_m(f.position, q.position) for f, q in zip(fixes, queries, strict=True) if f.position])
    nearest = np.array(
        [distance_m(f.candidates[0].photo.position, q.position) for f, q in zip(fixes, queries, strict=True)]
    )
    said = np.array([fix.confidence for fix in fixes])
    radius = np.array([fix.position.radius_m for fix in fixes if fix.position])
    right, accepted = fused <= radius, said >= 0.5
    print(
        f"{len(queries)} queries; within 25 m: nearest photo {np.mean(nearest <= 25):.1%}, "
        f"fix {np.mean(fused <= 25):.1%}"
    )
    print(
        f"answered (probability of 0.5 or more): {accepted.mean():.1%}, right {right[accepted].mean():.1%}; "
        f"median error of the fix {np.median(fused[accepted]):.1f} m, "
        f"of the nearest photo {np.median(nearest[accepted]):.1f} m"
    )
    chances, truths = [said], [right]
    for name, answers in outside.items():
        there = np.array([fix.confidence for fix in answers])
        print(f"{len(answers)} photos of {name}, outside the map: answered {np.mean(there >= 0.5):.1%}")
        chances.append(there)
        truths.append(np.zeros(len(there), bool))
    # As many from outside as from inside, which is what the calibration speaks of.
    inside_weight = sum(len(c) for c in chances[1:]) / len(said)
    print(f"calibration error: queries alone {calibration_error(said, right):.3f}, ", end="")
    repeated = max(1, round(inside_weight))
    both = np.concatenate([np.tile(chances[0], repeated), *chances[1:]])
    truth = np.concatenate([np.tile(truths[0], repeated), *truths[1:]])
    print(f"with as many from outside {calibration_error(both, truth):.3f}")


if __name__ == "__main__":
    main()
