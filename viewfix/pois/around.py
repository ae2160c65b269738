"""A fix goes in; it comes out with the sights of the map that are near it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..geo import Circle, distances_m
from ..store.store import Store
from ..types import Fix, Nearby, PointOfInterest, Position
from .nearby import Reach, choose, seen_from, worth

SPARE = 3
"""So many times what is named is read from the map: some are the same sight, from another file."""


def with_nearby(store: Store, fix: Fix, reach: Reach) -> Fix:
    """The fix with what is near it; as it is, where it has no position or the map no points."""
    at = fix.position
    if at is None or not reach.most:
        return fix
    points = store.points
    spots = points.spots(Circle(at.lat, at.lon, reach.within_m + (at.radius_m or 0.0)))
    if not len(spots.numbers):
        return fix
    value = worth(spots.notability, distances_m(at.lat, at.lon, spots.lats, spots.lons))
    best = np.argsort(-value, kind="stable")[: SPARE * reach.most]
    return replace(fix, nearby=choose(points.get(spots.numbers[best]), at, fix.heading_deg, reach))


def within(store: Store, lat: float, lon: float, radius_m: float) -> Sequence[Nearby]:
    """Every point within a circle, the nearest first."""
    at = Position(lat, lon)
    points = store.points
    found: list[PointOfInterest] = points.get(points.spots(Circle(lat, lon, radius_m)).numbers)
    return sorted((seen_from(at, None, point) for point in found), key=lambda near: near.distance_m)
