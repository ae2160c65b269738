"""Refuse maps that are unfinished copies."""

from __future__ import annotations

from ..errors import NotAMap
from ..shell import shell_quoted
from .records import UNFINISHED_COPY
from .store import Store


def require_complete(store: Store) -> Store:
    """Return the store, unless the map is an unfinished copy.

    Raises:
        NotAMap: it is an unfinished copy; the store has been closed.
    """
    marker = store.meta(UNFINISHED_COPY)
    if marker is None:
        return store
    store.close()
    source = marker.get("source", "SOURCE") if isinstance(marker, dict) else "SOURCE"
    raise NotAMap(
        f"{store.address} is an unfinished copy of {source}: photos are missing. Finish it with: "
        f"viewfix copy {shell_quoted(source)} {store.address.typed}"
    )
