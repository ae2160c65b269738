"""Measure points of interest: reading real extracts, the sights kept, and a lookup among 100,000 points."""

from __future__ import annotations

import argparse
import csv
import random
import statistics
import tempfile
import time
import tracemalloc
from collections import Counter
from pathlib import Path

from truth import DATA

from viewfix import pois
from viewfix.pois.nearby import Reach
from viewfix.store.store import ModelIdentity, Store
from viewfix.types import Fix, Position

TOY = ModelIdentity("toy", "f" * 64, 2)
PLACES = {  # where a traveller may stand: what a good guide would say there can be judged by eye
    "Monaco, casino": (43.7394, 7.4275),
    "Monaco, palace": (43.7311, 7.4202),
    "Helsinki, cathedral": (60.1699, 24.9523),
    "Helsinki, railway station": (60.1710, 24.9414),
    "Helsinki, market square": (60.1675, 24.9525),
}


def made(file: Path, count: int) -> None:
    """Write points all over a city of 30 km by 30 km. As with real sights, only few have many names and links."""
    rng = random.Random(0)
    kinds = ("tourism=museum", "tourism=artwork", "historic=memorial", "amenity=place_of_worship", "leisure=park")
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(("lat", "lon", "name", "kind", "wikipedia", "wikidata", "name:uk"))
        for number in range(count):
            known = rng.random() < 0.2
            wiki = (f"en:Sight {number}", f"Q{number + 1}", f"Пам'ятка {number}") if known else ("", "", "")
            at = 52.0 + 0.27 * rng.random(), 0.1 + 0.44 * rng.random()
            writer.writerow((*(f"{degrees:.7f}" for degrees in at), f"Sight {number}", rng.choice(kinds), *wiki))


def read(map_path: Path, file: Path) -> None:
    started = time.perf_counter()
    added = pois.add(map_path, file)
    print(f"{file.name}, {file.stat().st_size / 1e6:.1f} MB: {added}, {time.perf_counter() - started:.2f} s")


def lookups(store: Store, times: int = 1000) -> None:
    rng, taken_ms, named = random.Random(1), [], 0
    for _ in range(times):
        at = Position(52.0 + 0.27 * rng.random(), 0.1 + 0.44 * rng.random(), 25.0)
        started = time.perf_counter()
        fix = pois.with_nearby(store, Fix(at, 0.9, (), "", heading_deg=90.0), Reach())
        taken_ms.append(1000 * (time.perf_counter() - started))
        named += len(fix.nearby)
    taken_ms.sort()
    median, p95 = statistics.median(taken_ms), taken_ms[int(0.95 * times)]
    print(f"lookup among {len(store.points):,}: median {median:.2f} ms, p95 {p95:.2f} ms, {named / times:.1f} named")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--points", type=int, default=100_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        real = Path(folder) / "real.map"
        Store.create(real, TOY).close()
        for name in ("monaco.osm.pbf", "Helsinki.osm.pbf"):
            read(real, given.data / "osm" / name)
        with Store.open(real) as store:
            kinds = Counter(point.kind.split("=")[0] for point in store.points.all())
            print("by key:", ", ".join(f"{key} {count}" for key, count in kinds.most_common()))
            for place, (lat, lon) in PLACES.items():
                fix = pois.with_nearby(store, Fix(Position(lat, lon, 10.0), 0.9, (), ""), Reach())
                seen = (f"{near.point.named('en')} {near.distance_m:.0f} m" for near in fix.nearby)
                print(f"  {place}: {'; '.join(seen)}")
        many, table = Path(folder) / "many.map", Path(folder) / "many.csv"
        Store.create(many, TOY).close()
        made(table, given.points)
        read(many, table)
        print(f"the map: {many.stat().st_size / 1e6:.0f} MB")
        with Store.open(many) as store:
            lookups(store)
        tracemalloc.start()
        pois.add(many, table)  # once more: replaced, in bounded memory
        print(
            f"memory of Python at the peak while they are replaced: {tracemalloc.get_traced_memory()[1] / 1e6:.1f} MB"
        )


if __name__ == "__main__":
    main()
