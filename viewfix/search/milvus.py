"""A query descriptor goes in, its nearest rows come out: Milvus names candidates, the truth compares them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
import numpy.typing as npt

from ..errors import StorageFailed
from ..geo import Region
from ..store.milvus.collection import MOST
from ..store.milvus.filling import Filled, why_unfit
from ..store.records import to_units
from ..types import Progress, silent
from .search import ExactSearch, best, cosines

if TYPE_CHECKING:
    from ..store.milvus.store import MilvusStore

Rows = npt.NDArray[np.int64]
Units = npt.NDArray[np.float32]
Similarities = npt.NDArray[np.float32]

SPARE = 130  # candidates beyond 2 k that are compared with the truth
SMALL_REGION = 1_000  # photos: up to so many, all of a region are compared with the truth, and Milvus is not asked
EXACT_BELOW = 20_000  # photos that Milvus may lack: they are compared one by one, at 4 ms for all of them
FOLLOW_FROM = 2_000  # photos put since we last looked how far the collection is filled
_CHUNK = 8_192
_TRIES = 3


@dataclass(frozen=True, slots=True)
class _Held:
    """What Milvus is asked for, the rows up to `filled.through`, and what compares those that came after."""

    filled: Filled
    tail: ExactSearch


class MilvusSearch:
    """See Search. Each candidate is looked up in the truth: photos that are gone never come out.

    Milvus is asked for the rows that the truth knows to be in it; those that came after are compared one by one. A
    collection that cannot be trusted is not asked: of a small map all photos are compared, of a large one that is an
    error.
    """

    def __init__(
        self, store: MilvusStore, *, progress: Progress = silent, notice: Callable[[str], None] | None = None
    ) -> None:
        self._store, self._records, self._collection = store, store.truth, store.collection
        self._notice = notice or logging.getLogger("viewfix").warning
        self._changing = threading.Lock()
        self._held = self._looked()

    def nearest(
        self, query: npt.NDArray[np.float32], k: int, region: Region | None = None
    ) -> tuple[Rows, Similarities]:
        """See Search. Without a region about 2 in 100 of the true ten may be missed in a large map."""
        query = np.ascontiguousarray(query, dtype=np.float32)
        if region is not None:
            near = self._records.rows_in(region, SMALL_REGION + 1)
            if len(near) <= SMALL_REGION:
                rows, units = self._records.present(near)
                return best(rows, cosines(units, query), k)
        for _ in range(_TRIES):
            held = self._held
            found = self._nearest(held, query, k, region)
            now = Filled.of(self._records)
            if now.uid == held.filled.uid:
                if now.through - held.filled.through > FOLLOW_FROM:
                    self._follow(now)
                return found
            self.refresh()  # it was made anew meanwhile: what it answered may be half of it
        raise StorageFailed(
            f"{self._store.address}: the collection in Milvus is made anew again and again. Let one process do it."
        )

    def _nearest(self, held: _Held, query: Units, k: int, region: Region | None) -> tuple[Rows, Similarities]:
        rows, similarities = held.tail.nearest(query, k, region)
        if not held.filled.through:
            return rows, similarities
        old_rows, old_similarities = self._of_collection(held.filled, query, k, region)
        return best(np.concatenate([rows, old_rows]), np.concatenate([similarities, old_similarities]), k)

    def _of_collection(self, filled: Filled, query: Units, k: int, region: Region | None) -> tuple[Rows, Similarities]:
        """At least k rows up to `filled.through`, if there are so many, with their similarities."""
        count = SPARE + 2 * k
        while count <= MOST:
            asked = self._collection.shortlist(query, count, region, filled.at)
            rows, units = self._records.present(asked[asked <= filled.through])
            if len(rows) >= k:
                return rows, cosines(units, query)
            if count >= len(self._records):
                break
            count = MOST if count < MOST < 8 * count else 8 * count  # many are gone, or lie beside the region
        return self._one_by_one(query, k, region, filled.through)

    def _one_by_one(self, query: Units, k: int, region: Region | None, through: int) -> tuple[Rows, Similarities]:
        """Exactly: Milvus looks into some of its lists only, so there may be more than it has found."""
        rows, similarities = np.empty(0, np.int64), np.empty(0, np.float32)
        for found, units in self._chunks(region):
            within = found <= through
            more = cosines(units[within], query)
            rows, similarities = best(np.concatenate([rows, found[within]]), np.concatenate([similarities, more]), k)
        return rows, similarities

    def _chunks(self, region: Region | None):  # type: ignore[no-untyped-def]
        if region is None:
            for found, halves in self._records.iter_descriptors(_CHUNK):
                yield found, to_units(halves)
        else:
            near = self._records.rows_in(region)
            for start in range(0, len(near), _CHUNK):
                yield self._records.present(near[start : start + _CHUNK])

    def refresh(self) -> None:
        """Look again how far the collection is filled, and whether it can be trusted."""
        with self._changing:
            self._held = self._looked()

    def close(self) -> None:
        """Nothing to give back: the store closes the collection."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _follow(self, now: Filled) -> None:
        with self._changing:
            if now.through > self._held.filled.through and now.uid == self._held.filled.uid:
                self._held = self._holding(now)

    def _holding(self, filled: Filled) -> _Held:
        return _Held(filled, ExactSearch(self._records, after=filled.through))

    def _looked(self) -> _Held:
        records, filled = self._records, Filled.of(self._records)
        reason = why_unfit(self._collection, records, filled) if filled.uid else "it was not made yet"
        through = filled.through if reason is None else 0
        lacking = len(records.rows(through)) if through else len(records)
        if lacking > EXACT_BELOW:
            seen = reason or f"{lacking:,} of {len(records):,} photos are not in it yet"
            raise StorageFailed(
                f"The collection of {self._store.address} in Milvus cannot be used: {seen}. Fill it by the command "
                f"that made the map, viewfix build '{self._store.address}' PHOTOS; nothing is embedded again."
            )
        if reason is not None and len(records):
            self._notice(
                f"The collection of {self._store.address} in Milvus is not used: {reason}. All {len(records):,} photos "
                "are compared instead, until the map is written again."
            )
        return self._holding(Filled(filled.uid, through, filled.at))
