"""Open a manifest (CSV, GeoJSON, Parquet) as a table: a header, and rows of cells by column."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import BadInput, ViewfixError
from ..photos import RemoteFile
from . import parquet_rows
from .columns import NAMES, decimal, readable
from .csv_rows import CsvFile, LooksLikeRow
from .json_rows import items_of

ENDINGS = (".csv", ".tsv", ".geojson", ".json", ".parquet")

Row = tuple[str, Mapping[str, Any] | str]
"""The place of a row in its file ("line 7"), and its cells; or, instead of cells, the problem with it."""


@dataclass(frozen=True)
class Table:
    """A table that can be read any number of times. `rows` is called with the columns that are used."""

    path: Path | RemoteFile
    columns: tuple[str, ...]
    rows: Callable[[Sequence[str]], Iterator[Row]]
    count: int | None


def read_table(path: Path | RemoteFile) -> Table:
    """Open a manifest, by its extension.

    Raises:
        BadInput: it cannot be read.
        MissingExtra: a Parquet file needs pyarrow.
    """
    ending = path.suffix.lower()
    reader = read_csv if ending in (".csv", ".tsv") else read_parquet if ending == ".parquet" else read_geojson
    return reader(path)


def read_csv(path: Path | RemoteFile) -> Table:
    """Open a CSV file; see `csv_rows`."""
    try:
        file = CsvFile(path)
        with path.open("rb") as raw:
            lines = sum(chunk.count(b"\n") for chunk in iter(lambda: raw.read(1 << 20), b""))
    except (OSError, UnicodeError) as error:
        raise _unreadable(path, error) from error

    def rows(used: Sequence[str]) -> Iterator[Row]:
        try:
            for line, cells in file.rows(placed_row(file.header)):
                yield f"line {line}", cells if isinstance(cells, str) else dict(zip(file.header, cells, strict=False))
        except (OSError, UnicodeError) as error:
            raise _unreadable(path, error) from error

    return Table(path, file.header, rows, max(lines - 1, 0))


def placed_row(header: Sequence[str]) -> LooksLikeRow:
    """A check whether cells are a row of this table: by their count, and by numbers for latitude and longitude."""
    plain = [name.strip().lower() for name in header]
    axes = [next((plain.index(name) for name in NAMES[axis].split() if name in plain), None) for axis in ("lat", "lon")]

    def looks_like_row(cells: Sequence[str]) -> bool:
        return len(cells) == len(plain) and all(axis is not None and decimal(cells[axis]) is not None for axis in axes)

    return looks_like_row


def read_geojson(path: Path | RemoteFile) -> Table:
    """Open a FeatureCollection of Points, features one after the other, or a list of objects."""
    columns: dict[str, None] = {}
    count, first_problem = 0, None
    for where, cells in _json_rows(path):
        count += 1
        if isinstance(cells, str):
            first_problem = first_problem or f"{where}: {cells}"
        else:
            columns.update(dict.fromkeys(cells))
    if count and not columns:
        raise BadInput(f"{path} names no photo. {first_problem}")
    return Table(path, tuple(columns), lambda used: _json_rows(path), count)


def _json_rows(path: Path | RemoteFile) -> Iterator[Row]:
    number = 0
    try:
        for number, item in enumerate(items_of(path), start=1):
            is_feature = isinstance(item, dict) and item.get("type") == "Feature"
            yield (f"feature {number}", _of_feature(item)) if is_feature else (f"item {number}", _of_object(item))
    except (OSError, ValueError) as error:
        after = f" after {number} items" if number else ""
        hint = "A manifest is a GeoJSON FeatureCollection of Points with the property file, or a list of objects."
        raise _unreadable(path, error, f"{after}. {hint}") from error


def _of_feature(feature: Mapping[str, Any]) -> Mapping[str, Any] | str:
    geometry = feature.get("geometry")
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    if kind != "Point":
        return f"it is {'a ' + readable(str(kind), 40) if kind else 'without a geometry'}, and only Points are photos."
    at = geometry.get("coordinates") if isinstance(geometry, dict) else None
    if not isinstance(at, list) or len(at) < 2:
        return f"its coordinates are {readable(repr(at), 60)}, where [longitude, latitude] is expected."
    properties = feature.get("properties")
    cells = dict(properties) if isinstance(properties, dict) else {}
    if "id" in feature:
        cells.setdefault("id", feature["id"])
    # The geometry, [lon, lat] in GeoJSON, takes precedence over properties with the names of the columns.
    others = {name: value for name, value in cells.items() if name.lower() not in ("lat", "lon")}
    return {**others, "lat": at[1], "lon": at[0]}


def _of_object(item: Any) -> Mapping[str, Any] | str:
    return {str(name): value for name, value in item.items()} if isinstance(item, dict) else "it is not an object."


def read_parquet(path: Path | RemoteFile) -> Table:
    """Open a Parquet file. Its rows are read in batches, and only in the columns that are used."""
    try:
        columns, count = parquet_rows.header_of(path)
    except ViewfixError:
        raise
    except Exception as error:  # pyarrow raises a dozen kinds of errors for damaged files
        raise _unreadable(path, error) from error

    def rows(used: Sequence[str]) -> Iterator[Row]:
        try:
            for number, cells in enumerate(parquet_rows.rows_of(path, used), start=1):
                yield f"row {number}", cells
        except Exception as error:
            raise _unreadable(path, error) from error

    return Table(path, columns, rows, count)


def _unreadable(path: Path | RemoteFile, error: Exception, more: str = ". Check the file.") -> BadInput:
    if isinstance(error, ViewfixError):
        return BadInput(str(error))
    if isinstance(error, UnicodeError):
        return BadInput(f"{path} is not written in UTF-8. Save it as UTF-8 (in a spreadsheet: CSV UTF-8).")
    why = readable(" ".join(str(getattr(error, "strerror", None) or error).split()), 160)
    return BadInput(f"{path} could not be read as a manifest ({why}){more}")
