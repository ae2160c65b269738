"""Headings go in; which of the four directions is looked to at every spot comes out. Pure."""

from __future__ import annotations

from typing import get_args

import numpy as np
import numpy.typing as npt

from .findings import Direction
from .grid import Floats, Grid, Indices

DIRECTIONS: tuple[Direction, ...] = get_args(Direction)
HALF_DEG = 45.0
CLOSE_M = 15.0
"""A photo this near shows what could be seen from a spot too."""

Looks = npt.NDArray[np.bool_]


def looks_to(headings_deg: Floats) -> Looks:
    """(N,) headings, NaN where unknown, to (N, 4) bool: north, east, south, west. On the diagonal, two of them."""
    off_deg = np.abs((headings_deg[:, None] - 90.0 * np.arange(4) + 180.0) % 360.0 - 180.0)
    return np.asarray(off_deg <= HALF_DEG)  # NaN is never near


def same_way(heading_deg: float, headings_deg: Floats) -> Looks:
    """(N,) bool: which of the photos look where one does; unknown headings do not."""
    return np.asarray(np.abs((headings_deg - heading_deg + 180.0) % 360.0 - 180.0) <= HALF_DEG)


def looked_to(headings_deg: Floats, groups: Indices, spots_m: Floats) -> tuple[Looks, Looks]:
    """What is seen at each spot.

    Args:
        headings_deg: (N,) of the photos, NaN where unknown.
        groups: (N,) the spot of each photo.
        spots_m: (S, 3) float64 earth-centred metres.

    Returns:
        known: (S,) bool, whether a photo of this very spot says where it looks.
        seen: (S, 4) bool, whether a photo here or within CLOSE_M looks to the direction.
    """
    known = np.zeros(len(spots_m), bool)
    known[groups[np.isfinite(headings_deg)]] = True
    own = np.zeros((len(spots_m), 4), bool)
    np.logical_or.at(own, groups, looks_to(headings_deg))
    grid = Grid(spots_m, CLOSE_M)
    seen = own.copy()
    for spot in np.flatnonzero(known & ~own.all(axis=1)):
        near, _ = grid.near(spots_m[spot])
        seen[spot] = own[near].any(axis=0)
    return known, seen
