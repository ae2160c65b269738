"""Choose one point that represents a line, an area or a group of points: on it, or inside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..geo import wrap_lon_deg
from ..optional import optional
from ..types import Position

MOST_CORNERS = 24
SIMPLIFY_DEG = 1e-5

Ring = Sequence[tuple[float, float]]
"""(lon, lat) in degrees, in GeoJSON's order; closed or not."""


def point_in_polygon(rings: Sequence[Ring]) -> Position:
    """The centroid of a polygon, or a point inside it if the centroid lies outside.

    Args:
        rings: the outer ring and its holes, of at least one point each; they may cross the 180th meridian.

    Raises:
        MissingExtra: shapely is not installed.
    """
    shapely = optional("shapely")
    start_deg = rings[0][0][0]
    outer, *holes = [_unwrapped(ring, start_deg) for ring in rings]
    if len(outer) < 3:
        return centre_of(rings[0])
    whole = [hole for hole in holes if len(hole) >= 3]
    return _inside(shapely.Polygon(outer, whole), start_deg) or centre_of(rings[0])


def point_in_area(outer_lines: Sequence[Ring], inner_lines: Sequence[Ring]) -> Position | None:
    """A point in the largest of the areas that lines enclose, outside of its holes; None if they enclose nothing.

    Raises:
        MissingExtra: shapely is not installed.
    """
    shapely = optional("shapely")
    if not outer_lines:
        return None
    start_deg = outer_lines[0][0][0]
    outer, inner = (_enclosed(shapely, lines, start_deg) for lines in (outer_lines, inner_lines))
    return None if outer.is_empty else _inside(outer.difference(inner), start_deg)


def outline_of(lines: Sequence[Ring]) -> tuple[tuple[float, float], ...]:
    """The corners of a line or ring, or of the hull of several, as (lat, lon); at most MOST_CORNERS of them.

    Raises:
        MissingExtra: shapely is not installed.
    """
    shapely = optional("shapely")
    kept = [line for line in lines if len(line) > 1]
    if not kept:
        return ()
    start_deg = kept[0][0][0]
    flat = [_unwrapped(line, start_deg) for line in kept]
    if len(flat) == 1:
        shape = shapely.LineString(flat[0])
    else:
        hull = shapely.MultiPoint([point for line in flat for point in line]).convex_hull
        shape = hull.exterior if hull.geom_type == "Polygon" else hull
    reach_deg = SIMPLIFY_DEG
    while shapely.get_num_coordinates(shape) > MOST_CORNERS:
        shape, reach_deg = shapely.simplify(shape, reach_deg), 2 * reach_deg
    return tuple((round(lat, 6), round(float(wrap_lon_deg(lon + start_deg)), 6)) for lon, lat in shape.coords)


def middle_of_line(line: Ring) -> Position:
    """The vertex in the middle of a line: unlike the centroid, it lies on the line."""
    lon, lat = line[len(line) // 2]
    return Position(lat, lon)


def centre_of(points: Ring) -> Position:
    """The mean of points."""
    start_deg = points[0][0]
    east_deg = sum(lon for lon, _ in _unwrapped(points, start_deg)) / len(points)
    return Position(sum(lat for _, lat in points) / len(points), float(wrap_lon_deg(start_deg + east_deg)))


def _unwrapped(ring: Ring, start_deg: float) -> list[tuple[float, float]]:
    """Shift longitudes towards `start_deg`, so that an area across the 180th meridian is not split."""
    return [(float(wrap_lon_deg(lon - start_deg)), lat) for lon, lat in ring]


def _enclosed(shapely: Any, lines: Sequence[Ring], start_deg: float) -> Any:
    parts = [shapely.LineString(_unwrapped(line, start_deg)) for line in lines if len(line) >= 2]
    faces = (
        shapely.polygonize([shapely.node(shapely.MultiLineString(parts))]) if parts else shapely.GeometryCollection()
    )
    return shapely.union_all(shapely.get_parts(faces))


def _inside(area: Any, start_deg: float) -> Position | None:
    """The centroid of the largest part of an area, or a point inside that part; None if no part has an extent."""
    shapely = optional("shapely")
    area = area if area.is_valid else shapely.make_valid(area)
    parts = [part for part in shapely.get_parts([area]) if part.geom_type == "Polygon" and part.area > 0]
    if not parts:
        return None
    largest = max(parts, key=lambda part: part.area)
    point = largest.centroid if largest.contains(largest.centroid) else largest.representative_point()
    return Position(point.y, float(wrap_lon_deg(point.x + start_deg)))
