"""The rings of an area go in; one point that stands for it comes out, inside it."""

from __future__ import annotations

from collections.abc import Sequence

from ..geo import wrap_lon_deg
from ..types import Position

Ring = Sequence[tuple[float, float]]
"""(lon, lat) in degrees, in GeoJSON's order; closed or not."""


def inside_point(rings: Sequence[Ring]) -> Position:
    """The centroid of an area, or a point inside it where the centroid lies outside.

    Args:
        rings: its outer rings and its holes, one or more, each of one point or more; may cross the 180th meridian.
    """
    first = rings[0][0][0]
    # Longitudes counted from the first point, so that an area across the 180th meridian is whole.
    flat = [[(float(wrap_lon_deg(lon - first)), lat) for lon, lat in ring] for ring in rings]
    x, y = _centroid(flat[0])
    if not _inside(x, y, flat):
        x, y = _middle_of_widest(flat, y)
    return Position(y, float(wrap_lon_deg(x + first)))


def middle_of_line(line: Ring) -> Position:
    """The vertex in the middle of a line: it lies on it, however it winds."""
    lon, lat = line[len(line) // 2]
    return Position(lat, lon)


def middle_of(corners: Ring) -> Position:
    """The mean of points."""
    first = corners[0][0]
    east = sum(float(wrap_lon_deg(lon - first)) for lon, _ in corners) / len(corners)
    return Position(sum(lat for _, lat in corners) / len(corners), float(wrap_lon_deg(first + east)))


def _centroid(ring: Ring) -> tuple[float, float]:
    x0, y0 = ring[0]
    area = sum_x = sum_y = 0.0
    for (ax, ay), (bx, by) in zip(ring, [*ring[1:], ring[0]], strict=True):
        cross = (ax - x0) * (by - y0) - (bx - x0) * (ay - y0)
        area += cross
        sum_x += cross * (ax + bx - 2 * x0)
        sum_y += cross * (ay + by - 2 * y0)
    if abs(area) < 1e-18:  # a line or a point: the mean of its corners
        return sum(x for x, _ in ring) / len(ring), sum(y for _, y in ring) / len(ring)
    return x0 + sum_x / (3 * area), y0 + sum_y / (3 * area)


def _crossings(rings: Sequence[Ring], y: float) -> list[float]:
    """Where the horizontal through y crosses the outlines, from west to east."""
    found = []
    for ring in rings:
        for (ax, ay), (bx, by) in zip(ring, [*ring[1:], ring[0]], strict=True):
            if (ay > y) != (by > y):
                found.append(ax + (y - ay) * (bx - ax) / (by - ay))
    return sorted(found)


def _inside(x: float, y: float, rings: Sequence[Ring]) -> bool:
    return sum(crossing < x for crossing in _crossings(rings, y)) % 2 == 1


def _middle_of_widest(rings: Sequence[Ring], y: float) -> tuple[float, float]:
    """The middle of the widest stretch of area on a horizontal near y."""
    lats = [lat for _, lat in rings[0]]
    middle = (min(lats) + max(lats)) / 2
    for at in (y, middle, (middle + max(lats)) / 2, (middle + min(lats)) / 2):
        found = _crossings(rings, at)
        stretches = [(b - a, (a + b) / 2) for a, b in zip(found[::2], found[1::2], strict=False)]
        if stretches:
            return max(stretches)[1], at
    return rings[0][0]
