"""Nearest-neighbour search over a map file, by FAISS and the store: milliseconds for ten million photos."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from ..geo import Region
from ..store.sqlite.store import SqliteStore
from ..store.store import Store
from ..types import Progress, silent
from . import index_file
from .hamming import has_faiss
from .index import Index, UnusableIndex
from .levels import Levels, levels_of, merge, rounded_up
from .live_index import LiveIndex
from .maintainer import IndexMaintainer, Limits
from .search import Rows, Similarities, Units, cosines

# Measured with benchmarks/million.py on one core, with 512 numbers per photo. Exact search of 20,000 photos takes 4 ms
# and 40 MB, read from the store in 0.3 s; of 50,000 photos 10 ms, 100 MB and 0.5 s. Sketches of 200,000 photos are
# computed in 2.3 s and searched in 1.3 ms; those of a million are searched in 3 ms.
EXACT_BELOW = 20_000
LISTS_FROM = 300_000
# The number of candidates beyond 2 k that are compared exactly, at 4 microseconds each; for k up to 20 there are 150 in
# total. Of the true ten within the searched lists, 150 candidates contain 0.999 in a map of a million and 0.989 in one
# of ten million, where 300 candidates contain 0.998.
SPARE, SPARE_PER_ROOT = 110, 1 / 12


@dataclass(frozen=True, slots=True)
class _Candidates:
    """The candidates of a shortlist that are still in the map, nearest sketch first, with descriptors and levels."""

    rows: Rows
    units: Units
    levels: Levels


class IndexedSearch:
    """Search over a map of any size: exact below 20,000 photos, by a compressed index above. See Search.

    The index is a cache in the folder `<map>.index/`. It is built from the store if it is missing, damaged or belongs
    to another map, and stays in memory if the folder cannot be written. All candidates are compared by the descriptors
    in the store, so similarities are exact, removed photos never appear, and added photos are found. A newer index is
    built in the background while the old one is in use.

    Args:
        store: the store of the map. `close` does not close it.
        folder: the folder of the index, created when needed.
        progress: called with the progress of building the index while the caller waits for it.
        notice: called with one line about an index that must be rebuilt, and why; by default the log "viewfix".
        exact_below, lists_from: the numbers of photos above which a map gets an index, and an index inverted lists.
    """

    def __init__(
        self,
        store: Store,
        folder: Path,
        *,
        progress: Progress = silent,
        notice: Callable[[str], None] | None = None,
        exact_below: int = EXACT_BELOW,
        lists_from: int = LISTS_FROM,
    ) -> None:
        notice = notice or logging.getLogger("viewfix").warning
        self._store = store
        self._live = LiveIndex(store, folder, most_exact=exact_below)
        limits = Limits(exact_below, lists_from if has_faiss() else math.inf)
        if len(store) >= lists_from and not has_faiss():
            notice(
                f"{store.address} has {len(store):,} photos. To search it in milliseconds, run: "
                "pip install 'viewfix[large]'"
            )
        self._maintainer = IndexMaintainer(store, folder, self._live, limits=limits, progress=progress, notice=notice)
        if len(store) > exact_below:
            self._live.adopt(_loaded(store, folder, notice) or self._maintainer.build_now())
        self._maintainer.check(store.version)

    @classmethod
    def opened(
        cls, store: SqliteStore, *, progress: Progress = silent, notice: Callable[[str], None] | None = None
    ) -> Self:
        """See open_search. The index folder is beside the map file."""
        return cls(store, index_file.folder_of(store.path), progress=progress, notice=notice)

    def nearest(self, query: Units, k: int, region: Region | None = None) -> tuple[Rows, Similarities]:
        """See Search. In a large map, about 1 in 100 of the true ten may be missed if no region is given."""
        query = np.ascontiguousarray(query, dtype=np.float32)
        version = self._store.version
        self._maintainer.check(version)
        now = self._live.snapshot(version)
        rows, similarities = now.tail.nearest(query, rounded_up(k), region)
        levels = np.zeros(len(rows), np.int8)
        for index in now.indexes:
            found = self._candidates(index, query, rounded_up(k), region, distrust=now.damaged and index is now.main)
            rows, levels = np.concatenate([rows, found.rows]), np.concatenate([levels, found.levels])
            similarities = np.concatenate([similarities, cosines(found.units, query)])
        return merge(rows, similarities, levels, k)

    def _candidates(self, index: Index, query: Units, k: int, region: Region | None, *, distrust: bool) -> _Candidates:
        """Find at least k rows of an index that are still in the map, if there are that many."""
        spare = max(SPARE, int(SPARE_PER_ROOT * len(index.sketches) ** 0.5))
        count = spare + 2 * k
        code = index.sketches.sketcher.sketch(query[None])
        if index.lists is not None and region is None:
            found = self._present(index.lists.shortlist(code, count), k, spare)
            if len(found.rows) >= k:
                return found
        while True:
            shortlist = index.sketches.shortlist(code, count, region)
            found = self._present(self._inside(region, shortlist) if distrust and region else shortlist, k, spare)
            if len(found.rows) >= k or len(shortlist) < count or count >= len(index.sketches):
                return found
            count *= 4  # most of them were removed from the map: search for more

    def _present(self, shortlist: Rows, k: int, spare: int) -> _Candidates:
        rows, units = self._store.present(shortlist)
        present = np.ones(len(shortlist), bool) if len(rows) == len(shortlist) else np.isin(shortlist, rows)
        return _Candidates(rows, units, levels_of(present, k, spare)[present])

    def _inside(self, region: Region, rows: Rows) -> Rows:
        """The rows that lie in a region according to the store."""
        found = [(row, photo.position) for row in rows.tolist() for photo in self._store.photos([row])]
        return np.array([row for row, at in found if region.contains(at.lat, at.lon)], np.int64)

    def refresh(self) -> None:
        """Merge recent changes into the index, in the background: for the process that wrote them."""
        self._maintainer.check(self._store.version, wrote=True)

    def settle(self) -> None:
        """Wait for the background work to finish, and report its progress meanwhile."""
        self._maintainer.settle()

    def close(self) -> None:
        """Release the index. Work started by `refresh` is finished, other work is abandoned. May be called twice."""
        self._maintainer.close()
        self._live.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _loaded(store: Store, folder: Path, notice: Callable[[str], None]) -> Index | None:
    try:
        return index_file.load(store, folder)
    except UnusableIndex as error:
        notice(f"Rebuilding the search index of {store.address}: {error}.")
        return None
