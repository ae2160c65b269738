"""A map that was opened goes in; it comes out if it is whole."""

from __future__ import annotations

from ..errors import NotAMap
from .records import UNFINISHED_COPY
from .store import Store


def whole(store: Store) -> Store:
    """Refuse what is only a part of a map.

    Raises:
        NotAMap: it is a copy that was not finished; the store is closed then.
    """
    marker = store.meta(UNFINISHED_COPY)
    if marker is None:
        return store
    store.close()
    source = marker["source"]
    raise NotAMap(
        f"{store.address} is a copy of {source} that was not finished, so photos are missing. Go on with it: "
        f"viewfix copy '{source}' '{store.address}'"
    )
