"""The prior of the confidence: what maps of different kinds, examined by leaving out their photos, say together."""

from __future__ import annotations

import argparse
import tempfile
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

from truth import DATA

from viewfix import Map
from viewfix.demo.town import Town, write_views
from viewfix.locate import calibrate as trials
from viewfix.locate.confidence import PRIOR, Calibration, Trial, Weights, calibrate

FLAT = replace(PRIOR, weights={how: Weights(-2.0, 5.0, 5.0, 0.0, 0.0, 0.0) for how in PRIOR.weights})
"""What the fit starts from and is pulled to, a little."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    given = parser.parse_args()
    caught: dict[str, tuple[list[Trial], list[Trial]]] = defaultdict(lambda: ([], []))

    def catch(inside: list[Trial], outside: list[Trial], **options: Any) -> Calibration:
        how = next((trial.consensus.matcher for trial in (*inside, *outside)), None) or "off"
        caught[how][0].extend(inside)
        caught[how][1].extend(outside)
        return calibrate(inside, outside, **options)

    trials.calibrate = catch
    with tempfile.TemporaryDirectory() as folder:
        drawn = Path(folder) / "town"
        town = Town(seed=1)  # the demo shows town 0
        write_views(town, town.map_views(step_m=10.0), drawn)
        for name, source in (("a drawn town", drawn), ("a real one", given.data / "cambridge" / "train" / "map")):
            with Map.build(Path(folder) / f"{name}.map", source) as city:
                print(f"{name}: {replace(city.calibration, outside_scores={})}")
    for how, (inside, outside) in caught.items():
        together = calibrate(inside, outside, prior=FLAT)
        print(f"{how}, {len(inside)} inside and {len(outside)} outside, stranger {together.stranger:.2f}")
        print(f"  together: {together.weights[how]}\n  in use:   {PRIOR.weights[how]}")


if __name__ == "__main__":
    main()
