"""A query descriptor goes in, its nearest rows come out, in milliseconds of ten millions: FAISS over the store."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Self

import numpy as np
import numpy.typing as npt

from ..geo import Region
from ..store.sqlite.store import SqliteStore
from ..types import Progress, silent
from . import index_file as cache
from .index_file import Cache, Unfit
from .maintainer import IndexMaintainer
from .search import best, cosines
from .snapshot import Serving

Rows = npt.NDArray[np.int64]
Units = npt.NDArray[np.float32]

# Measured with benchmarks/million.py on one core, 512 numbers a photo. Comparing with all of 20,000 photos takes 4 ms
# and 40 MB, read from the store in 0.3 s; of 50,000 10 ms, 100 MB and 0.5 s. Sketches of 200,000 are made in 2.3 s and
# searched in 1.3 ms, of a million in 3 ms.
EXACT_BELOW = 20_000
LISTS_FROM = 300_000
# Candidates beyond 2 k that are compared exactly, at 4 microseconds each. Of the true ten that were in the lists looked
# into, 150 candidates held 0.999 in a million and 0.989 in ten million; 300 held 0.998 there.
SPARE, SPARE_PER_ROOT = 130, 1 / 12


class FaissSearch:
    """Search over a map of any size, exact below 20,000 photos, by a compressed index above.

    The index is a cache in `<map>.index/`: made from the store when it is missing, unusable or of
    another map, and held in memory where it cannot be written. Candidates are compared exactly
    with the descriptors of the store, so similarities are true, and photos removed since never
    come out; those added since are found too. Once there is a cache, a newer one is made in the
    background, while the old one serves.

    Args:
        store: the map. It stays open, and is not closed by `close`.
        progress: told how far making the index is, while somebody waits for it.
        notice: told in one line what had to be done and why; the log "viewfix" by default.
        exact_below, lists_from: numbers of photos from which on a map is indexed, and by lists.
    """

    def __init__(
        self,
        store: SqliteStore,
        *,
        progress: Progress = silent,
        notice: Callable[[str], None] | None = None,
        exact_below: int = EXACT_BELOW,
        lists_from: int = LISTS_FROM,
    ) -> None:
        notice = notice or logging.getLogger("viewfix").warning
        self._store = store
        self._serving = Serving(store, most_exact=exact_below)
        sizes = (exact_below, lists_from)
        self._keeper = IndexMaintainer(store, self._serving, sizes=sizes, progress=progress, notice=notice)
        if len(store) > exact_below:
            self._serving.adopt(_loaded(store, notice) or self._keeper.made_now())
        self._keeper.look(store.version)

    def nearest(
        self, query: npt.NDArray[np.float32], k: int, region: Region | None = None
    ) -> tuple[Rows, npt.NDArray[np.float32]]:
        """See Search. Without a region about 1 in 100 of the true ten may be missed in a large map."""
        query = np.ascontiguousarray(query, dtype=np.float32)
        version = self._store.version
        self._keeper.look(version)
        now = self._serving.upto(version)
        rows, similarities = now.tail.nearest(query, k, region)
        for each in now.caches:
            old_rows, units = self._candidates(each, query, k, region, doubted=now.doubted and each is now.main)
            rows = np.concatenate([rows, old_rows])
            similarities = np.concatenate([similarities, cosines(units, query)])
        return best(rows, similarities, k)

    def _candidates(
        self, found: Cache, query: Units, k: int, region: Region | None, *, doubted: bool
    ) -> tuple[Rows, Units]:
        """At least k rows of the cache that are still there, if there are so many, with their descriptors."""
        count = max(SPARE, int(SPARE_PER_ROOT * len(found.sketches) ** 0.5)) + 2 * k
        code = found.sketches.sketcher.sketch(query[None])
        if found.lists is not None and region is None:
            rows, units = self._store.present(found.lists.shortlist(code, count))
            if len(rows) >= k:
                return rows, units
        while True:
            asked = found.sketches.shortlist(code, count, region)
            rows, units = self._store.present(self._truly_in(region, asked) if doubted and region else asked)
            if len(rows) >= k or len(asked) < count or count >= len(found.sketches):
                return rows, units
            count *= 4  # most of them are gone from the store: look further

    def _truly_in(self, region: Region, rows: Rows) -> Rows:
        """Those of some rows that lie in a region by what the store says."""
        found = [(row, photo.position) for row in rows.tolist() for photo in self._store.photos([row])]
        return np.array([row for row, at in found if region.contains(at.lat, at.lon)], np.int64)

    def refresh(self) -> None:
        """Fold what changed since into the cache, in the background: after a build, by the process that wrote."""
        self._keeper.look(self._store.version, wrote=True)

    def settle(self) -> None:
        """Wait until what is made in the background is there; progress is shown meanwhile."""
        self._keeper.settle()

    def close(self) -> None:
        """Let go of the index. What `refresh` began is finished, other work is given up. Closing twice is allowed."""
        self._keeper.close()
        self._serving.let_go()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _loaded(store: SqliteStore, notice: Callable[[str], None]) -> Cache | None:
    try:
        return cache.load(store)
    except Unfit as error:
        notice(f"The search index beside {store.path} is made again: {error}.")
        return None
