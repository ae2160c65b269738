"""The interface of nearest-neighbour search, and the order of its results."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from ..geo import Region

Rows = npt.NDArray[np.int64]
Units = npt.NDArray[np.float32]
Similarities = npt.NDArray[np.float32]


class Search(Protocol):
    """Nearest-neighbour search over one map."""

    def nearest(self, query: Units, k: int, region: Region | None = None) -> tuple[Rows, Similarities]:
        """Find the k photos most similar to a query, in the whole map or in one region.

        Args:
            query: (dim,) float32 of length 1.
            k: the number of photos, 1 or more.
            region: search only photos whose position lies in it; None for the whole map.

        Returns:
            rows: (<= k,) int64 row numbers of the store, best first; fewer than k if there are no more photos.
            similarities: (<= k,) float32 cosines, decreasing.
        """
        ...

    def refresh(self) -> None:
        """Include what this process wrote to the store, if the search does not see that immediately."""

    def close(self) -> None:
        """Release the index. Closing twice is allowed."""


def cosines(units: Units, query: Units) -> Similarities:
    """The cosines of (N, dim) rows of length 1 with one (dim,) query: (N,) float32.

    Computed on one thread: `@` uses two threads that wait for each other, and is not faster.
    """
    return np.asarray(np.einsum("ij,j->i", units, query), dtype=np.float32)


def best(rows: Rows, similarities: Similarities, k: int) -> tuple[Rows, Similarities]:
    """The k highest of (N,) similarities, decreasing, with their (N,) rows. Of equal ones, the older row comes first.

    Returns (<= k,) rows and similarities. The order also decides ties for the last place, so the best k are always the
    first k of any longer result.
    """
    if len(rows) > k:
        top = at_least(similarities, k)
        rows, similarities = rows[top], similarities[top]
    order = np.lexsort((rows, -similarities))[:k]
    return rows[order], similarities[order].astype(np.float32, copy=False)


def at_least(values: npt.NDArray[np.floating], k: int) -> Rows:
    """The indices of the k highest of (N > k,) values, and of all that equal the lowest of them."""
    return np.flatnonzero(values >= np.partition(values, -k)[-k])
