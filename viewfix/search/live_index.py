"""The indexes that currently answer queries, replaced as a whole while threads use them."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..store.records import Version
from ..store.store import Store
from . import index_builder, index_file
from .blocks import MemoryBlocks
from .exact import ExactSearch
from .index import Index, UnusableIndex
from .index_builder import BuildOptions


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The indexes for one query. A snapshot is replaced but never changed, so threads can share it.

    `main` is the index beside the map. `recent`, in memory, covers the rows after it if there are too many to compare
    one by one. `tail` compares all rows after both. `damaged`: `main` is damaged, and a new one is being built.
    """

    main: Index | None
    recent: Index | None
    tail: ExactSearch
    damaged: bool = False

    @property
    def indexes(self) -> list[Index]:
        """The indexes in use, that beside the map first."""
        return [each for each in (self.main, self.recent) if each is not None]

    @property
    def last_row(self) -> int:
        """The last row in an index."""
        return self.indexes[-1].version.last_row if self.indexes else 0


class LiveIndex:
    """The current snapshot of one search. At most `most_exact` photos are compared one by one."""

    def __init__(self, store: Store, folder: Path, *, most_exact: int) -> None:
        self._store, self._folder, self._most_exact = store, folder, most_exact
        self._changing = threading.Lock()
        self._snapshot = Snapshot(None, None, ExactSearch(store))
        self._enough_until = most_exact  # the last row up to which the tail is short enough

    @property
    def main(self) -> Index | None:
        """The index beside the map, once it is in use."""
        return self._snapshot.main

    def snapshot(self, version: Version) -> Snapshot:
        """The snapshot that covers all rows of a version of the map."""
        if version.last_row > self._enough_until:
            self._adopt_published(version)
            self._sketch_recent(version)
        return self._snapshot

    def adopt(self, index: Index) -> None:
        """Switch to another index. The rows after it are read first, so that no query waits for them."""
        with self._changing:
            now = self._snapshot
            recent = now.recent
            if recent is not None:
                later = recent.sketches.after(index.version.last_row)
                recent = replace(recent, sketches=later) if len(later) else None
            fresh = Snapshot(index, recent, now.tail)
            if fresh.last_row != now.last_row:
                fresh = replace(fresh, tail=ExactSearch(self._store, after=fresh.last_row))
                if self._store.version.last_row - fresh.last_row <= self._most_exact:
                    len(fresh.tail)
            self._snapshot, self._enough_until = fresh, fresh.last_row + self._most_exact

    def mark_damaged(self) -> None:
        """Keep using the damaged index, but take positions from the store."""
        with self._changing:
            self._snapshot = replace(self._snapshot, damaged=True)

    def release(self) -> None:
        """Forget all indexes."""
        self._snapshot = Snapshot(None, None, ExactSearch(self._store))

    def _adopt_published(self, version: Version) -> None:
        """Switch to an index that another process has published, if it leaves a short tail."""
        if index_file.newest_row(self._folder) > max(self._snapshot.last_row, version.last_row - self._most_exact):
            with contextlib.suppress(UnusableIndex):
                if (found := index_file.load(self._store, self._folder)) is not None:
                    self.adopt(found)

    def _sketch_recent(self, version: Version) -> None:
        """Sketch the rows of the tail. Each photo takes 15 microseconds, once, and 96 bytes of memory."""
        with self._changing:
            now = self._snapshot
            if version.last_row <= self._enough_until:
                return  # another thread has done it
            count = len(self._store.rows(now.last_row))
            if count > self._most_exact:
                sketcher = now.indexes[0].sketches.sketcher if now.indexes else None
                recent = now.recent or index_builder.empty_index(self._store, now.last_row, sketcher)
                recent = index_builder.extend(self._store, recent, BuildOptions(MemoryBlocks(), np.inf, clean=False))
                self._snapshot = replace(
                    now, recent=recent, tail=ExactSearch(self._store, after=recent.version.last_row)
                )
                count, version = 0, recent.version
            self._enough_until = version.last_row + self._most_exact - count
