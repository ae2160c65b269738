"""A map goes in; its records come out with their descriptors, pair by pair, also while others change it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from .records import Record
from .store import Store

Rows = npt.NDArray[np.int64]
Halves = npt.NDArray[np.float16]


def described(store: Store, chunk: int, after: int = 0) -> Iterator[tuple[Rows, list[Record], Halves]]:
    """Every row above `after`, ascending: (n,) int64, its record, and its (n, dim) float16 as stored."""
    for rows, halves in store.iter_descriptors(chunk, after):
        while True:
            photos = store.photos(rows)
            known = store.known([photo.id for photo in photos])
            if len(photos) == len(rows) and all(photo.id in known for photo in photos):
                break
            there = np.isin(rows, store.present(rows)[0])  # some were taken out meanwhile
            rows, halves = rows[there], halves[there]
        yield rows, [known[photo.id] for photo in photos], halves
