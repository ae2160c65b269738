"""The sea of an area, from its coastlines: OpenStreetMap has only lines, with land on their left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..optional import optional

BESIDE_DEG = 2e-8
"""How far beside a coastline a point is looked at, 2 mm. OpenStreetMap's own precision is 1e-7 degrees."""


def sea_of(coastlines: Sequence[npt.NDArray[np.float64]], area: Any) -> list[Any]:
    """The parts of an area that are sea.

    The coastlines and the edge of the area cut it into faces. A face that lies on the right of coastlines is sea: each
    piece of line votes with its length. Where a coastline ends inside the area, as in a careless extract, both sides
    of it are one face, and the votes cancel out.

    Args:
        coastlines: each is (N, 2) float64, lon and lat in the order of the file.
        area: a shapely polygon.

    Returns:
        Shapely polygons; none without coastlines.
    """
    shapely = optional("shapely")
    lines = [line for line in coastlines if len(line) > 1]
    if not lines:
        return []
    together = shapely.unary_union([shapely.linestrings(line) for line in lines])
    cut = shapely.union_all([shapely.intersection(together, area), area.boundary])
    faces = shapely.get_parts(shapely.polygonize([cut]))
    if not len(faces):
        return []
    votes = _votes(shapely, lines, faces)
    return [face for face, vote in zip(faces, votes, strict=True) if vote > 0]


def _votes(shapely: Any, lines: Sequence[npt.NDArray[np.float64]], faces: Any) -> npt.NDArray[np.float64]:
    """The length of coast with the sea in each face, minus the length with the land in it."""
    starts = np.concatenate([line[:-1] for line in lines])
    ends = np.concatenate([line[1:] for line in lines])
    lengths = np.hypot(*(ends - starts).T)
    kept = lengths > 0
    starts, ends, lengths = starts[kept], ends[kept], lengths[kept]
    middles = (starts + ends) / 2
    along = (ends - starts) / lengths[:, None]
    right = np.stack([along[:, 1], -along[:, 0]], axis=1) * BESIDE_DEG
    tree = shapely.STRtree(faces)
    votes = np.zeros(len(faces))
    for side, sign in ((middles + right, 1.0), (middles - right, -1.0)):
        pieces, inside = tree.query(shapely.points(side), predicate="within")
        np.add.at(votes, inside, sign * lengths[pieces])
    return votes
