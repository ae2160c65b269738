"""Read the features of a base map from an OpenStreetMap file, in batches, cut at the edges of an area."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import BadInput
from ..geo import Box
from ..optional import optional
from ..pois.osm import PBF_ENDINGS, XML_ENDINGS, require_file
from ..sources.columns import readable
from ..types import Progress
from .coast import sea_of
from .tags import KEYS, Drawn, areas_of, line_of, point_of, properties_of

BATCH = 5_000
MOST_FEATURES = 2_000_000
"""The limit for what is drawn in one base map; greater London has about a million."""

LARGE_BYTES = 400_000_000
"""From this size on, the positions of a file's nodes are kept on disk, not in memory."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One thing to draw: its properties, and its geometry as GeoJSON text."""

    drawn: Drawn
    properties: dict[str, Any]
    geometry: str


@dataclass(slots=True)
class Reading:
    """One reading of a file: the features found so far by layer, and the box of everything in the file."""

    path: Path
    area: Any
    progress: Progress
    found: dict[str, int] = field(default_factory=dict)
    south_west: list[float] = field(default_factory=lambda: [np.inf, np.inf])
    north_east: list[float] = field(default_factory=lambda: [-np.inf, -np.inf])

    @property
    def seen(self) -> Box | None:
        """The box of everything in the file; None if that is nothing."""
        (west, south), (east, north) = self.south_west, self.north_east
        return Box(south, west, north, east) if west <= east else None

    def cover(self, bounds: Any) -> None:
        """Take (N, 4) bounds of geometries into account."""
        finite = bounds[np.isfinite(bounds).all(axis=1)]
        if len(finite):
            low, high = finite[:, :2].min(axis=0).tolist(), finite[:, 2:].max(axis=0).tolist()
            self.south_west = [min(a, b) for a, b in zip(self.south_west, low, strict=True)]
            self.north_east = [max(a, b) for a, b in zip(self.north_east, high, strict=True)]


def check_file(path: Path) -> None:
    """Refuse a file that is not there, or is not an OpenStreetMap file by its name.

    Raises:
        BadInput: it is a folder, is not there, or has another extension.
    """
    require_file(path)
    if not path.name.lower().endswith(PBF_ENDINGS + XML_ENDINGS):
        raise BadInput(
            f"{path} does not have the extension of an OpenStreetMap file. Pass a .osm.pbf, .osm, .osm.gz or .osm.bz2 "
            "file, or a ready .pmtiles file."
        )


def header_box(path: Path) -> Box | None:
    """The box that the header of a file names; None if it names none, or one that is not on the globe."""
    osmium = optional("osmium")
    try:
        box = osmium.io.Reader(str(path), osmium.osm.NOTHING).header().box()
        if not box.valid():
            return None
        low, high = box.bottom_left, box.top_right
        return Box(low.lat, low.lon, high.lat, high.lon)
    except (RuntimeError, BadInput):
        return None  # an unreadable file is reported when it is read


def features(reading: Reading) -> Iterator[Feature]:
    """The features of a file within the area of a reading; the sea and the land last.

    Raises:
        MissingExtra: osmium or shapely is not installed.
        BadInput: it cannot be read as OpenStreetMap data, or has too much to draw.
    """
    osmium, shapely = optional("osmium"), optional("shapely")
    try:
        yield from _features(reading, osmium, shapely)
    except (RuntimeError, OSError, ValueError) as error:
        seen = readable(" ".join(str(error).split()), 160)
        raise BadInput(
            f"{reading.path} could not be read as OpenStreetMap data ({seen}). Is the file complete? Download it again."
        ) from error


def _features(reading: Reading, osmium: Any, shapely: Any) -> Iterator[Feature]:
    keys = osmium.filter.KeyFilter(*KEYS)
    store = "sparse_mem_array" if reading.path.stat().st_size < LARGE_BYTES else "sparse_file_array"
    objects = osmium.FileProcessor(str(reading.path)).with_locations(store).with_areas(keys).with_filter(keys)
    wkb = osmium.geom.WKBFactory()
    batch: list[tuple[Drawn, dict[str, Any], str]] = []
    coast: list[tuple[dict[str, Any], str]] = []
    for done, each in enumerate(objects):
        if each.is_relation() or (each.is_node() and "name" not in each.tags):
            continue  # trees and crossings: most of a city's nodes
        tags = dict(each.tags)
        try:
            if each.is_node():
                drawn = point_of(tags)
                if drawn is not None:
                    batch.append((drawn, properties_of(drawn, tags), wkb.create_point(each)))
            elif each.is_way():
                if tags.get("natural") == "coastline":
                    coast.append((tags, wkb.create_linestring(each)))
                elif (drawn := line_of(tags)) is not None:
                    batch.append((drawn, properties_of(drawn, tags), wkb.create_linestring(each)))
            elif each.is_area() and (surfaces := areas_of(tags)):
                shape = wkb.create_multipolygon(each)
                batch += [(drawn, properties_of(drawn, tags), shape) for drawn in surfaces]
        except (RuntimeError, osmium.InvalidLocationError):
            continue  # nodes are missing: the edge of an extract
        if len(batch) >= BATCH:
            yield from _cut(reading, shapely, batch)
            batch = []
            reading.progress(f"reading {reading.path.name}", done, None)
    yield from _cut(reading, shapely, batch)
    yield from _ground(reading, shapely, [shape for _, shape in coast])


def _cut(reading: Reading, shapely: Any, batch: Sequence[tuple[Drawn, dict[str, Any], str]]) -> Iterator[Feature]:
    """Cut the shapes of a batch at the edges of the area; areas that only carry a name become points."""
    if not batch:
        return
    shapes = shapely.from_wkb(np.array([shape for _, _, shape in batch], object), on_invalid="ignore")
    reading.cover(shapely.bounds(shapes))
    near: list[int] = np.flatnonzero(shapely.intersects(shapely.envelope(shapes), reading.area)).tolist()
    as_point = np.array([batch[at][0].as_point for at in near], dtype=np.bool_)
    cut = shapes[near]
    cut[as_point] = shapely.point_on_surface(cut[as_point])
    cut = shapely.intersection(cut, reading.area, grid_size=0.0) if len(cut) else cut
    texts = shapely.to_geojson(cut)
    for at, shape, text in zip(near, cut, texts, strict=True):
        if shape is None or shape.is_empty:
            continue
        drawn, properties, _ = batch[at]
        reading.found[drawn.layer] = reading.found.get(drawn.layer, 0) + 1
        if sum(reading.found.values()) > MOST_FEATURES:
            raise BadInput(
                f"The area of the map in {reading.path} has more than {MOST_FEATURES:,} things to draw. Make maps of "
                "smaller areas."
            )
        yield Feature(drawn, properties, text)


def _ground(reading: Reading, shapely: Any, coast: Sequence[str]) -> Iterator[Feature]:
    """The sea, and the land of the part of the area that the file covers."""
    shores = shapely.from_wkb(np.array(coast, object), on_invalid="ignore")
    reading.cover(shapely.bounds(shores).reshape(-1, 4))
    covered = header_box(reading.path) or reading.seen
    if covered is None:
        return
    known = shapely.intersection(reading.area, shapely.union_all([shapely.box(*_corners(b)) for b in covered.boxes()]))
    near = shores[shapely.intersects(shapely.envelope(shores), reading.area)]
    lines = [shapely.get_coordinates(line) for line in near]
    for part in shapely.get_parts(known):
        if part.area == 0:
            continue
        sea = sea_of(lines, part)
        land = shapely.difference(part, shapely.union_all(sea)) if sea else part
        for shape, drawn in [(sea, Drawn("water", "ocean", 0)), ([land], Drawn("earth", "earth", 0))]:
            for text in shapely.to_geojson([each for each in shape if not each.is_empty]):
                reading.found[drawn.layer] = reading.found.get(drawn.layer, 0) + 1
                yield Feature(drawn, {"kind": drawn.kind}, text)


def area_of(box: Box) -> Any:
    """A box as a shapely polygon; two polygons if it crosses the 180th meridian."""
    shapely = optional("shapely")
    area = shapely.union_all([shapely.box(*_corners(each)) for each in box.boxes()])
    shapely.prepare(area)
    return area


def _corners(box: Box) -> tuple[float, float, float, float]:
    return box.west, box.south, box.east, box.north
