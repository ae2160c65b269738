"""The area that is asked for: boxes, a circle or the polygons of a GeoJSON file."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import BadInput
from ...geo import Box, Circle
from ...types import Position
from .checked import list_of, number, object_of

MOST_KM2 = 2_500.0
"""The largest area of one run: 50 km by 50 km, more than any city within its limits."""

KM_PER_DEG = 111.2
MOST_CORNERS = 100_000
MOST_FILE_BYTES = 16 << 20

Ring = Sequence[tuple[float, float]]
"""Corners as (lon, lat) in degrees, as GeoJSON has them."""


@dataclass(frozen=True)
class Area:
    """Boxes that do not cross the 180th meridian, and the shape inside them: a circle, polygons, or all of the boxes.

    A polygon is a list of rings: the outline, and then its holes.
    """

    boxes: tuple[Box, ...]
    circle: Circle | None = None
    polygons: tuple[tuple[Ring, ...], ...] = ()

    def contains(self, at: Position) -> bool:
        """Whether a position lies in the area, edges included."""
        if not any(bool(box.contains(at.lat, at.lon)) for box in self.boxes):
            return False
        if self.circle is not None:
            return bool(self.circle.contains([at.lat], [at.lon])[0])
        return not self.polygons or any(_in_polygon(at, rings) for rings in self.polygons)

    @property
    def km2(self) -> float:
        """The size of the boxes in square kilometres."""
        return sum(_km2(box) for box in self.boxes)


def box_area(south: float, west: float, north: float, east: float) -> Area:
    """The area of a box; one whose west is larger than its east crosses the 180th meridian.

    Raises:
        BadInput: a value is out of range, or the box is empty.
    """
    box = Box(south, west, north, east)
    if south == north or west == east:
        raise BadInput(
            f"The box {south:g},{west:g},{north:g},{east:g} is empty: "
            f"{'south and north' if south == north else 'west and east'} are equal. "
            "Pass SOUTH,WEST,NORTH,EAST in degrees."
        )
    return Area(tuple(part for part in box.boxes() if part.west < part.east))


def circle_area(lat: float, lon: float, radius_m: float) -> Area:
    """The area within `radius_m` metres of a point."""
    circle = Circle(lat, lon, radius_m)
    return Area(tuple(circle.boxes()), circle=circle)


def geojson_area(file: Path) -> Area:
    """The area of the polygons in a GeoJSON file.

    Raises:
        BadInput: the file cannot be read, or holds no polygon.
    """
    try:
        with file.open("rb") as raw:
            text = raw.read(MOST_FILE_BYTES + 1)
        polygons = list(_polygons(json.loads(text)))
    except (OSError, ValueError, RecursionError) as error:
        why = getattr(error, "strerror", None) or " ".join(str(error).split())[:160]
        raise BadInput(f"{file} could not be read as GeoJSON ({why}). Pass a file with a Polygon.") from error
    if len(text) > MOST_FILE_BYTES or sum(len(ring) for rings in polygons for ring in rings) > MOST_CORNERS:
        raise BadInput(f"{file} has more than {MOST_CORNERS} corners. Simplify the area.")
    if not polygons:
        raise BadInput(f"{file} contains no Polygon or MultiPolygon in degrees. Draw the area as a polygon.")
    boxes = []
    for rings in polygons:
        lons, lats = zip(*rings[0], strict=True)
        boxes.append(Box(min(lats), min(lons), max(lats), max(lons)))
    return Area(tuple(boxes), polygons=tuple(polygons))


def quarters(box: Box) -> Iterator[Box]:
    """The four quarters of a box."""
    lat, lon = (box.south + box.north) / 2, (box.west + box.east) / 2
    yield Box(box.south, box.west, lat, lon)
    yield Box(box.south, lon, lat, box.east)
    yield Box(lat, box.west, box.north, lon)
    yield Box(lat, lon, box.north, box.east)


def tiles(box: Box, side_deg: float) -> Iterator[Box]:
    """A box as a grid of boxes whose sides are at most `side_deg`."""
    down, across = tile_counts(box, side_deg)
    lats = [box.south + (box.north - box.south) * i / down for i in range(down)] + [box.north]
    lons = [box.west + (box.east - box.west) * i / across for i in range(across)] + [box.east]
    for south, north in zip(lats, lats[1:], strict=False):
        for west, east in zip(lons, lons[1:], strict=False):
            yield Box(south, west, north, east)


def tile_counts(box: Box, side_deg: float) -> tuple[int, int]:
    """How many tiles of that side a box has from south to north, and from west to east."""
    # A side that is a multiple but for rounding, such as 0.012 / 0.004, needs no further tile.
    return tuple(max(1, math.ceil(side / side_deg - 1e-9)) for side in (box.north - box.south, box.east - box.west))  # type: ignore[return-value]


def _km2(box: Box) -> float:
    height = (box.north - box.south) * KM_PER_DEG
    middle = math.radians((box.north + box.south) / 2)
    return height * (box.east - box.west) * KM_PER_DEG * math.cos(middle)


def _polygons(item: Any) -> Iterator[tuple[Ring, ...]]:
    """The polygons of a GeoJSON object, whichever of its types it has."""
    found = object_of(item)
    kind = found.get("type")
    if kind == "Feature":
        yield from _polygons(found.get("geometry"))
    elif kind in ("FeatureCollection", "GeometryCollection"):
        for part in list_of(found.get("features" if kind == "FeatureCollection" else "geometries")):
            yield from _polygons(part)
    elif kind in ("Polygon", "MultiPolygon"):
        parts = list_of(found.get("coordinates"))
        for rings in [parts] if kind == "Polygon" else map(list_of, parts):
            corners = tuple(_ring(ring) for ring in rings)
            if corners and all(len(ring) > 3 for ring in corners):
                yield corners


def _ring(corners: Any) -> Ring:
    found = []
    for corner in list_of(corners):
        values = list_of(corner)
        lon, lat = (number(values[0], -180, 180), number(values[1], -90, 90)) if len(values) >= 2 else (None, None)
        if lon is None or lat is None:
            return ()
        found.append((lon, lat))
    return found


def _in_polygon(at: Position, rings: Sequence[Ring]) -> bool:
    """Even-odd rule: a ray to the east crosses the outline and the holes an odd number of times in all."""
    inside = False
    for ring in rings:
        for (lon_a, lat_a), (lon_b, lat_b) in zip(ring, ring[1:], strict=False):
            if (lat_a > at.lat) != (lat_b > at.lat):
                inside ^= at.lon < lon_a + (at.lat - lat_a) / (lat_b - lat_a) * (lon_b - lon_a)
    return inside
