"""The choice of the search for a map, by the engine of its store."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from ..store.store import Store
from ..types import Progress, silent
from .search import Search

__all__ = ["Search", "open_search"]

ENGINES = {  # engine of the store: module and class of its search, imported when needed
    "sqlite": "indexed:IndexedSearch",
    "postgres": "postgres:PostgresSearch",
    "sharded": "sharded:ShardedSearch",
    "milvus": "milvus:MilvusSearch",
}


def open_search(store: Store, *, progress: Progress = silent, notice: Callable[[str], None] | None = None) -> Search:
    """Open the fastest search for a map. The store must stay open as long as the search is used.

    Args:
        store: the open map.
        progress: called with the progress of building an index, if one must be built.
        notice: called with one line about an index that must be rebuilt, and why; by default the log "viewfix".
    """
    module, _, name = ENGINES[store.engine].partition(":")
    opened: Callable[..., Search] = getattr(importlib.import_module(f"{__package__}.{module}"), name).opened
    return opened(store, progress=progress, notice=notice)
