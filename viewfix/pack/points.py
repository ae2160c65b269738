"""A point of interest as an entry of points.json, with its outline unless the outline is small."""

from __future__ import annotations

from typing import Any

from ..geo import distance_m, wrap_lon_deg
from ..types import PointOfInterest, Position

STEP_DEG = 1e-5
"""The unit of outlines: 1.1 m of latitude."""

MOST_CORNERS = 64
FARTHEST_STEPS = 1_000_000
"""The corners of an outline are at most 10 degrees from its point."""

SMALL_M = 8.0
"""An outline that lies within this distance of its point is left out."""


def packed_point(point: PointOfInterest) -> dict[str, Any]:
    """One entry of points.json."""
    packed = {
        "id": point.id,
        "name": point.name,
        "kind": point.kind,
        "position": {"lat": round(point.position.lat, 7), "lon": round(point.position.lon, 7)},
        "names": dict(point.names),
        "links": dict(point.links),
        "notability": round(point.notability, 4),
        "attribution": point.attribution,
        "licence": point.licence,
    }
    outline = packed_outline(point)
    return {**packed, "outline": outline} if outline else packed


def packed_outline(point: PointOfInterest) -> list[int]:
    """The corners relative to the point, in STEP_DEG: latitude, longitude, …; [] if it is too small or too large."""
    corners, last = point.outline, len(point.outline) - 1
    if len(corners) < 2 or all(distance_m(point.position, Position(*corner)) <= SMALL_M for corner in corners):
        return []
    if len(corners) > MOST_CORNERS:
        corners = tuple(corners[round(n * last / (MOST_CORNERS - 1))] for n in range(MOST_CORNERS))
    lat0, lon0 = round(point.position.lat, 7), round(point.position.lon, 7)
    steps = [
        (round((lat - lat0) / STEP_DEG), round(float(wrap_lon_deg(lon - lon0)) / STEP_DEG)) for lat, lon in corners
    ]
    kept = [step for n, step in enumerate(steps) if n == 0 or step != steps[n - 1]]
    flat = [number for step in kept for number in step]
    return flat if len(kept) > 1 and max(map(abs, flat)) <= FARTHEST_STEPS else []
