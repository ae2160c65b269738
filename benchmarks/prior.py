"""Fit the prior of the confidence on the left-out photos of maps of different kinds."""

from __future__ import annotations

import argparse
import tempfile
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from truth import DATA

from viewfix import Map
from viewfix.demo.town import Town, write_views
from viewfix.locate import calibrate as trials
from viewfix.locate.confidence import OUT_OF_MAP_QUANTILE, PRIOR, Calibration, Trial, Weights, calibrate

FLAT = replace(PRIOR, weights={matcher: Weights(-2.0, 5.0, 5.0, 0.0, 0.0, 0.0) for matcher in PRIOR.weights})
"""The starting point of the fit, and the weak regularisation towards it."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    given = parser.parse_args()
    caught: dict[str, tuple[list[Trial], list[Trial]]] = defaultdict(lambda: ([], []))

    def catch(inside: list[Trial], outside: list[Trial], **options: Any) -> Calibration:
        matcher = next((trial.consensus.matcher for trial in (*inside, *outside)), None) or "off"
        caught[matcher][0].extend(inside)
        caught[matcher][1].extend(outside)
        return calibrate(inside, outside, **options)

    trials.calibrate = catch
    with tempfile.TemporaryDirectory() as folder:
        drawn = Path(folder) / "town"
        town = Town(seed=1)  # the demo shows town 0
        write_views(town, town.map_views(step_m=10.0), drawn)
        for name, source in (("a drawn town", drawn), ("a real one", given.data / "cambridge" / "train" / "map")):
            with Map.build(Path(folder) / f"{name}.map", source) as city:
                print(f"{name}: {replace(city.calibration, outside_scores={})}")
    for matcher, (inside, outside) in caught.items():
        together = calibrate(inside, outside, prior=FLAT)
        inliers = np.quantile([t.consensus.inliers or 0 for t in outside], OUT_OF_MAP_QUANTILE)
        print(f"{matcher}, {len(inside)} inside and {len(outside)} outside")
        print(f"  out of the map: similarity {together.out_of_map['off']:.2f}, {inliers:.0f} inliers")
        print(f"  together: {together.weights[matcher]}\n  in use:   {PRIOR.weights[matcher]}")


if __name__ == "__main__":
    main()
