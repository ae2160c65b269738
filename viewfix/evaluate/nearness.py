"""Two sets of positions become how near each of one is to the other, at any scale."""

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
"""Below the shortest degree of latitude on WGS84, 110,574 m at the equator: a band of latitudes leaves nobody out."""


def points_m(positions: Sequence[Position]) -> Floats:
    """(N, 3) float64 metres from the middle of the Earth, taken as a ball: no meridian or pole is special.

    Distances between them are straight lines, right to 0.5 % below 100 km.
    """
    lat, lon = (np.radians([getattr(each, axis) for each in positions], dtype=np.float64) for axis in ("lat", "lon"))
    return EARTH_M * np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=1)


def nearest_m(these: Floats, those: Floats) -> Floats:
    """(N, 3) and (M, 3) points of `points_m` to (N,) metres; infinite where there are none to be near."""
    if not len(those):
        return np.full(len(these), np.inf)
    centre = those.mean(axis=0)  # small numbers keep the small differences
    near, far = these - centre, those - centre
    squares = (far**2).sum(axis=1)
    found = [
        ((part**2).sum(axis=1)[:, None] + squares[None] - 2 * part @ far.T).min(axis=1)
        for part in np.split(near, range(CHUNK, len(near), CHUNK))
    ]
    return np.asarray(np.sqrt(np.maximum(np.concatenate(found), 0.0)))


def strips(points: Floats, count: int) -> list[npt.NDArray[np.int64]]:
    """(N, 3) points cut across their longest axis into `count` strips with equally many: the rows of each."""
    centred = points - points.mean(axis=0)
    axis = np.linalg.svd(centred, full_matrices=False)[2][0]
    along = centred @ axis
    return [np.sort(part) for part in np.array_split(np.argsort(along, kind="stable"), count) if len(part)]


def within_m(these: Sequence[Position], those: Sequence[Position], radius_m: float) -> list[npt.NDArray[np.int64]]:
    """For each of N positions the rows of those at most `radius_m` metres away: N times (n,) int64."""
    points, others = points_m(these), points_m(those)
    lats, lons = (np.array([getattr(each, axis) for each in those], np.float64) for axis in ("lat", "lon"))
    order = np.argsort(lats, kind="stable")
    ranked = lats[order]
    reach_deg = (radius_m + 0.1) / SHORTEST_DEGREE_M
    found = []
    for position, point in zip(these, points, strict=True):
        first = np.searchsorted(ranked, position.lat - reach_deg, side="left")
        band = order[first : np.searchsorted(ranked, position.lat + reach_deg, side="right")]
        # A ball is right to half a percent: what it calls near enough is measured again.
        near = band[((others[band] - point) ** 2).sum(axis=1) <= (1.01 * radius_m + 0.1) ** 2]
        exact = distances_m(position.lat, position.lon, lats[near], lons[near]) if len(near) else np.empty(0)
        found.append(np.sort(near[exact <= radius_m]).astype(np.int64))
    return found
