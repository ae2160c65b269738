"""Measure heading and position errors of queries in any direction, cut out of rings of photos at held-out spots.

With --lens, the photos of the map and the EXIF of the queries have a focal length; without, 70 degrees are assumed.
"""

from __future__ import annotations

import argparse
import csv
import io
import math
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np
from PIL import Image
from truth import DATA

from viewfix import Camera, Map, Photo, Position, photos
from viewfix.geo import distance_m
from viewfix.train.panorama import HEADINGS_DEG, Ring

HELD_OUT = 5
"""One in this many spots is held out of the map."""

MAP_FIELD_DEG = 90.0
FOCAL_35MM = 0xA405


def focal_35mm(field_deg: float) -> float:
    """The 35 mm equivalent focal length of a square picture with this field of view."""
    return math.hypot(36, 24) / math.sqrt(2) / 2 / math.tan(math.radians(field_deg) / 2)


def with_lens(picture: np.ndarray, field_deg: float) -> bytes:
    """A picture as a file with its focal length in EXIF."""
    exif = Image.Exif()
    exif.get_ifd(0x8769)[FOCAL_35MM] = round(focal_35mm(field_deg))
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG", exif=exif)
    return file.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--side-px", type=int, default=400)
    parser.add_argument("--lens", action="store_true", help="give photos their focal length")
    given = parser.parse_args()
    folder = given.data / "cambridge" / "train"
    spots: dict[tuple[float, float], dict[float, Path]] = defaultdict(dict)
    with (folder / "map.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            spots[float(row["lat"]), float(row["lon"])][float(row["heading_deg"])] = folder / row["file"]
    whole = [(Position(*at), faces) for at, faces in spots.items() if set(faces) == set(HEADINGS_DEG)]
    held, kept = whole[::HELD_OUT], [spot for n, spot in enumerate(whole) if n % HELD_OUT]
    camera = Camera(focal_35mm=focal_35mm(MAP_FIELD_DEG)) if given.lens else None
    known = [
        Photo(file.name, str(file), at, heading_deg=heading, camera=camera)
        for at, faces in kept
        for heading, file in faces.items()
    ]
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as scratch, Map.build(Path(scratch) / "a.map", known) as city:
        rows = []
        for at, faces in held:
            ring = Ring(np.stack([photos.load(faces[heading]) for heading in HEADINGS_DEG]))
            heading_deg, field_deg = float(rng.uniform(0, 360)), float(rng.uniform(60, 80))
            picture = ring.view(heading_deg, field_of_view_deg=field_deg, side_px=given.side_px)
            asked = with_lens(picture, field_deg) if given.lens else picture
            row = []
            for verify in ("off", "accurate"):
                fix = city.locate(asked, verify=verify, least_confidence=0.0)
                off_deg = np.nan if fix.heading_deg is None else abs((fix.heading_deg - heading_deg + 180) % 360 - 180)
                row += [distance_m(fix.position, at), off_deg, fix.confidence]
            row.append(sum(c.inliers is not None for c in fix.candidates))
            rows.append(row)
    table = np.array(rows, float)
    verified = table[:, 6] > 0
    for name, these in (("all", verified | True), ("verified", verified), ("not verified", ~verified)):
        for verify, first in (("off", 0), ("accurate", 3)):
            right = these & (table[:, first] <= 25) & (table[:, first + 2] >= 0.5)
            metres, degrees = table[right, first], table[right, first + 1]
            print(
                f"{name}, {verify}: {right.sum()} right answers of {these.sum()}, "
                f"median error {np.median(metres):.2f} m, "
                f"heading off by {np.median(degrees):.1f} deg (median), {np.percentile(degrees, 90):.1f} (nine in ten)"
            )


if __name__ == "__main__":
    main()
