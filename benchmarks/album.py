"""Ask every other photo of an album about the others: found within 25 m, and wrong, by whether the map shows its scene.

phone_photos.csv says for each asked photo whether some map photo shows the same scene. It was labelled once by eye,
each photo beside its four nearest and two most similar map photos: "yes" where a wall or thing is surely in both.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections import Counter
from pathlib import Path

from truth import DATA

from viewfix import Map
from viewfix.geo import distance_m

NEAR_M = 25.0
LABELS = Path(__file__).with_name("phone_photos.csv")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--verify", default="accurate", choices=["off", "fast", "accurate"])
    parser.add_argument("--least-confidence", type=float, default=None)
    given = parser.parse_args()
    with LABELS.open(newline="") as file:
        labels = {row["file"]: row["same_scene"] for row in csv.DictReader(file)}
    folder = given.data / "ingest/phone_photos"
    with (
        tempfile.TemporaryDirectory() as made,
        Map.build(Path(made) / "album.map", [each for each in sorted(folder.glob("*.jpg")) if each.name not in labels])
        as city,
        Map.build(Path(made) / "asked.map", [folder / name for name in labels]) as asked,
    ):  # fmt: skip
        truth = {Path(each.source).name: each.position for each in asked.photos()}
        of, found, wrong = Counter(labels.values()), Counter[str](), []
        for name, same in labels.items():
            fix = city.locate(folder / name, verify=given.verify, least_confidence=given.least_confidence)
            if fix.position is None:
                continue
            error_m = distance_m(fix.position, truth[name])
            found[same] += error_m <= NEAR_M
            if error_m > NEAR_M:
                wrong.append(f"{name} ({error_m:.0f} m, confidence {fix.confidence:.2f})")
        print(f"{len(city)} photos in the map, {len(labels)} asked, verify={given.verify}")
        for same in ("yes", "unsure", "no"):
            print(f"  same scene {same}: {found[same]} of {of[same]} found within {NEAR_M:.0f} m")
        print(f"  wrong: {len(wrong)} of {len(labels)}", *wrong, sep="\n    ")


if __name__ == "__main__":
    main()
