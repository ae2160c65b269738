"""Choose the sharpness of the candidates' votes, on left-out photos of the training area."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from truth import DATA

from viewfix import Map
from viewfix.locate import calibrate as trials
from viewfix.locate import fuse as fusing
from viewfix.locate.confidence import Trial
from viewfix.search.indexed import IndexedSearch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--sample", type=int, default=600)
    given = parser.parse_args()
    trials.SAMPLE = given.sample
    caught: list[list[Trial]] = []
    source = given.data / "cambridge" / "train" / "map"
    calibrate = trials.calibrate
    with tempfile.TemporaryDirectory() as folder, Map.build(Path(folder) / "train.map", source) as city:
        trials.calibrate = lambda inside, outside, **options: caught.append(inside) or calibrate(inside, outside)
        for sharpness in (5.0, 10.0, 20.0, 40.0, 80.0, 1000.0):
            fusing.SHARPNESS = sharpness
            caught.clear()
            trials.examine(city.store, IndexedSearch.opened(city.store))
            errors_m = np.array([trial.error_m for trial in caught[0]])
            print(
                f"sharpness {sharpness:6g}: within 25 m {np.mean(errors_m <= 25):.1%}, within 10 m "
                f"{np.mean(errors_m <= 10):.1%}, median {np.median(errors_m):.2f} m, {len(errors_m)} photos left out"
            )


if __name__ == "__main__":
    main()
