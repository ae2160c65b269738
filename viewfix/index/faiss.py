"""The seam of search for maps of any size."""

from __future__ import annotations

from typing import Self

import numpy as np
import numpy.typing as npt

from ..geo import Region
from ..types import Progress, silent
from .search import ExactSearch
from .store import Store


class FaissSearch:
    """Stand-in: exact until the compressed index lands."""

    def __init__(self, store: Store, *, progress: Progress = silent) -> None:
        self._exact = ExactSearch(store)

    def nearest(
        self, query: npt.NDArray[np.float32], k: int, region: Region | None = None
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        return self._exact.nearest(query, k, region)

    def refresh(self) -> None:
        pass

    def close(self) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
