"""Draw a base map under the plan of a report: paths and names in units of the drawing, bounded in size."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import BadInput
from ..geo import mercator_lats
from ..reports.plan import Frame
from .clip import clipped_line, clipped_ring
from .labels import Label, Named, placed
from .mvt import LINE, POINT, POLYGON, DamagedTile, TileFeature, features_of
from .pmtiles import Archive, tile_at
from .stored import Basemap

MOST_TILES = 9
MOST_CHARS = 240_000
"""The limit for all paths of one drawing, so that a page stays below a megabyte."""

LEAST_STEP = 0.35
"""Points of a line closer together than this are drawn as one, in units of the drawing."""

LAYERS = frozenset(("water", "landuse", "buildings", "roads", "places", "pois"))
GREEN = frozenset(("park", "nature_reserve", "golf_course", "grass", "playground", "grassland", "village_green",
                   "forest", "cemetery", "allotments", "wood", "scrub", "zoo", "common", "national_park",
                   "protected_area", "recreation_ground"))  # fmt: skip
ROADS_M = {"highway": 14.0, "major_road": 9.0, "minor_road": 6.5, "path": 2.2, "rail": 2.0}
"""The width of a road on the ground, in metres."""

LEAST_WIDTH = {"highway": 2.4, "major_road": 1.8, "minor_road": 1.1, "path": 0.5, "rail": 0.6}

IMPORTANT_FIRST = ("water", "green", "highway", "major_road", "minor_road", "rail", "river", "buildings", "square",
                   "path")  # fmt: skip
"""Whatever exceeds MOST_CHARS is left out from the end of this list."""

FROM_BELOW = ("green", "square", "water", "river", "buildings", "rail", "path", "minor_road", "major_road", "highway")

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Shape:
    """Everything of one kind, as one SVG path; `width` is that of its lines, None for areas."""

    kind: str
    path: str
    width: float | None


@dataclass(frozen=True, slots=True)
class Ground:
    """A base map in units of a drawing of `width` by `height`: shapes from below to above, names, and the credit."""

    shapes: tuple[Shape, ...]
    labels: tuple[Label, ...]
    credit: str | None
    width: float
    height: float


def draw(basemap: Basemap | None, frame: Frame, language: str = "en") -> Ground | None:
    """Draw what a base map has within a frame; None without a base map, or one that cannot be drawn there."""
    if basemap is None or basemap.tile_kind != "mvt":
        return None
    try:
        found = list(_features(Archive(basemap.path), frame))
    except (BadInput, DamagedTile) as error:
        logging.getLogger("viewfix").warning("the base map is not drawn: %s", error)
        return None
    shapes = _shapes(found, frame)
    if not shapes:
        return None
    labels = placed(list(_names(found, language)), frame.width, frame.height)
    return Ground(tuple(shapes), tuple(labels), basemap.attribution, frame.width, frame.height)


def _features(archive: Archive, frame: Frame) -> Iterator[tuple[TileFeature, list[Floats]]]:
    """The features of the tiles under a frame, each with its parts in units of the drawing."""
    zoom, tiles = _tiles(archive, frame)
    for x, y in tiles:
        content = archive.tile(zoom, x % (1 << zoom), y)
        if content is None:
            continue
        features = list(features_of(content, LAYERS))
        counts = [len(part) for feature in features for part in feature.parts]
        if not counts:
            continue
        points = np.concatenate([part for feature in features for part in feature.parts])
        units = iter(np.split(_units(points, (zoom, x, y), frame), np.cumsum(counts)[:-1]))
        for feature in features:
            yield feature, [next(units) for _ in feature.parts]


def _tiles(archive: Archive, frame: Frame) -> tuple[int, list[tuple[int, int]]]:
    """The largest zoom at which few tiles cover the frame, and these tiles."""
    half_x, half_y = frame.width / 2 / frame.per_metre, frame.height / 2 / frame.per_metre
    east, north = frame.centre_m
    corners = [frame.plane.to_position(east + sx * half_x, north + sy * half_y) for sx in (-1, 1) for sy in (-1, 1)]
    for zoom in range(archive.header.max_zoom, archive.header.min_zoom - 1, -1):
        side = 1 << zoom
        at = [tile_at(zoom, corner.lat, corner.lon) for corner in corners]
        xs, ys = [x for x, _ in at], [y for _, y in at]
        if max(xs) - min(xs) > side / 2:  # across the 180th meridian
            xs = [x + side if x < side / 2 else x for x in xs]
        columns = range(math.floor(min(xs)), math.floor(max(xs)) + 1)
        rows = range(max(0, math.floor(min(ys))), min(side - 1, math.floor(max(ys))) + 1)
        if len(columns) * len(rows) <= MOST_TILES:
            return zoom, [(x, y) for x in columns for y in rows]
    return archive.header.min_zoom, []


def _units(points: Floats, tile: tuple[int, int, int], frame: Frame) -> Floats:
    zoom, x, y = tile
    side = 1 << zoom
    lons = (points[:, 0] + x) / side * 360 - 180
    lats = mercator_lats((points[:, 1] + y) / side)
    return frame.units_of_metres(frame.plane.to_xy_m(lats, lons))


def _shapes(found: Iterable[tuple[TileFeature, list[Floats]]], frame: Frame) -> list[Shape]:
    size = frame.width, frame.height
    paths: dict[str, list[str]] = {}
    for feature, parts in found:
        kind = _kind_of(feature)
        if kind is None:
            continue
        for part in parts:
            if feature.geometry == POLYGON:
                paths.setdefault(kind, []).extend(_ring(part, size))
            else:
                paths.setdefault(kind, []).extend(_path(run) for run in clipped_line(_thinned(part), *size))
    kept, left = {}, MOST_CHARS
    for kind in IMPORTANT_FIRST:
        path = "".join(dict.fromkeys(paths.get(kind, ())))  # what crosses the edge of a tile is in both tiles
        if path and len(path) <= left:
            kept[kind], left = path, left - len(path)
    return [Shape(kind, kept[kind], _width(kind, frame)) for kind in FROM_BELOW if kind in kept]


def _kind_of(feature: TileFeature) -> str | None:
    kind = feature.properties.get("kind")
    if not isinstance(kind, str):
        return None
    is_area = feature.geometry == POLYGON
    if feature.layer == "water":
        return "water" if is_area else "river" if feature.geometry == LINE and kind in ("river", "stream") else None
    if feature.layer == "buildings":
        return "buildings" if is_area else None
    if feature.layer == "landuse" and is_area:
        return "green" if kind in GREEN else "square" if kind == "pedestrian" else None
    if feature.layer == "roads" and feature.geometry == LINE and not feature.properties.get("is_tunnel"):
        return "path" if kind == "other" else kind if kind in ROADS_M else None
    return None


def _width(kind: str, frame: Frame) -> float | None:
    if kind == "river":
        return max(0.8, 4.0 * frame.per_metre)
    return max(LEAST_WIDTH[kind], ROADS_M[kind] * frame.per_metre) if kind in ROADS_M else None


def _ring(part: Floats, size: tuple[float, float]) -> Iterator[str]:
    ring = clipped_ring(_thinned(part), *size)
    if len(ring) > 2 and np.ptp(ring[:, 0]) * np.ptp(ring[:, 1]) > 1.0:
        yield _path(ring) + "z"


def _thinned(part: Floats) -> Floats:
    """Points without those that would be drawn in the same place as the one before."""
    cells = np.round(part / LEAST_STEP)
    kept = np.ones(len(part), bool)
    kept[1:] = (cells[1:] != cells[:-1]).any(axis=1)
    return part[kept]


def _path(points: Floats) -> str:
    """An SVG path with relative steps of tenths of a unit."""
    tenths = np.round(points * 10).astype(int)
    steps = np.diff(tenths, axis=0)
    first = f"M{_tenths(tenths[0, 0])} {_tenths(tenths[0, 1])}"
    return first + "".join(f"l{_tenths(dx)} {_tenths(dy)}" for dx, dy in steps.tolist() if dx or dy)


def _tenths(number: int) -> str:
    return f"{number / 10:g}"


def _names(found: Sequence[tuple[TileFeature, list[Floats]]], language: str) -> Iterator[Named]:
    for feature, parts in found:
        name = name_of(feature.properties, language)
        if name is None:
            continue
        rank = {"places": 0, "water": 2, "pois": 3}.get(feature.layer, 1)
        if feature.layer == "roads" and feature.geometry == LINE:
            kind = str(feature.properties.get("kind"))
            order = {"highway": 1.0, "major_road": 1.1, "minor_road": 1.5}.get(kind, 4.0)
            yield from (Named(name, "road", order, part) for part in parts)
        elif feature.geometry == POINT and feature.layer in ("places", "water", "pois"):
            yield from (Named(name, feature.layer, float(rank), part[:1]) for part in parts)


def name_of(properties: dict[str, Any], language: str) -> str | None:
    """The name in a language, else the local one if it is in Latin script, else the English one, else the local one."""
    local, english = properties.get("name"), properties.get("name:en")
    names = (properties.get(f"name:{language}"), english if properties.get("script") else None, local)
    return next((name for name in names if isinstance(name, str) and name), None)
