"""A map goes in; its photos come out with their descriptors, and it is refused while it is only half of another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt

from ..errors import NotAMap
from .records import Record

if TYPE_CHECKING:
    from .store import Store

    Kept = TypeVar("Kept", bound=Store)

COPYING = "copying"
"""In the meta of a map that is being copied to and is not whole yet: from where, and how far."""


def paired(
    store: Store, chunk: int, after: int
) -> Iterator[tuple[npt.NDArray[np.int64], list[Record], npt.NDArray[np.float16]]]:
    """What `Store.stored` gives, asked in three questions: for engines that cannot answer it in one."""
    for rows, halves in store.iter_descriptors(chunk, after):
        photos = store.photos(rows)
        while len(photos) != len(rows):  # another process takes photos out
            there = np.isin(rows, store.present(rows)[0])
            rows, halves = rows[there], halves[there]
            photos = store.photos(rows)
        known = store.known([photo.id for photo in photos])
        # Replaced since, a photo has a new row, which comes later. One that was only changed is taken as it is now.
        same = [n for n, photo in enumerate(photos) if photo.id in known and known[photo.id].photo == photo]
        if same:
            yield rows[same], [known[photos[n].id] for n in same], halves[same]


def whole(store: Kept) -> Kept:
    """The map itself, unless it is a copy that is not finished: half a map would answer "not in this map".

    Raises:
        NotAMap: it is; the map is closed.
    """
    marker = store.meta(COPYING)
    if marker is None:
        return store
    seen, place, source = len(store), store.address, marker["source"]
    store.close()
    raise NotAMap(
        f"{place} is a copy of {source} that is not finished: it has {seen:,} photos so far. "
        f"Finish it with: viewfix copy '{source}' '{place}'"
    )
