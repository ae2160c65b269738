"""The CPU time and size of vector tiles of a large map, for each zoom.

python benchmarks/tiles.py                   a million photos on 250 km of streets, half a minute to make
python benchmarks/tiles.py --photos 100000
"""

from __future__ import annotations

import argparse
import math
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from viewfix.server.overview import Overview  # noqa: E402
from viewfix.server.stac.tiles import TileAddress, TileContent  # noqa: E402
from viewfix.store.store import ModelIdentity, Record, Store  # noqa: E402
from viewfix.types import Photo, Position  # noqa: E402

BATCH = 5_000
SOUTH, WEST = 52.2, 0.1
STREETS, STEP_DEG = 50, 0.0009
"""Streets from south to north, 60 m apart, 5 km long each."""


def photos(count: int) -> Iterator[list[Record]]:
    """Batches of photos along parallel streets."""
    along = max(1, count // STREETS)
    for start in range(0, count, BATCH):
        batch = []
        for n in range(start, min(start + BATCH, count)):
            street, place = divmod(n, along)
            at = Position(SOUTH + 0.045 * place / along, WEST + street * STEP_DEG)
            batch.append(Record(Photo(f"photo/{n}.jpg", f"/photos/{n}.jpg", at, float(n % 360)), f"{n:032x}"))
        yield batch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=1_000_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.map"
        rng = np.random.default_rng(0)
        with Store.create(path, ModelIdentity("none", "none", 8)) as store:
            for batch in photos(given.photos):
                store.put(batch, rng.standard_normal((len(batch), 8)).astype(np.float32))
        with Store.open(path) as store:
            overview = Overview()
            began = time.process_time()
            overview.estimated(store, TileAddress.of(0, 0, 0).box(), 1)
            print(
                f"{len(store):,} photos; the sample of the map, drawn once: {time.process_time() - began:.2f} s of CPU"
            )
            for z in (0, 6, 10, 12, 13, 14, 15):
                show(store, overview, z)
    print(f"memory at the peak: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def show(store: Store, overview: Overview, z: int) -> None:
    """Print what the tile in the middle of the map costs."""
    lat, lon = math.radians(SOUTH + 0.02), WEST + STREETS / 2 * STEP_DEG
    x = int((lon + 180) / 360 * 2**z)
    y = int((1 - math.asinh(math.tan(lat)) / math.pi) / 2 * 2**z)
    times = []
    for _ in range(5):
        content = TileContent(TileAddress.of(z, x, y))
        began = time.process_time()
        content.add(store, "large", overview)
        data = content.to_bytes()
        times.append(time.process_time() - began)
    print(
        f"zoom {z}: {sorted(times)[2] * 1e3:.0f} ms of CPU, {len(data) / 1e3:.0f} kB, {len(content.grid)} cells, "
        f"{len(content.sequences)} sequences, {len(content.pictures)} photos",
        flush=True,
    )


if __name__ == "__main__":
    main()
