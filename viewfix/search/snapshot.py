"""A version of the map goes in; what a query of that version asks comes out: sketches of most, the rest one by one."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, replace

import numpy as np

from ..store.records import Version
from ..store.sqlite.store import SqliteStore
from . import index_builder as growing
from . import index_file as cache
from .blocks import Memory
from .index_builder import BuildOptions
from .index_file import Cache, Unfit
from .search import ExactSearch


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Never changed, only replaced, so that threads can share it.

    `main` is the cache beside the map; `young`, in memory, is of what came after it, where that is
    too much to be compared one by one. `doubted`: `main` is damaged, and a new one is in the making.
    """

    main: Cache | None
    young: Cache | None
    tail: ExactSearch
    doubted: bool = False

    @property
    def caches(self) -> list[Cache]:
        return [each for each in (self.main, self.young) if each is not None]

    @property
    def last_row(self) -> int:
        """The last row that is not compared one by one."""
        return self.caches[-1].version.last_row if self.caches else 0


class Serving:
    """What serves the queries of one search. At most `most_exact` photos are compared one by one."""

    def __init__(self, store: SqliteStore, *, most_exact: int) -> None:
        self._store, self._most_exact = store, most_exact
        self._moving = threading.Lock()
        self._now = Snapshot(None, None, ExactSearch(store))
        self._enough_until = most_exact  # the last row up to which not too many are compared one by one

    @property
    def main(self) -> Cache | None:
        """The cache that serves; None where there is none."""
        return self._now.main

    def upto(self, version: Version) -> Snapshot:
        """What to ask for an answer from all that a version has."""
        if version.last_row > self._enough_until:
            self._take_over(version)
            self._sketch(version)
        return self._now

    def adopt(self, found: Cache) -> None:
        """Go on with another cache. What came after it is read before a query has to wait for it."""
        with self._moving:
            now = self._now
            young = now.young
            if young is not None:
                later = young.sketches.after(found.version.last_row)
                young = replace(young, sketches=later) if len(later) else None
            fresh = Snapshot(found, young, now.tail)
            if fresh.last_row != now.last_row:
                fresh = replace(fresh, tail=ExactSearch(self._store, after=fresh.last_row))
                if self._store.version.last_row - fresh.last_row <= self._most_exact:
                    len(fresh.tail)
            self._now, self._enough_until = fresh, fresh.last_row + self._most_exact

    def doubt(self) -> None:
        """The cache is damaged: it serves on, and what it says of positions is not believed."""
        with self._moving:
            self._now = replace(self._now, doubted=True)

    def let_go(self) -> None:
        """Forget everything."""
        self._now = Snapshot(None, None, ExactSearch(self._store))

    def _take_over(self, version: Version) -> None:
        """Go on with what another process has made meanwhile, where that is nearer."""
        if cache.newest(self._store) > max(self._now.last_row, version.last_row - self._most_exact):
            with contextlib.suppress(Unfit):
                if (found := cache.load(self._store)) is not None:
                    self.adopt(found)

    def _sketch(self, version: Version) -> None:
        """Sketch what came, 15 microseconds each: once for every photo, and in memory, 96 bytes each."""
        with self._moving:
            now = self._now
            if version.last_row <= self._enough_until:
                return  # another thread has done it
            count = len(self._store.rows(now.last_row))
            if count > self._most_exact:
                sketcher = now.caches[0].sketches.sketcher if now.caches else None
                young = now.young or growing.begun(self._store, now.last_row, sketcher)
                young = growing.grown(self._store, young, BuildOptions(Memory(), np.inf, clean=False))
                self._now = replace(now, young=young, tail=ExactSearch(self._store, after=young.version.last_row))
                count, version = 0, young.version
            self._enough_until = version.last_row + self._most_exact - count
