"""Cells of a grid over the world, and regions as filters of Milvus."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ...geo import Region
from ..regions import cover

CELL_DEG = 0.1  # about 11 km: a circle of 2 km touches four cells at most, except near a pole
MOST_CELLS = 256  # a larger region is searched in all partitions
_ROW = 10_000  # cell numbers from one row of the grid to the next


def cells(lats: npt.ArrayLike, lons: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """The cell of each position: (N,) degrees to (N,) int64."""
    return _step(lats, 90.0) * _ROW + _step(lons, 180.0)


def within(region: Region) -> str:
    """A region as a filter of Milvus: the boxes around it, and the cells that they touch where these are few."""
    parts, touched = [], set[int]()
    for box in cover(region):
        south, north = int(_step(box.south, 90.0)), int(_step(box.north, 90.0))
        west, east = int(_step(box.west, 180.0)), int(_step(box.east, 180.0))
        parts.append(f"(lat >= {box.south!r} and lat <= {box.north!r} and lon >= {box.west!r} and lon <= {box.east!r})")
        if len(touched) <= MOST_CELLS and (north - south + 1) * (east - west + 1) <= MOST_CELLS:
            touched.update(y * _ROW + x for y in range(south, north + 1) for x in range(west, east + 1))
        else:
            touched.update(range(MOST_CELLS + 1))
    edges = " or ".join(parts)
    # Milvus selects partitions only by a `cell in` that is not part of an `or`, hence one in front.
    return f"cell in {sorted(touched)} and ({edges})" if len(touched) <= MOST_CELLS else edges


def _step(degrees: npt.ArrayLike, offset: float) -> npt.NDArray[np.int64]:
    return np.floor((np.asarray(degrees, np.float64) + offset) / CELL_DEG).astype(np.int64)
