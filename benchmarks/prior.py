"""The prior of the confidence: what maps of different kinds, examined by leaving out their photos, say together."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from truth import DATA

from viewfix import Map, trials
from viewfix.demo.town import Town, write_views
from viewfix.locate.confidence import PRIOR, Trial, calibrate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    given = parser.parse_args()
    inside: list[Trial] = []
    outside: list[Trial] = []

    def catch(some_inside: list[Trial], some_outside: list[Trial]):  # type: ignore[no-untyped-def]
        inside.extend(some_inside)
        outside.extend(some_outside)
        return calibrate(some_inside, some_outside)

    trials.calibrate = catch
    with tempfile.TemporaryDirectory() as folder:
        drawn = Path(folder) / "town"
        town = Town(seed=1)  # the demo shows town 0
        write_views(town, town.map_views(step_m=10.0), drawn)
        for name, source in (("a drawn town", drawn), ("a real one", given.data / "cambridge" / "train" / "map")):
            with Map.build(Path(folder) / f"{name}.map", source) as city:
                print(f"{name}: {city.calibration}")
    print(f"together: {calibrate(inside, outside)}")
    print(f"in use: {PRIOR}")


if __name__ == "__main__":
    main()
