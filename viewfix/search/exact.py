"""Exact search: compare the query with every descriptor."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..geo import Region
from ..store.records import Version, to_units
from ..store.regions import inside
from ..store.store import Store
from .search import Rows, Similarities, Units, best, cosines

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Contents:
    """The rows of one version of a map, in memory. It is replaced but never changed, so threads can share it."""

    version: Version
    rows: Rows  # (N,) ascending
    units: Units  # (N, dim) rows of length 1
    lats: Floats
    lons: Floats


class ExactSearch:
    """Exact search: the reference for every other search, and the fastest one for a small map. See Search.

    The next query sees photos that were added or removed.

    Args:
        store: the store of the map.
        after: search only the rows after this one, because an index has the others.
    """

    def __init__(self, store: Store, *, after: int = 0) -> None:
        self._store = store
        self._after = after
        self._lock = threading.Lock()
        nothing = np.empty(0)
        empty = np.empty((0, store.model.dim), np.float32)
        self._contents = _Contents(Version(store.map_id, after, -1), np.empty(0, np.int64), empty, nothing, nothing)

    def __len__(self) -> int:
        return len(self._current().rows)

    def nearest(self, query: Units, k: int, region: Region | None = None) -> tuple[Rows, Similarities]:
        """See Search. Exact, up to the rounding of float16."""
        now = self._current()
        if region is None:
            return best(now.rows, cosines(now.units, query), k)
        at = np.flatnonzero(inside(region, now.lats, now.lons))
        return best(now.rows[at], cosines(now.units[at], query), k)

    def refresh(self) -> None:
        """Do nothing: every query checks whether the store has changed."""

    def close(self) -> None:
        """Do nothing: there is nothing to release."""

    def _current(self) -> _Contents:
        if self._store.version == self._contents.version:
            return self._contents
        with self._lock:
            version = self._store.version
            if version != self._contents.version:
                self._contents = self._updated(self._contents, version)
            return self._contents

    def _updated(self, before: _Contents, version: Version) -> _Contents:
        rows, units, lats, lons = before.rows, before.units, before.lats, before.lons
        if version.removals != before.version.removals and len(rows):
            keep = np.isin(rows, self._store.rows(self._after), assume_unique=True)
            rows, units, lats, lons = rows[keep], units[keep], lats[keep], lons[keep]
        after = before.version.last_row
        new_rows, new_lats, new_lons = self._store.positions(after)
        in_time = new_rows <= version.last_row
        new_rows, new_lats, new_lons = new_rows[in_time], new_lats[in_time], new_lons[in_time]
        vectors = np.empty((len(rows) + len(new_rows), units.shape[1]), np.float32)
        vectors[: len(rows)] = units
        filled, complete = len(rows), np.zeros(len(new_rows), bool)
        for found, halves in self._store.iter_descriptors(after=after):
            # Another process may have written since the positions were read: keep only rows that both reads returned.
            both, of_new, of_found = np.intersect1d(new_rows, found, assume_unique=True, return_indices=True)
            vectors[filled : filled + len(both)] = to_units(halves[of_found])
            complete[of_new] = True
            filled += len(both)
            if found[-1] >= version.last_row:
                break
        return _Contents(
            version,
            np.concatenate([rows, new_rows[complete]]),
            vectors[:filled],
            np.concatenate([lats, new_lats[complete]]),
            np.concatenate([lons, new_lons[complete]]),
        )
