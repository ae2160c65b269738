"""A query descriptor goes in, its nearest rows come out: Milvus names candidates, the truth compares them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ...geo import Region
from ...types import Progress, silent
from ..pairing import described
from ..records import Version, to_units
from ..search import best, cosines
from ..store import Store
from .collection import MOST, Collection, Stamp

if TYPE_CHECKING:
    from .store import MilvusStore

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Units = npt.NDArray[np.float32]

SPARE = 130  # candidates beyond 2 k that are compared with the truth
SMALL_REGION = 2_000  # photos: up to so many, all of a region are compared with the truth, and Milvus is not asked
CHUNK = 2_000


class MilvusSearch:
    """See Search. What Milvus says is looked up in the truth: photos that are gone never come out.

    The collection is made from the truth where it is missing or of another map.
    """

    def __init__(
        self, store: MilvusStore, *, progress: Progress = silent, notice: Callable[[str], None] | None = None
    ) -> None:
        self._store, self._progress = store, progress
        self._notice = notice or logging.getLogger("viewfix").warning
        self._lock = threading.Lock()
        self._seen: Version | None = None
        see_to(store.collection, store.truth, progress, self._notice)

    def nearest(
        self, query: npt.NDArray[np.float32], k: int, region: Region | None = None
    ) -> tuple[Rows, npt.NDArray[np.float32]]:
        """See Search. Without a region about 2 in 100 of the true ten may be missed in a large map."""
        query = np.ascontiguousarray(query, dtype=np.float32)
        records = self._store.truth
        if region is not None:
            near = records.rows_in(region, SMALL_REGION + 1)
            if len(near) <= SMALL_REGION:
                rows, units = records.present(near)
                return best(rows, cosines(units, query), k)
        version = records.version
        count = SPARE + 2 * k
        while True:
            # Milvus shows what was put a moment later, unless it is told to wait: once after each change is enough.
            asked, more = self._store.collection.shortlist(query, count, region, all_seen=version != self._seen)
            rows, units = records.present(asked)
            self._seen = version
            if len(rows) >= min(k, MOST) or not more:
                return best(rows, cosines(units, query), k)
            count *= 4  # many are gone from the truth, or lie beside the region

    def refresh(self) -> None:
        """Nothing to do: what is put goes to Milvus with it."""

    def close(self) -> None:
        """Nothing to give back: the store closes the collection."""


def see_to(collection: Collection, records: Store, progress: Progress, notice: Callable[[str], None]) -> None:
    """Make the collection from the truth, where there is none, or one of another map or model."""
    stamp = Stamp(records.map_id, records.model.fingerprint, records.model.dim)
    found = collection.found()
    if found == stamp.text():
        return
    why = "it is missing" if found is None else "it is of another map, or of the map before its model changed"
    if len(records):
        notice(f"The collection of {collection.place.address} in Milvus is made again, for {why}.")
    collection.make(stamp, _everything(records, progress))


def _everything(records: Store, progress: Progress) -> Iterator[tuple[Rows, Floats, Floats, Units]]:
    """All rows of the truth, with those that come meanwhile."""
    done = after = 0
    while True:
        before = done
        for rows, found, halves in described(records, CHUNK, after):
            if not len(rows):
                continue
            lats, lons = (np.array([getattr(r.photo.position, name) for r in found]) for name in ("lat", "lon"))
            yield rows, lats, lons, to_units(halves)
            after = int(rows[-1])
            done += len(rows)
            progress("filling Milvus", done, len(records))
        if done == before:
            return
