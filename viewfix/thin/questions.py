"""The questions that a thinned map must still answer: its own photos, and for each the photos that would answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..coverage.positions import MapPositions
from ..locate.context import MapContext
from ..locate.fuse import AGREE_M
from ..types import Progress

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int32]

LISTED = 24
"""How many right and how many wrong answers are kept for each question: the next one steps in for one taken out."""

POOL = 100
CHUNK = 2048


@dataclass(frozen=True, slots=True)
class Questions:
    """N questions to a map of N photos: where was photo i taken?

    `right` and `wrong` (N, LISTED) int32 are the photos of the same place and of other places, most similar first, -1
    where there are no more; photo i itself is the first right one. `right_similarity` and `wrong_similarity`
    (N, LISTED) float32 are their cosines. `floor` (N,) float32 is a cosine that no photo outside the lists exceeds.
    """

    right: Indices
    wrong: Indices
    right_similarity: Floats
    wrong_similarity: Floats
    floor: Floats


def ask_own_photos(context: MapContext, positions: MapPositions, progress: Progress) -> Questions:
    """Search a map for each of its photos, and list the photos that answer: within AGREE_M of it, or farther away."""
    rows, points_m = positions.rows, positions.points_m
    count = len(rows)
    lists = np.full((2, count, LISTED), -1, np.int32)
    similarities = np.full((2, count, LISTED), -1.0, np.float32)
    floor = np.full(count, -1.0, np.float32)
    lists[0, :, 0], similarities[0, :, 0] = np.arange(count), 1.0
    for start in range(0, count, CHUNK):
        present, descriptors = context.store.present(rows[start : start + CHUNK])
        for row, descriptor in zip(present, descriptors, strict=True):
            me = int(np.searchsorted(rows, row))
            progress("searching for every photo", me, count)
            found, cosines = context.search.nearest(descriptor, POOL)
            if len(found) == POOL:
                floor[me] = cosines[-1]
            at = np.searchsorted(rows, found).clip(max=count - 1)
            others = (rows[at] == found) & (at != me)  # a photo that was added meanwhile is not in `rows`
            at, cosines = at[others], cosines[others]
            near = np.linalg.norm(points_m[at] - points_m[me], axis=1) <= AGREE_M
            for kind, chosen, first in ((0, near, 1), (1, ~near, 0)):  # the first right answer is the photo itself
                listed = np.flatnonzero(chosen)[: LISTED - first]
                lists[kind, me, first : first + len(listed)] = at[listed]
                similarities[kind, me, first : first + len(listed)] = cosines[listed]
    progress("searching for every photo", count, count)
    return Questions(lists[0], lists[1], similarities[0], similarities[1], floor)
