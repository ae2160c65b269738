"""Time adding to and removing from a large map, and searching it while its index is rebuilt.

Used by benchmarks/million.py. At the end, the map has the same photos as at the beginning.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import streets
from viewfix.geo import Box, Circle, Region
from viewfix.search.indexed import IndexedSearch
from viewfix.store.store import Record, Store
from viewfix.types import Photo, Position

TOP = 10
A_FEW, MANY = 1_000, 25_000
PAUSE_S = 0.02  # between two questions while something goes on behind
Table = dict[str, Any]


def newcomers(count: int, photos: int) -> tuple[list[Record], np.ndarray]:
    """Photos all over the first city that are not in the map."""
    places = photos // (streets.CITIES * streets.PHOTOS_PER_PLACE)
    city, rng = streets.city(0, places), np.random.default_rng(9)
    at = rng.integers(places, size=count)
    records = [
        Record(Photo(f"new/{n}.jpg", f"/new/{n}.jpg", Position(city.lats[i], city.lons[i])), "0")
        for n, i in enumerate(at)
    ]
    return records, streets.seen(city.looks[at], rng)


def anonymous_mb() -> float:
    """The memory of this process in megabytes, without file pages."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["RssAnon"].split()[0]) / 1024


def taken(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def asked_until(done: Callable[[], bool], search: IndexedSearch, questions: np.ndarray, right: np.ndarray) -> str:
    """Search until `done`, and summarise times, recall and memory."""
    spent, found, peak, begun = [], [], 0.0, time.perf_counter()
    while not done():
        number = len(spent) % len(right)
        start = time.perf_counter()
        rows, _ = search.nearest(questions[number], TOP)
        spent.append((time.perf_counter() - start) * 1e3)
        found.append(len(set(rows.tolist()) & set(right[number].tolist())) / TOP)
        peak = max(peak, anonymous_mb())
        time.sleep(PAUSE_S)
    if not spent:
        return "done at once"
    return (
        f"{time.perf_counter() - begun:.1f} s; {len(spent)} searches meanwhile: {statistics.median(spent):.1f} ms "
        f"median, {np.percentile(spent, 95):.1f} ms 95th, {max(spent):.0f} ms at most, recall {np.mean(found):.4f}; "
        f"{peak:.0f} MB of memory at the peak"
    )


def changing(path: Path, right: np.ndarray) -> Table:
    """Time adding and removing few and many photos, and searching during a merge and during a rebuild."""
    table: Table = {}
    with Store.open(path, write=True) as store, IndexedSearch.opened(store) as search:
        photos = len(store)
        questions = streets.queries(1000, photos)
        search.nearest(questions[0], TOP)
        records, descriptors = newcomers(A_FEW, photos)
        spent = taken(lambda: store.put(records, descriptors))
        table[f"add {A_FEW:,}"] = f"{spent:.2f} s; the next search {first(search, questions)}"
        spent = taken(lambda: store.remove([record.photo.id for record in records]))
        table[f"remove {A_FEW:,}"] = f"{spent:.2f} s; the next search {first(search, questions)}"
        records, descriptors = newcomers(MANY, photos)
        rows = store.version.last_row + 1 + np.arange(MANY)  # that they will get
        right = joined(store, questions[: len(right)], right, (rows, descriptors))
        table[f"add {MANY:,}"] = f"{taken(lambda: store.put(records, descriptors)):.2f} s"
        begun = 1e3 * taken(search.refresh)
        next_one = first(search, questions)
        done = asked_until(lambda: not search._maintainer._background.busy, search, questions, right)
        table[f"fold {MANY:,} in behind"] = f"begun in {begun:.1f} ms, the next search {next_one}, {done}"
        spent = taken(lambda: store.remove([record.photo.id for record in records]))
        table[f"remove {MANY:,}"] = f"{spent:.2f} s; the next search {first(search, questions)}"
    return table


def renewing(path: Path, right: np.ndarray) -> Table:
    """Time rebuilding the whole index in the background, as after it was found damaged."""
    with Store.open(path) as store, IndexedSearch.opened(store) as search:
        questions = streets.queries(1000, len(store))
        search.settle()
        search._maintainer._damaged = True
        search._maintainer.check(store.version)
        done = asked_until(lambda: not search._maintainer._background.busy, search, questions, right)
    return {"rebuild the index in the background": done}


def wide(path: Path) -> Table:
    """Time searching and listing regions with many photos."""
    table: Table = {}
    with Store.open(path) as store, IndexedSearch.opened(store) as search:
        photos = len(store)
        questions = streets.queries(1000, photos)[:20]
        city = streets.city(0, photos // (streets.CITIES * streets.PHOTOS_PER_PLACE))
        lat, lon = float(city.lats.mean()), float(city.lons.mean())
        regions: dict[str, Region] = {
            "near 300 m": Circle(lat, lon, 300.0),
            "near 10 km": Circle(lat, lon, 10_000.0),
            "near 2,000 km": Circle(lat, lon, 2_000_000.0),
            "half of the world": Box(-90.0, -180.0, 90.0, 0.0),
        }
        for name, region in regions.items():
            spent = [1e3 * taken(lambda: search.nearest(query, TOP, region)) for query in questions]  # noqa: B023
            start = time.perf_counter()
            count = len(store.rows_in(region))
            listed = time.perf_counter() - start
            table[name] = f"{statistics.median(spent):.1f} ms median; its {count:,} rows are listed in {listed:.2f} s"
    return table | {"memory after wide regions": f"{anonymous_mb():.0f} MB, pages of files left out"}


def joined(store: Store, questions: np.ndarray, right: np.ndarray, new: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """The true neighbours after new photos were added: (rows, descriptors)."""
    rows, descriptors = new
    among_old = np.stack([store.descriptors(old) @ q for q, old in zip(questions, right, strict=True)])
    both = np.hstack([among_old, questions @ descriptors.T])
    all_rows = np.hstack([right, np.broadcast_to(rows, (len(questions), len(rows)))])
    return np.take_along_axis(all_rows, np.argsort(-both, axis=1)[:, :TOP], 1)


def first(search: IndexedSearch, questions: np.ndarray) -> str:
    return f"{1e3 * taken(lambda: search.nearest(questions[0], TOP)):.1f} ms"
