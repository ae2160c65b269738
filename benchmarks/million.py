"""Build, open and search a map of many photos, and print a table of times, recall and memory.

    python benchmarks/million.py                      a million photos, 1.6 GB of disk, about 3 minutes
    python benchmarks/million.py --photos 100000 --keep DIR
    python benchmarks/million.py --photos 10000000 --keep DIR --changes          19 GB of disk, about half an hour

Opening and searching are measured in fresh processes with one thread. With --changes, the map is also changed, and its
index renewed while it is searched. With --keep, the true neighbours are stored beside the map.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import changes, streets  # noqa: E402
from viewfix.geo import Circle  # noqa: E402
from viewfix.search.indexed import IndexedSearch  # noqa: E402
from viewfix.store.store import ModelIdentity, Store  # noqa: E402

TOP = 10
QUERIES, FEWEST = 1000, 200
COMPARED = 2 * 10**9  # at most so many pairs are compared for the truth, but for the fewest queries
CIRCLE_M = 1000.0
Table = dict[str, Any]


@contextmanager
def timed(table: Table, name: str) -> Iterator[None]:
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    table[name] = f"{time.perf_counter() - wall:.1f} s wall, {time.process_time() - cpu:.1f} s CPU"


def make(path: Path, count: int) -> Table:
    table: Table = {}
    with timed(table, "generate and put"), Store.create(path, ModelIdentity("made-up", "0" * 64, streets.DIM)) as store:
        for records, descriptors in streets.photos(count):
            store.put(records, descriptors)
    return table


def index(path: Path) -> Table:
    table: Table = {}
    with Store.open(path, write=True) as store, timed(table, "build the index, if there is none"):
        IndexedSearch.opened(store).close()
    return table


def sizes(path: Path) -> Table:
    with Store.open(path) as store:
        facts = store.info()
        count = max(1, facts["photos"])
    return {
        "photos": facts["photos"],
        "map": f"{facts['map_bytes'] / 1e6:.0f} MB, {facts['map_bytes'] / count:.0f} bytes a photo",
        "index": f"{facts['index_bytes'] / 1e6:.0f} MB, {facts['index_bytes'] / count:.0f} bytes a photo",
    }


def asked(path: Path) -> np.ndarray:
    """(Q, dim) queries for a map; fewer for a large map, where finding the true neighbours takes long."""
    with Store.open(path) as store:
        count = len(store)
    return streets.queries(QUERIES, count)[: max(FEWEST, min(QUERIES, COMPARED // max(1, count)))]


def known_truth(path: Path) -> np.ndarray:
    """The result of `truth` for the queries of a map, stored beside it."""
    kept = path.with_name(path.name + ".truth.npy")
    if not kept.exists():
        np.save(kept, truth(path, asked(path)))
    return np.asarray(np.load(kept))


def truth(path: Path, questions: np.ndarray) -> np.ndarray:
    """The (Q, 10) truly nearest rows, by comparing with all descriptors, in chunks."""
    with Store.open(path) as store:
        rows = np.zeros((len(questions), TOP), np.int64)
        best = np.full((len(questions), TOP), -2.0, np.float32)
        for chunk_rows, halves in store.iter_descriptors(65_536):
            units = halves.astype(np.float32)
            units /= np.linalg.norm(units, axis=1, keepdims=True)
            both = np.hstack([best, questions @ units.T])
            all_rows = np.hstack([rows, np.broadcast_to(chunk_rows, (len(questions), len(chunk_rows)))])
            at = np.argpartition(both, -TOP, axis=1)[:, -TOP:]
            best, rows = np.take_along_axis(both, at, 1), np.take_along_axis(all_rows, at, 1)
    return rows


def memory() -> Table:
    """The resident memory of this process, and its share of file pages, which the system may drop."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    mb = {name: int(status[name].split()[0]) / 1024 for name in ("VmRSS", "RssFile", "VmHWM")}
    return {"resident": f"{mb['VmRSS']:.0f} MB, of it {mb['RssFile']:.0f} MB file pages; peak {mb['VmHWM']:.0f} MB"}


class Spent(NamedTuple):
    """The milliseconds per query."""

    median: float
    p95: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ms median, {self.p95:.2f} ms 95th, {self.cpu:.2f} ms CPU"


def clocked(ask: Callable[[Any], Any], questions: list[Any]) -> tuple[list[Any], Spent]:
    """The answers to all queries, and their times after a warm-up round."""
    for question in questions:
        ask(question)
    answers, spent, cpu = [], [], time.process_time()
    for question in questions:
        start = time.perf_counter()
        answers.append(ask(question))
        spent.append((time.perf_counter() - start) * 1e3)
    cpu = (time.process_time() - cpu) * 1e3 / len(questions)
    p95 = sorted(spent)[int(0.95 * len(spent))]
    return answers, Spent(statistics.median(spent), p95, cpu)


def opening(path: Path) -> Table:
    start, cpu = time.perf_counter(), time.process_time()
    with Store.open(path) as store, IndexedSearch.opened(store) as search:
        opened = time.perf_counter() - start, time.process_time() - cpu
        [query] = streets.queries(1, len(store))
        start = time.perf_counter()
        search.nearest(query, TOP)
        first = time.perf_counter() - start
    wall = f"{opened[0]:.2f} s wall, {opened[1]:.2f} s CPU"
    return {"open the map and its index": wall, "first query": f"{first * 1e3:.1f} ms"} | memory()


def recall(answers: Sequence[np.ndarray], right: np.ndarray) -> float:
    """The share of the true ten that were found."""
    return float(np.mean([len(set(a.tolist()) & set(b.tolist())) / TOP for a, b in zip(answers, right, strict=True)]))


def cold(path: Path) -> Table:
    """Time opening and searching while nothing of the map or its index is in the file cache."""
    for file in (path, *path.with_name(path.name + ".index").glob("*-*")):
        with file.open("rb") as opened:
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    start = time.perf_counter()
    with Store.open(path) as store, IndexedSearch.opened(store) as search:
        opened_s = time.perf_counter() - start
        questions = asked(path)
        spent = [changes.taken(lambda: search.nearest(query, TOP)) * 1e3 for query in questions]  # noqa: B023
    half = len(spent) // 2
    return {
        "from a cold disk: open": f"{opened_s:.2f} s",
        "from a cold disk: search": f"first {spent[0]:.0f} ms, median of the first {half} "
        f"{statistics.median(spent[:half]):.1f} ms, of the next {half} {statistics.median(spent[half:]):.1f} ms",
    }


def everywhere(path: Path) -> Table:
    with Store.open(path) as store, IndexedSearch.opened(store) as search:
        questions = asked(path)
        answers, spent = clocked(lambda query: search.nearest(query, TOP)[0], list(questions))
        table = {"search": str(spent)} | {f"after {len(questions)} searches, {k}": v for k, v in memory().items()}
        right = known_truth(path)
    return table | {f"recall of the true {TOP}": f"{recall(answers, right):.4f}"}


def near(path: Path) -> Table:
    """Time searches within 1 km of the centre of cities, from dense to sparse."""
    table: Table = {}
    rng = np.random.default_rng(5)
    with Store.open(path) as store, IndexedSearch.opened(store) as search:
        places = len(store) // (streets.CITIES * streets.PHOTOS_PER_PLACE)
        for number in range(len(streets.SPREADS_M)):
            city = streets.city(number, places)
            middle = np.argmin(np.abs(city.lats - city.lats.mean()) + np.abs(city.lons - city.lons.mean()))
            circle = Circle(float(city.lats[middle]), float(city.lons[middle]), CIRCLE_M)
            rows = store.rows_in(circle)
            units = store.descriptors(rows)
            here = np.flatnonzero(circle.contains(city.lats, city.lons))
            questions = streets.seen(city.looks[rng.choice(here, 200)], rng)
            answers, spent = clocked(lambda query, at=circle: search.nearest(query, TOP, at)[0], list(questions))  # type: ignore[misc]
            right = rows[np.argpartition(questions @ units.T, -TOP, axis=1)[:, -TOP:]]
            table[f"near 1 km, {len(rows)} photos in it"] = f"{spent}, recall {recall(answers, right):.4f}"
    return table | {f"after regions, {k}": v for k, v in memory().items()}


STAGES: dict[str, Callable[[Path], Table]] = {"opening": opening, "everywhere": everywhere, "near": near, "cold": cold}
CHANGES: dict[str, Callable[[Path], Table]] = {
    "wide": changes.wide,
    "changing": lambda path: changes.changing(path, known_truth(path)),
    "renewing": lambda path: changes.renewing(path, known_truth(path)),
}


def fresh(stage: str, path: Path) -> Table:
    """The table of one stage from a separate process. Stages that only search use one thread."""
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS") if stage in STAGES else ()
    one = {name: "1" for name in threads}
    command = [sys.executable, __file__, "--stage", stage, "--map", str(path)]
    done = subprocess.run(command, env=os.environ | one, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout))


def show(table: Table) -> None:
    for name, value in table.items():
        print(f"{name:<42}{value}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=1_000_000)
    parser.add_argument("--keep", type=Path, metavar="DIR", help="folder of the map, which is built if missing")
    parser.add_argument("--changes", action="store_true", help="also change the map")
    parser.add_argument("--stage", choices=STAGES | CHANGES, help=argparse.SUPPRESS)
    parser.add_argument("--map", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.stage:
        print(json.dumps((STAGES | CHANGES)[args.stage](args.map)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{args.photos}.map"
        if not path.exists():
            show(make(path, args.photos))
        show(index(path) | sizes(path))
        known_truth(path)
        for stage in STAGES | CHANGES if args.changes else STAGES:
            show(fresh(stage, path))
    print(f"peak while making and asking: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
