"""The seam of search: a query descriptor goes in, rows of the map and their similarities come out."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ..geo import Region
from ..store.records import Version, to_units
from ..store.regions import inside
from ..store.store import Store

Rows = npt.NDArray[np.int64]
Similarities = npt.NDArray[np.float32]


class Search(Protocol):
    """What every index and engine can do."""

    def nearest(
        self, query: npt.NDArray[np.float32], k: int, region: Region | None = None
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """The k photos most similar to a query, of the whole map or of one region.

        Args:
            query: (dim,) float32 of length 1.
            k: how many, 1 or more.
            region: only photos whose position lies in it.

        Returns:
            rows: (<= k,) int64 row numbers of the store, best first; fewer where there are fewer.
            similarities: (<= k,) float32 cosines, decreasing.
        """
        ...

    def refresh(self) -> None:
        """Take in what changed in the store, where that is not seen at once: for the process that wrote."""

    def close(self) -> None:
        """Let go of the index. Closing twice is allowed."""


@dataclass(frozen=True, slots=True)
class _Held:
    """The rows of one version, in memory: never changed, only replaced, so that threads can share it."""

    version: Version
    rows: Rows  # (N,) ascending
    units: npt.NDArray[np.float32]  # (N, dim) rows of length 1
    lats: npt.NDArray[np.float64]
    lons: npt.NDArray[np.float64]


class ExactSearch:
    """Compares the query with every descriptor: the reference, and the fastest where photos are few.

    Follows the store: what is put or removed is seen by the next query. `after` leaves out the
    rows up to it, for an index that knows those.
    """

    def __init__(self, store: Store, *, after: int = 0) -> None:
        self._store = store
        self._after = after
        self._lock = threading.Lock()
        nothing = np.empty(0)
        empty = np.empty((0, store.model.dim), np.float32)
        self._held = _Held(Version(store.map_id, after, -1), np.empty(0, np.int64), empty, nothing, nothing)

    def __len__(self) -> int:
        return len(self._current().rows)

    def nearest(
        self, query: npt.NDArray[np.float32], k: int, region: Region | None = None
    ) -> tuple[Rows, Similarities]:
        """See Search: exact, to the rounding of float16."""
        held = self._current()
        if region is None:
            return best(held.rows, cosines(held.units, query), k)
        at = np.flatnonzero(inside(region, held.lats, held.lons))
        return best(held.rows[at], cosines(held.units[at], query), k)

    def refresh(self) -> None:
        """Nothing to do: every query looks whether the store has changed."""

    def close(self) -> None:
        """Nothing to give back."""

    def _current(self) -> _Held:
        if self._store.version == self._held.version:
            return self._held
        with self._lock:
            version = self._store.version
            if version != self._held.version:
                self._held = self._followed(self._held, version)
            return self._held

    def _followed(self, held: _Held, version: Version) -> _Held:
        rows, units, lats, lons = held.rows, held.units, held.lats, held.lons
        if version.removals != held.version.removals and len(rows):
            keep = np.isin(rows, self._store.rows(self._after), assume_unique=True)
            rows, units, lats, lons = rows[keep], units[keep], lats[keep], lons[keep]
        after = held.version.last_row
        new_rows, new_lats, new_lons = self._store.positions(after)
        seen = new_rows <= version.last_row
        new_rows, new_lats, new_lons = new_rows[seen], new_lats[seen], new_lons[seen]
        vectors = np.empty((len(rows) + len(new_rows), units.shape[1]), np.float32)
        vectors[: len(rows)] = units
        filled, there = len(rows), np.zeros(len(new_rows), bool)
        for found, halves in self._store.iter_descriptors(after=after):
            # A writer may have gone on since the positions were read: only what both have seen is taken.
            both, of_new, of_found = np.intersect1d(new_rows, found, assume_unique=True, return_indices=True)
            vectors[filled : filled + len(both)] = to_units(halves[of_found])
            there[of_new] = True
            filled += len(both)
            if found[-1] >= version.last_row:
                break
        return _Held(
            version,
            np.concatenate([rows, new_rows[there]]),
            vectors[:filled],
            np.concatenate([lats, new_lats[there]]),
            np.concatenate([lons, new_lons[there]]),
        )


def cosines(units: npt.NDArray[np.float32], query: npt.NDArray[np.float32]) -> Similarities:
    """(N, dim) against (dim,): (N,) float32. On one thread: as fast as the two of `@`, which wait for each other."""
    return np.asarray(np.einsum("ij,j->i", units, query), dtype=np.float32)


def best(rows: Rows, similarities: Similarities, k: int) -> tuple[Rows, Similarities]:
    """The k highest similarities, decreasing, and their rows; of equal ones the older row first."""
    if len(rows) > k:
        top = np.argpartition(similarities, -k)[-k:]
        rows, similarities = rows[top], similarities[top]
    order = np.lexsort((rows, -similarities))
    return rows[order], similarities[order].astype(np.float32, copy=False)
