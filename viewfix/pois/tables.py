"""Read points of interest from CSV and GeoJSON files, as a stream. Unusable points are yielded as Skipped."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import BadInput
from ..sources.columns import decimal, readable
from ..sources.csv_rows import NOT_TEXT, CsvFile
from ..sources.json_rows import items_of
from ..sources.tables import placed_row
from ..types import PointOfInterest, Position, Skipped
from .links import LONGEST_NAME, links_of, names_of
from .osm_elements import is_element
from .shapes import centre_of, middle_of_line, point_in_polygon
from .sights import UNKNOWN_KIND, kind_of, notability, value_of

LAT, LON = ("lat", "latitude", "y"), ("lon", "lng", "long", "longitude", "x")

Item = PointOfInterest | Skipped


def read_csv(path: Path) -> Iterator[Item]:
    """Read one point a row: lat, lon, name; optional id, kind, wikipedia, wikidata, website, name:uk and the like.

    Raises:
        BadInput: a column is missing, or the file is not a table.
    """
    try:
        file = CsvFile(path)
        header, shown = [_column(name) for name in file.header], readable(path.name)
        _check(header, path)
        for line, cells in file.rows(placed_row(header)):
            where = f"{shown}/{line}"
            if isinstance(cells, str):
                yield Skipped(where, cells)
            else:
                row = {name: cell.strip() for name, cell in zip(header, cells, strict=False) if cell.strip()}
                yield from_cells(row, _first(row, LAT), _first(row, LON), where)
    except (OSError, UnicodeError) as error:
        raise _unreadable(path, error) from error


def _column(name: str) -> str:
    """The name of a column in lower case, except for a language code, as in name:sr-Latn."""
    return f"name:{name[5:]}" if name[:5].lower() == "name:" else name.lower()


def _check(header: list[str], path: Path) -> None:
    if not any(header):
        raise BadInput(f"{path} is empty. It needs a first line with lat, lon and name, and a line for every point.")
    missing = [names[0] for names in (LAT, LON, ("name",)) if not set(names) & set(header)]
    if missing:
        seen = ", ".join(readable(name, 120) for name in header[:12])
        raise BadInput(
            f"{path} has no column {', '.join(missing)}. Its columns: {seen[:200]}. "
            "Call them lat, lon and name, in the first line."
        )


def read_geojson(path: Path) -> Iterator[Item]:
    """Read a FeatureCollection, one Feature a line, or a list of objects with lat, lon and name.

    Areas and lines become points.

    Raises:
        BadInput: it is none of these.
        MissingExtra: it contains areas, and shapely is not installed.
    """
    number = 0
    try:
        for number, feature in enumerate(items_of(path), start=1):
            yield _from_feature(feature, f"{readable(path.name)}/{number}")
    except OSError as error:
        raise _unreadable(path, error) from error
    except ValueError as error:
        after = f"after {number} features" if number else "at its beginning"
        raise BadInput(
            f"{path} is not GeoJSON, or ends too early: {readable(str(error), 120)} {after}. "
            "Check the file, or export it again."
        ) from error
    if not number:
        raise BadInput(f"{path} contains no GeoJSON features. Pass a FeatureCollection of named points.")


def is_overpass_json(path: Path) -> bool:
    """Whether a JSON file is an Overpass export and not GeoJSON."""
    try:
        return any(map(is_element, itertools.islice(items_of(path), 1)))
    except (OSError, ValueError):
        return False


def _from_feature(feature: Any, where: str) -> Item:
    if not isinstance(feature, dict):
        return Skipped(where, "it is not an object")
    if "geometry" not in feature and "properties" not in feature:  # a plain list of objects
        row = _cells(feature)
        return from_cells(row, _first(row, LAT), _first(row, LON), where)
    properties = feature.get("properties")
    row = _cells(properties) if isinstance(properties, dict) else {}
    if isinstance(feature.get("id"), str | int):
        row.setdefault("id", str(feature["id"]))
    try:
        place = _place(feature.get("geometry"))
    except BadInput as error:
        return Skipped(readable(_id(row, where)), str(error))
    except (TypeError, ValueError, LookupError, OverflowError):
        return Skipped(
            readable(_id(row, where)), "its geometry is missing, or has no coordinates [longitude, latitude]"
        )
    return from_cells(row, place.lat, place.lon, where)


def _cells(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The properties that are text or numbers. OpenStreetMap tags, names and links may be nested one level down."""
    tags, names, links = (
        found if isinstance(found := properties.get(key), dict) else {} for key in ("tags", "names", "links")
    )
    both = {**tags, **links, **{f"name:{code}": name for code, name in names.items()}, **properties}
    return {str(key): str(value) for key, value in both.items() if isinstance(value, str | int | float)}


def _place(geometry: Any) -> Position:
    kind, coordinates = geometry["type"], geometry.get("coordinates")
    if kind == "Point":
        return Position(_degrees(coordinates[1]), _degrees(coordinates[0]))  # GeoJSON's order is [lon, lat]
    if kind == "MultiPoint":
        return centre_of(_ring(coordinates))
    if kind == "LineString":
        return middle_of_line(_ring(coordinates))
    if kind == "MultiLineString":
        return middle_of_line(_ring(max(coordinates, key=len)))
    if kind == "Polygon":
        return point_in_polygon([_ring(ring) for ring in coordinates])
    if kind == "MultiPolygon":
        return point_in_polygon([_ring(ring) for ring in max(coordinates, key=lambda polygon: len(polygon[0]))])
    raise ValueError(kind)


def _ring(corners: Any) -> list[tuple[float, float]]:
    points = [Position(_degrees(corner[1]), _degrees(corner[0])) for corner in corners]
    return [(point.lon, point.lat) for point in points]


def _degrees(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(value)
    return float(value)


def from_cells(row: Mapping[str, Any], lat: Any, lon: Any, where: str) -> Item:
    """One point from named cells. OpenStreetMap tags are understood; a column `kind` takes precedence over them."""
    key, name = _id(row, where), str(row.get("name", "")).strip()
    north, east = decimal(lat), decimal(lon)
    if any(0xD800 <= ord(char) <= 0xDFFF for text in row.values() for char in str(text)):
        return Skipped(readable(key), NOT_TEXT)
    if not name:
        return Skipped(readable(key), "it has no name")
    if max(len(name), len(key), len(str(row.get("kind", "")))) > LONGEST_NAME:
        too_long = f"its name, id or kind is longer than {LONGEST_NAME} characters: {readable(name, 120)}"
        return Skipped(readable(key, 120), too_long)
    if north is None or east is None:
        written = readable(f"{lat}, {lon}", 120)
        return Skipped(readable(key), f"{readable(name)}: its position is {written}, which are not two numbers")
    try:
        position = Position(north, east)
    except BadInput as error:
        return Skipped(readable(key), f"{readable(name)}: {error}")
    kind, known = _kind(row)
    return PointOfInterest(key, name, kind, position, names_of(row), links_of(row), known)


def _kind(row: Mapping[str, Any]) -> tuple[str, float]:
    given = str(row.get("kind", "")).strip()
    sight = None if given else kind_of(row)
    if sight is not None:
        return sight
    return given or UNKNOWN_KIND, notability(row, value_of(given))


def _first(row: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((row[name] for name in names if name in row), None)


def _id(row: Mapping[str, Any], where: str) -> str:
    return str(row.get("id") or row.get("@id") or where)


def _unreadable(path: Path, error: Exception) -> BadInput:
    why = readable(str(getattr(error, "strerror", None) or error), 120)
    return BadInput(f"{path} could not be read ({why}). Check the file and its permissions.")
