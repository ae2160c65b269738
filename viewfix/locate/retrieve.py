"""Retrieval of the photos of a map that look like a query, and of the rivals that the best of them must beat."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..errors import StorageFailed
from ..geo import Region
from ..search.search import Search
from ..store.store import Store
from ..types import Candidate
from .decide import VOTERS
from .fuse import fuse

Descriptor = npt.NDArray[np.float32]

ROUNDS = 10
WIDEST = 10_000


def retrieve(
    store: Store,
    search: Search,
    descriptor: Descriptor,
    k: int,
    region: Region | None,
    *,
    without: frozenset[str] = frozenset(),
) -> tuple[Candidate, ...]:
    """Find the k photos most similar to a (dim,) descriptor of length 1, best first, in a region or in the whole map.

    The photos with the ids `without` are left out.

    Raises:
        StorageFailed: the map has descriptors without photos.
    """
    for _ in range(ROUNDS):
        rows, similarities = search.nearest(descriptor, k + len(without), region)
        found = store.photos(rows)
        if len(found) == len(rows):  # otherwise another process removed a photo between the two calls: search again
            pairs = zip(found, similarities, strict=True)
            return tuple(Candidate(p, float(s)) for p, s in pairs if p.id not in without)[:k]
    raise StorageFailed(
        f"{store.address} has descriptors without photos: it is damaged, or being emptied. Try again; if this "
        "persists, restore it from a copy, or build it again: viewfix build NEW.map PHOTOS"
    )


def retrieve_rivals(
    store: Store, search: Search, descriptor: Descriptor, candidates: Sequence[Candidate], region: Region | None
) -> tuple[Candidate, ...]:
    """Find the photos of the whole map that the winner among the candidates must beat.

    Empty if the candidates themselves contain a rival. If they come from a region, or all from one spot with many
    photos, the whole map is searched for more and more photos until another place turns up.
    """
    wanted = VOTERS
    rivals: tuple[Candidate, ...] = () if region is None else retrieve(store, search, descriptor, wanted, None)
    while wanted < min(len(store), WIDEST):
        consensus = fuse(candidates[:VOTERS], elsewhere=rivals)
        if consensus is None or consensus.rival is not None:
            break
        wanted *= 8
        rivals = retrieve(store, search, descriptor, wanted, None)
    return rivals
