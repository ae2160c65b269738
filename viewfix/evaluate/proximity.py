"""Distances between two sets of positions, at any scale."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..geo import distances_m
from ..types import Position

Floats = npt.NDArray[np.float64]

EARTH_M = 6_371_008.8
CHUNK = 512
SHORTEST_DEGREE_M = 110_500.0
"""Less than the shortest degree of latitude on WGS84 (110,574 m at the equator), so that no position is missed."""


def points_m(positions: Sequence[Position]) -> Floats:
    """(N, 3) float64 metres from the centre of the Earth, taken as a sphere: no meridian or pole is special.

    Straight distances between them are accurate to 0.5 % below 100 km.
    """
    lat, lon = (np.radians([getattr(each, axis) for each in positions], dtype=np.float64) for axis in ("lat", "lon"))
    return EARTH_M * np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=1)


def nearest_m(points: Floats, others: Floats) -> Floats:
    """(N,) metres from each of (N, 3) points to the nearest of (M, 3) others; infinite if there are none."""
    if not len(others):
        return np.full(len(points), np.inf)
    centre = others.mean(axis=0)  # small numbers keep small differences
    near, far = points - centre, others - centre
    squares = (far**2).sum(axis=1)
    found = [
        ((part**2).sum(axis=1)[:, None] + squares[None] - 2 * part @ far.T).min(axis=1)
        for part in np.split(near, range(CHUNK, len(near), CHUNK))
    ]
    return np.asarray(np.sqrt(np.maximum(np.concatenate(found), 0.0)))


def strips(points: Floats, count: int) -> list[npt.NDArray[np.int64]]:
    """Cut (N, 3) points across their longest axis into `count` strips of equal size; returns the rows of each."""
    centred = points - points.mean(axis=0)
    axis = np.linalg.svd(centred, full_matrices=False)[2][0]
    along = centred @ axis
    return [np.sort(part) for part in np.array_split(np.argsort(along, kind="stable"), count) if len(part)]


def within_m(
    queries: Sequence[Position], positions: Sequence[Position], radius_m: float
) -> list[npt.NDArray[np.int64]]:
    """For each of N queries the rows of the positions at most `radius_m` metres away: N times (n,) int64."""
    points, others = points_m(queries), points_m(positions)
    lats, lons = (np.array([getattr(each, axis) for each in positions], np.float64) for axis in ("lat", "lon"))
    order = np.argsort(lats, kind="stable")
    ranked = lats[order]
    reach_deg = (radius_m + 0.1) / SHORTEST_DEGREE_M
    found = []
    for position, point in zip(queries, points, strict=True):
        first = np.searchsorted(ranked, position.lat - reach_deg, side="left")
        band = order[first : np.searchsorted(ranked, position.lat + reach_deg, side="right")]
        # A sphere is accurate to half a percent: positions that may be in reach are measured again on the ellipsoid.
        near = band[((others[band] - point) ** 2).sum(axis=1) <= (1.01 * radius_m + 0.1) ** 2]
        exact = distances_m(position.lat, position.lon, lats[near], lons[near]) if len(near) else np.empty(0)
        found.append(np.sort(near[exact <= radius_m]).astype(np.int64))
    return found
