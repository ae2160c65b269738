"""Measure base maps: making them from real extracts, their size beside a map and in a pack, and drawing in a report."""

from __future__ import annotations

import argparse
import csv
import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from truth import DATA

from viewfix import Map, basemap, osm
from viewfix.basemap.drawing import draw
from viewfix.geo import Plane
from viewfix.pack import PackOptions
from viewfix.reports.plan import Frame
from viewfix.types import Position

PLACES = {  # corners of the photos of a map, south-west and north-east
    "Helsinki": (Position(60.1655, 24.9370), Position(60.1780, 24.9520)),
    "monaco": (Position(43.7300, 7.4150), Position(43.7420, 7.4300)),
}
TIMES = 5


def photographed(folder: Path, corners: tuple[Position, Position]) -> Path:
    """A map of four noisy pictures, one in each corner of an area."""
    rng = np.random.default_rng(0)
    manifest = folder / "photos.csv"
    with manifest.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(("file", "lat", "lon"))
        for number, (lat, lon) in enumerate((a.lat, b.lon) for a in corners for b in corners):
            picture = folder / f"{number}.jpg"
            Image.fromarray(rng.integers(0, 256, (120, 160, 3)).astype(np.uint8)).save(picture)
            writer.writerow((picture, lat, lon))
    Map.build(folder / "city.map", manifest).close()
    return folder / "city.map"


def cpu_s() -> float:
    """What this process and its finished children took of the processors: a busy machine changes it little."""
    return sum(os.times()[:4])


def measured(name: str, corners: tuple[Position, Position]) -> None:
    """Print one line for each figure of an extract."""
    extract = DATA / "osm" / f"{name}.osm.pbf"
    with tempfile.TemporaryDirectory() as made:
        path = photographed(Path(made), corners)
        taken, cpu = [], []
        for _ in range(TIMES):
            began, cpu_began = time.perf_counter(), cpu_s()
            added = basemap.add(path, extract)
            taken.append(time.perf_counter() - began)
            cpu.append(cpu_s() - cpu_began)
        print(f"{name}: {added}")
        print(f"  made in: fastest {min(taken):.2f} s, median {statistics.median(taken):.2f} s of {TIMES}")
        print(f"  on the processor: fastest {min(cpu):.2f} s, median {statistics.median(cpu):.2f} s")
        began = time.perf_counter()
        osm.add(path, extract)
        print(f"  base map, roads and sights: {time.perf_counter() - began:.2f} s")
        with Map.open(path) as city:
            plain = city.pack(Path(made) / "plain", PackOptions(plain_ground=True))
            packed = city.pack(Path(made) / "pocket")
            more = packed.bytes_in_all - plain.bytes_in_all
            print(f"  in the pack: {packed.sizes['base map'] / 1000:,.0f} kB; with what draws it {more / 1000:,.0f} kB")
            middle = Position((corners[0].lat + corners[1].lat) / 2, (corners[0].lon + corners[1].lon) / 2)
            for half_m in (100.0, 700.0):
                drawn(city, Frame(Plane(middle), (0.0, 0.0), 200.0 / half_m, 400.0, 400.0), half_m)


def drawn(city: Map, frame: Frame, half_m: float) -> None:
    """Print what one plan of a report costs."""
    began = time.perf_counter()
    ground = draw(city.basemap, frame)
    took_ms = (time.perf_counter() - began) * 1000
    size = 0 if ground is None else sum(len(shape.path) for shape in ground.shapes)
    print(f"  under a plan of {2 * half_m:.0f} m: {size / 1000:.0f} kB, {took_ms:.0f} ms")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    for city_name, area in PLACES.items():
        measured(city_name, area)
