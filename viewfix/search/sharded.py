"""Nearest-neighbour search over a map that is distributed over several PostgreSQL servers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Self

import numpy as np

from ..geo import Region
from ..store.sharded.store import ShardedStore
from ..types import Progress, silent
from .postgres import PostgresSearch
from .search import Rows, Search, Similarities, Units, best


class ShardedSearch:
    """Search that queries all shards at the same time and merges their answers. All must answer. See Search."""

    def __init__(self, store: ShardedStore, searches: Sequence[Search]) -> None:
        self._store, self._searches = store, searches

    @classmethod
    def opened(
        cls, store: ShardedStore, *, progress: Progress = silent, notice: Callable[[str], None] | None = None
    ) -> Self:
        """See open_search."""
        return cls(store, [PostgresSearch.opened(each, progress=progress, notice=notice) for each in store.shards])

    def nearest(self, query: Units, k: int, region: Region | None = None) -> tuple[Rows, Similarities]:
        """See Search."""
        found = self._store.together([partial(search.nearest, query, k, region) for search in self._searches])
        rows, similarities = zip(*found, strict=True)
        return best(np.concatenate(rows), np.concatenate(similarities), k)

    def refresh(self) -> None:
        """See Search. One shard after the other, because building an index takes memory."""
        for search in self._searches:
            search.refresh()

    def close(self) -> None:
        """See Search."""
        for search in self._searches:
            search.close()
