"""The right map pictures of every query: by place, plane, frame or pair.

No table of queries by map pictures is built: candidates are cut out of a sorted list, and only they are measured.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

from ...errors import BadInput
from ..proximity import within_m
from .dataset import Picture, Rows

Floats = npt.NDArray[np.float64]
NONE: Rows = np.empty(0, np.int64)


def by_place(queries: Sequence[Picture], photos: Sequence[Picture], radius_m: float) -> list[Rows]:
    """By geodesic distance, so UTM zones and hemispheres do not matter. A picture without a position has no match."""
    with_position = np.array([row for row, photo in enumerate(photos) if photo.position is not None], np.int64)
    query_positions = [query.position for query in queries if query.position is not None]
    photo_positions = [photo.position for photo in photos if photo.position is not None]
    near = iter(within_m(query_positions, photo_positions, radius_m))
    return [NONE if query.position is None else with_position[next(near)] for query in queries]


def by_plane(queries: Floats, photos: Floats, radius: float) -> list[Rows]:
    """By distance in the plane of (Q, 2) and (M, 2) metres of one projection, as the publishers did."""
    order = np.argsort(photos[:, 0], kind="stable")
    east = photos[order, 0]
    found = []
    for query in queries:
        first = np.searchsorted(east, query[0] - radius, side="left")
        band = order[first : np.searchsorted(east, query[0] + radius, side="right")]
        near = ((photos[band] - query) ** 2).sum(axis=1) <= radius**2
        found.append(np.sort(band[near]).astype(np.int64))
    return found


def by_frame(queries: Rows, photos: Rows, frames: int) -> list[Rows]:
    """By (Q,) and (M,) int64 frame numbers that differ by at most `frames`."""
    order = np.argsort(photos, kind="stable")
    ranked = photos[order]
    first = np.searchsorted(ranked, queries - frames, side="left")
    last = np.searchsorted(ranked, queries + frames, side="right")
    return [np.sort(order[a:b]).astype(np.int64) for a, b in zip(first, last, strict=True)]


def by_key(queries: Sequence[Hashable], photos: Sequence[Hashable]) -> list[Rows]:
    """By key: the map picture with the key of the query is right. Keys of map pictures are distinct."""
    row_of = {key: row for row, key in enumerate(photos)}
    if len(row_of) < len(photos):
        raise BadInput("Two map pictures have the same name, so the pair of a query is ambiguous. Rename one of them.")
    return [np.array([row_of[key]], np.int64) if key in row_of else NONE for key in queries]
