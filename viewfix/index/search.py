"""The seam of search: a query descriptor goes in, rows of the map and their similarities come out."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from ..geo import Region


class Search(Protocol):
    """What every index and engine can do."""

    def nearest(
        self, query: npt.NDArray[np.float32], k: int, region: Region | None = None
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """The k photos most similar to a query, of the whole map or of one region.

        Args:
            query: (dim,) float32 of length 1.
            k: how many, 1 or more.
            region: only photos whose position lies in it.

        Returns:
            rows: (<= k,) int64 row numbers of the store, best first; fewer where there are fewer.
            similarities: (<= k,) float32 cosines, decreasing.
        """
        ...
