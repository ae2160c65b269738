"""Which of the four compass directions are seen at each spot, from the headings of its photos."""

from __future__ import annotations

from typing import get_args

import numpy as np
import numpy.typing as npt

from .grid import Floats, Grid, Indices
from .result import Direction

DIRECTIONS: tuple[Direction, ...] = get_args(Direction)
HALF_DEG = 45.0
CLOSE_M = 15.0
"""A photo this close shows what could be seen from the spot as well."""

Bools = npt.NDArray[np.bool_]


def directions_of(headings_deg: Floats) -> Bools:
    """(N,) headings, NaN if unknown, to (N, 4) bool: north, east, south, west. A diagonal counts for two of them."""
    off_deg = np.abs((headings_deg[:, None] - 90.0 * np.arange(4) + 180.0) % 360.0 - 180.0)
    return np.asarray(off_deg <= HALF_DEG)  # False for NaN


def facing_alike(heading_deg: float, headings_deg: Floats) -> Bools:
    """(N,) bool: which photos face the same way as one; False for an unknown heading."""
    return np.asarray(np.abs((headings_deg - heading_deg + 180.0) % 360.0 - 180.0) <= HALF_DEG)


def directions_seen(headings_deg: Floats, spot_of: Indices, spots_m: Floats) -> tuple[Bools, Bools]:
    """The directions seen at each spot.

    Args:
        headings_deg: (N,) of the photos, NaN if unknown.
        spot_of: (N,) the spot of each photo.
        spots_m: (S, 3) float64 earth-centred metres.

    Returns:
        known: (S,) bool, whether a photo of the spot itself has a heading.
        seen: (S, 4) bool, whether a photo here or within CLOSE_M faces the direction.
    """
    known = np.zeros(len(spots_m), bool)
    known[spot_of[np.isfinite(headings_deg)]] = True
    own = np.zeros((len(spots_m), 4), bool)
    np.logical_or.at(own, spot_of, directions_of(headings_deg))
    grid = Grid(spots_m, CLOSE_M)
    seen = own.copy()
    for spot in np.flatnonzero(known & ~own.all(axis=1)):
        near, _ = grid.near(spots_m[spot])
        seen[spot] = own[near].any(axis=0)
    return known, seen
