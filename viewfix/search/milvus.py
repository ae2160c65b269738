"""Nearest-neighbour search in Milvus: the collection proposes candidates, which are compared by the records."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from ..errors import StorageFailed
from ..geo import Region
from ..store.milvus.collection import MOST
from ..store.milvus.sync import SyncState, mismatch
from ..store.records import to_units
from ..types import Progress, silent
from .exact import ExactSearch
from .levels import rounded_up
from .search import Rows, Similarities, Units, best, cosines

if TYPE_CHECKING:
    from ..store.milvus.store import MilvusStore

SPARE = 110  # candidates beyond 2 k that are compared with the records
SMALL_REGION = 1_000  # in a region with at most this many photos, compare all of them without querying Milvus
EXACT_BELOW = 20_000  # the most photos that Milvus may lack; they are compared one by one, in 4 ms
FOLLOW_FROM = 2_000  # the number of added photos after which the state of the collection is read again
_CHUNK = 8_192
_TRIES = 3


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """The state for one query: Milvus answers for the rows up to `filled.through`, `tail` for the rows after."""

    filled: SyncState
    tail: ExactSearch


class MilvusSearch:
    """Search over a map whose collection is in Milvus. See Search.

    Each candidate is looked up in the records, so removed photos never appear. Milvus is queried for the rows that,
    according to the records, it contains; later rows are compared one by one. A collection that does not match the
    records is not used: a small map is then searched exactly, and for a large map StorageFailed is raised.
    """

    def __init__(
        self, store: MilvusStore, *, progress: Progress = silent, notice: Callable[[str], None] | None = None
    ) -> None:
        self._store, self._records, self._collection = store, store.truth, store.collection
        self._notice = notice or logging.getLogger("viewfix").warning
        self._changing = threading.Lock()
        self._snapshot = self._current()

    @classmethod
    def opened(
        cls, store: MilvusStore, *, progress: Progress = silent, notice: Callable[[str], None] | None = None
    ) -> Self:
        """See open_search."""
        return cls(store, progress=progress, notice=notice)

    def nearest(self, query: Units, k: int, region: Region | None = None) -> tuple[Rows, Similarities]:
        """See Search. In a large map, about 2 in 100 of the true ten may be missed if no region is given.

        Raises:
            StorageFailed: the collection cannot be used, or is being replaced again and again.
        """
        query = np.ascontiguousarray(query, dtype=np.float32)
        if region is not None:
            near = self._records.rows_in(region, SMALL_REGION + 1)
            if len(near) <= SMALL_REGION:
                rows, units = self._records.present(near)
                return best(rows, cosines(units, query), k)
        for _ in range(_TRIES):
            snapshot = self._snapshot
            found = self._nearest(snapshot, query, k, region)
            now = SyncState.of(self._records)
            if now.uid == snapshot.filled.uid:
                if now.through - snapshot.filled.through > FOLLOW_FROM:
                    self._follow(now)
                return found
            self.refresh()  # the collection was replaced meanwhile, and may be incomplete
        raise StorageFailed(
            f"{self._store.address}: the collection in Milvus is being replaced again and again. Let only one process "
            "rebuild it."
        )

    def _nearest(self, snapshot: _Snapshot, query: Units, k: int, region: Region | None) -> tuple[Rows, Similarities]:
        rows, similarities = snapshot.tail.nearest(query, k, region)
        if not snapshot.filled.through:
            return rows, similarities
        old_rows, old_similarities = self._of_collection(snapshot.filled, query, k, region)
        return best(np.concatenate([rows, old_rows]), np.concatenate([similarities, old_similarities]), k)

    def _of_collection(
        self, filled: SyncState, query: Units, k: int, region: Region | None
    ) -> tuple[Rows, Similarities]:
        """Find at least k rows up to `filled.through`, if there are that many, with their similarities."""
        k = rounded_up(k)
        count = SPARE + 2 * k
        while count <= MOST:
            proposed = self._collection.shortlist(query, count, region, filled.at)
            rows, units = self._records.present(proposed[proposed <= filled.through])
            if len(rows) >= k:
                return rows, cosines(units, query)
            if count >= len(self._records):
                break
            count = MOST if count < MOST < 8 * count else 8 * count  # many were removed, or lie outside the region
        return self._one_by_one(query, k, region, filled.through)

    def _one_by_one(self, query: Units, k: int, region: Region | None, through: int) -> tuple[Rows, Similarities]:
        """Compare every photo, because Milvus searches only some of its lists and may have missed some."""
        rows, similarities = np.empty(0, np.int64), np.empty(0, np.float32)
        for found, units in self._chunks(region):
            within = found <= through
            more = cosines(units[within], query)
            rows, similarities = best(np.concatenate([rows, found[within]]), np.concatenate([similarities, more]), k)
        return rows, similarities

    def _chunks(self, region: Region | None) -> Iterator[tuple[Rows, Units]]:
        if region is None:
            for found, halves in self._records.iter_descriptors(_CHUNK):
                yield found, to_units(halves)
        else:
            near = self._records.rows_in(region)
            for start in range(0, len(near), _CHUNK):
                yield self._records.present(near[start : start + _CHUNK])

    def refresh(self) -> None:
        """Read the state of the collection again, and check whether it matches the records."""
        with self._changing:
            self._snapshot = self._current()

    def close(self) -> None:
        """Do nothing: the store closes the collection."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _follow(self, now: SyncState) -> None:
        with self._changing:
            if now.through > self._snapshot.filled.through and now.uid == self._snapshot.filled.uid:
                self._snapshot = self._from(now)

    def _from(self, filled: SyncState) -> _Snapshot:
        return _Snapshot(filled, ExactSearch(self._records, after=filled.through))

    def _current(self) -> _Snapshot:
        records, filled = self._records, SyncState.of(self._records)
        reason = mismatch(self._collection, records, filled) if filled.uid else "it does not exist yet"
        through = filled.through if reason is None else 0
        lacking = len(records.rows(through)) if through else len(records)
        address = self._store.address
        if lacking > EXACT_BELOW:
            seen = reason or f"{lacking:,} of {len(records):,} photos are not in it yet"
            raise StorageFailed(
                f"The collection of {address} in Milvus cannot be used: {seen}. Fill it with the command that built "
                f"the map, viewfix build '{address}' PHOTOS; no photo is embedded again."
            )
        if reason is not None and len(records):
            self._notice(
                f"The collection of {address} in Milvus is not used: {reason}. All {len(records):,} photos are "
                "compared instead, until something is written to the map."
            )
        return self._from(SyncState(filled.uid, through, filled.at))
