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
    if store.meta(UNFINISHED_COPY) is None:
        return store
    store.close()
    raise NotAMap(
        f"{store.address} is a copy that was not finished, so photos are missing. Go on with it by the command that "
        f"began it: viewfix copy FROM '{store.address}'"
    )
