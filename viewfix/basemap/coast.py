"""The sea of an area, from its coastlines: OpenStreetMap has only lines, with land on their left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..optional import optional

Floats = npt.NDArray[np.float64]
LINE = 1
"""The id of a line in shapely."""

BESIDE_DEG = 2e-8
"""How far beside a coastline the sea is looked up: 2 mm, below OpenStreetMap's precision of 1e-7 degrees."""


def sea_of(coastlines: Sequence[Floats], area: Any) -> list[Any]:
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
    votes = _votes(shapely, _steps(shapely, lines, area), faces)
    return [face for face, vote in zip(faces, votes, strict=True) if vote > 0]


def _steps(shapely: Any, lines: Sequence[Floats], area: Any) -> tuple[Floats, Floats]:
    """The steps of lines as far as they lie in an area, (N, 2) starts and ends, in the direction of the lines."""
    starts, ends = (np.concatenate([line[part] for line in lines]) for part in (slice(None, -1), slice(1, None)))
    cut = shapely.intersection(shapely.linestrings(np.stack([starts, ends], axis=1)), area)
    kept = (shapely.get_type_id(cut) == LINE) & ~shapely.is_empty(cut)
    first, last = (shapely.get_coordinates(shapely.get_point(cut[kept], at)) for at in (0, -1))
    turned = ((last - first) * (ends - starts)[kept]).sum(axis=1) < 0
    first[turned], last[turned] = last[turned], first[turned]
    return first, last


def _votes(shapely: Any, steps: tuple[Floats, Floats], faces: Any) -> Floats:
    """The length of coast with the sea in each face, minus the length with the land in it."""
    starts, ends = steps
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
