"""Open a map for writing, or create it, while other processes may do the same."""

from __future__ import annotations

from ..errors import BadInput
from .records import ModelIdentity
from .store import Place, Store


def open_or_create(place: Place, model: ModelIdentity) -> tuple[Store, bool]:
    """Open the map at a place for writing, or create it there for the descriptors of a model.

    Of several processes that do this at once, one creates the map and the others open it.

    Returns:
        The store, and whether it was created.

    Raises:
        ModelMismatch: the existing map has another model.
        NotAMap, MapBusy, StorageFailed, BadInput: as `Store.open` and `Store.create`.
    """
    if not Store.exists(place):
        try:
            return Store.create(place, model), True
        except BadInput:
            if not Store.exists(place):
                raise
    store = Store.open(place, write=True)
    try:
        store.model.check(model.name, model.fingerprint, str(store.address))
    except BaseException:
        store.close()
        raise
    return store, False
