"""A CSV or GeoJSON file becomes a stream of points of interest; what is wrong with one costs only that one."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import BadInput
from ..sources.columns import decimal
from ..types import PointOfInterest, Position, Skipped
from .features import features_of
from .links import LONGEST_NAME, links_of, names_of
from .shapes import inside_point, middle_of, middle_of_line
from .sights import kind_of, notability, value_of

KIND = "point_of_interest"
"""The kind of what does not say what it is."""

LAT, LON = ("lat", "latitude", "y"), ("lon", "lng", "long", "longitude", "x")
CELL = 1 << 20  # characters: the limit of Python's reader is lower, and one text of 200 KB is no broken file

Item = PointOfInterest | Skipped


def read_csv(path: Path) -> Iterator[Item]:
    """One line a point: lat, lon, name; optional id, kind, wikipedia, wikidata, website, name:uk and the like.

    Raises:
        BadInput: it has no such columns, or is no table.
    """
    csv.field_size_limit(max(csv.field_size_limit(), CELL))
    try:
        with path.open(encoding=_encoding(path), newline="", errors="surrogateescape") as file:
            first = file.readline(CELL)
            delimiter = max(",;\t", key=first.count)
            file.seek(0)
            reader = csv.reader(file, delimiter=delimiter)
            header = [_column(name.strip()) for name in _line(reader, path) or ()]
            _check(header, path)
            while (cells := _line(reader, path)) is not None:
                where = f"{path.name}/{reader.line_num}"
                if isinstance(cells, Skipped):
                    yield Skipped(where, cells.reason)
                elif any(cell.strip() for cell in cells[len(header) :]):
                    more = f"it has {len(cells)} cells where the header has {len(header)}"
                    yield Skipped(where, f"{more}. Put quotes around what holds {delimiter!r}")
                elif any(cell.strip() for cell in cells):
                    row = {name: cell.strip() for name, cell in zip(header, cells, strict=False) if cell.strip()}
                    yield of_cells(row, _first(row, LAT), _first(row, LON), where)
    except OSError as error:
        raise _unreadable(path, error) from error


def _column(name: str) -> str:
    """In small letters, but for the code of a language, such as name:sr-Latn."""
    return f"name:{name[5:]}" if name[:5].lower() == "name:" else name.lower()


def _line(reader: Any, path: Path) -> Any:
    """The next line's cells; None at the end; Skipped for one that is none."""
    try:
        return next(reader, None)
    except csv.Error as error:
        return Skipped("", f"it is no line of a table ({error})")
    except UnicodeError as error:  # UTF-16 that ends in half a character
        raise _unreadable(path, error) from error


def _check(header: Any, path: Path) -> None:
    if not any(header):
        raise BadInput(f"{path} is empty. It needs a first line with lat, lon and name, and a line for every point.")
    missing = [names[0] for names in (LAT, LON, ("name",)) if not set(names) & set(header)]
    if missing:
        seen = ", ".join(_shown(name) for name in header[:12])
        raise BadInput(
            f"{path} has no column {' nor '.join(missing)}. Its columns: {seen[:200]}. "
            "Call them lat, lon and name, in the first line."
        )


def read_geojson(path: Path) -> Iterator[Item]:
    """A FeatureCollection, one Feature a line, or a list of objects with lat, lon and name. Areas and lines count too.

    Raises:
        BadInput: it is none of these.
    """
    number = 0
    try:
        for number, feature in enumerate(features_of(path), start=1):
            yield _of_feature(feature, f"{path.name}/{number}")
    except OSError as error:
        raise _unreadable(path, error) from error
    except (ValueError, RecursionError) as error:
        after = f"after {number} features" if number else "at its beginning"
        raise BadInput(
            f"{path} is no GeoJSON, or ends too early: {_shown(str(error))} {after}. "
            "Check the file, or export it again."
        ) from error
    if not number:
        raise BadInput(f"{path} holds no GeoJSON features. Give a FeatureCollection of named points.")


def _of_feature(feature: Any, where: str) -> Item:
    if not isinstance(feature, dict):
        return Skipped(where, "it is no object")
    if "geometry" not in feature and "properties" not in feature:  # a plain list of objects
        row = _cells(feature)
        return of_cells(row, _first(row, LAT), _first(row, LON), where)
    properties = feature.get("properties")
    row = _cells(properties) if isinstance(properties, dict) else {}
    if isinstance(feature.get("id"), str | int):
        row.setdefault("id", str(feature["id"]))
    try:
        at = _place(feature.get("geometry"))
    except BadInput as error:
        return Skipped(_id(row, where), str(error))
    except (TypeError, ValueError, LookupError, OverflowError):
        return Skipped(_id(row, where), "its geometry is none, or has no coordinates [longitude, latitude]")
    return of_cells(row, at.lat, at.lon, where)


def _cells(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Texts and numbers only. The tags of an object of OpenStreetMap may be one level down, as may names and links."""
    tags, names, links = (
        found if isinstance(found := properties.get(key), dict) else {} for key in ("tags", "names", "links")
    )
    both = {**tags, **links, **{f"name:{code}": name for code, name in names.items()}, **properties}
    return {str(key): str(value) for key, value in both.items() if isinstance(value, str | int | float)}


def _place(geometry: Any) -> Position:
    kind, at = geometry["type"], geometry.get("coordinates")
    if kind == "Point":
        return Position(_degrees(at[1]), _degrees(at[0]))  # GeoJSON's order is [lon, lat]
    if kind == "MultiPoint":
        return middle_of(_ring(at))
    if kind == "LineString":
        return middle_of_line(_ring(at))
    if kind == "MultiLineString":
        return middle_of_line(_ring(max(at, key=len)))
    if kind == "Polygon":
        return inside_point([_ring(ring) for ring in at])
    if kind == "MultiPolygon":
        return inside_point([_ring(ring) for ring in max(at, key=lambda polygon: len(polygon[0]))])
    raise ValueError(kind)


def _ring(corners: Any) -> list[tuple[float, float]]:
    points = [Position(_degrees(corner[1]), _degrees(corner[0])) for corner in corners]
    return [(point.lon, point.lat) for point in points]


def _degrees(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(value)
    return float(value)


def of_cells(row: Mapping[str, Any], lat: Any, lon: Any, where: str) -> Item:
    """One point from named cells: OpenStreetMap's tags are understood, `kind` comes before them."""
    key, name = _id(row, where), str(row.get("name", "")).strip()
    north, east = decimal(lat), decimal(lon)
    if any(0xD800 <= ord(c) <= 0xDFFF for text in row.values() for c in str(text)):
        return Skipped(_shown(key), "it holds bytes that are no text. Save the file as UTF-8")
    if not name:
        return Skipped(key, "it has no name")
    if max(len(name), len(key), len(str(row.get("kind", "")))) > LONGEST_NAME:
        return Skipped(_shown(key), f"its name, id or kind is longer than {LONGEST_NAME} characters: {_shown(name)}")
    if north is None or east is None:
        return Skipped(key, f"{name}: its position is {_shown(f'{lat}, {lon}')}, which are not two numbers")
    try:
        at = Position(north, east)
    except BadInput as error:
        return Skipped(key, f"{name}: {error}")
    kind, known = _kind(row)
    return PointOfInterest(key, name, kind, at, names_of(row), links_of(row), known)


def _kind(row: Mapping[str, Any]) -> tuple[str, float]:
    given = str(row.get("kind", "")).strip()
    sight = None if given else kind_of(row)
    if sight is not None:
        return sight
    return given or KIND, notability(row, value_of(given))


def _first(row: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((row[name] for name in names if name in row), None)


def _id(row: Mapping[str, Any], where: str) -> str:
    return str(row.get("id") or row.get("@id") or where)


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        return "utf-16" if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"


def _shown(text: str) -> str:
    return "".join(c if c.isprintable() and not 0xD800 <= ord(c) <= 0xDFFF else "?" for c in text)[:120]


def _unreadable(path: Path, error: Exception) -> BadInput:
    why = _shown(str(getattr(error, "strerror", None) or error))
    return BadInput(f"{path} could not be read ({why}). Check the file and its permissions.")
