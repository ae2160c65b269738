"""Find the points of interest of a map near a fix, or within a circle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..geo import Circle, distances_m
from ..store.store import Store
from ..types import Fix, Nearby, PointOfInterest, Position
from .nearby import Reach, choose, score, seen_from

SPARE = 3
"""The factor by which more points are read than needed: some are the same sight, from another file."""


def with_nearby(store: Store, fix: Fix, reach: Reach) -> Fix:
    """Add the sights near a fix to it. Unchanged if the fix has no position, or the map has no points."""
    place = fix.position
    if place is None or not reach.limit:
        return fix
    points = store.points
    spots = points.spots(Circle(place.lat, place.lon, reach.within_m + (place.radius_m or 0.0)))
    if not len(spots.numbers):
        return fix
    scores = score(spots.notability, distances_m(place.lat, place.lon, spots.lats, spots.lons))
    best = np.argsort(-scores, kind="stable")[: SPARE * reach.limit]
    return replace(fix, nearby=choose(points.get(spots.numbers[best]), place, fix.heading_deg, reach))


def within(store: Store, lat: float, lon: float, radius_m: float) -> Sequence[Nearby]:
    """Every point within a circle, the nearest first."""
    place = Position(lat, lon)
    points = store.points
    found: list[PointOfInterest] = points.get(points.spots(Circle(lat, lon, radius_m)).numbers)
    return sorted((seen_from(place, None, point) for point in found), key=lambda near: near.distance_m)
