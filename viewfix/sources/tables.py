"""A manifest file (CSV, GeoJSON, Parquet) becomes a header and rows: where each stands, and its cells by column."""

from __future__ import annotations

import codecs
import csv
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import BadInput
from ..optional import optional
from ..photos import RemoteFile

Row = tuple[str, Mapping[str, Any] | str]
"""Where it stands ("line 7"), and its cells; or, instead of cells, why it is no row."""


@dataclass(frozen=True)
class Table:
    path: Path | RemoteFile
    columns: tuple[str, ...]
    rows: Callable[[], Iterator[Row]]
    count: int | None


def read_csv(path: Path | RemoteFile) -> Table:
    """Separated by comma, semicolon or tab, whichever the first line has most of; UTF-8, or UTF-16 with a mark."""
    encoding = _encoding(path)
    try:
        with path.open(encoding=encoding, newline="") as file:
            first = file.readline()
            delimiter = max(",;\t", key=first.count)
            file.seek(0)
            header = next(csv.reader(file, delimiter=delimiter), [])
        with path.open("rb") as raw:
            lines = sum(chunk.count(b"\n") for chunk in iter(lambda: raw.read(1 << 20), b""))
    except (OSError, UnicodeError, csv.Error) as error:
        raise _unreadable(path, error) from error
    columns = tuple(name.strip() for name in header)
    return Table(path, columns, lambda: _csv_rows(path, columns, delimiter, encoding), max(lines - 1, 0))


def _encoding(path: Path | RemoteFile) -> str:
    try:
        with path.open("rb") as file:
            return "utf-16" if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"
    except OSError as error:
        raise _unreadable(path, error) from error


def _csv_rows(path: Path | RemoteFile, columns: tuple[str, ...], delimiter: str, encoding: str) -> Iterator[Row]:
    try:
        with path.open(encoding=encoding, newline="") as file:
            reader = csv.reader(file, delimiter=delimiter)
            next(reader, None)
            for cells in reader:
                where = f"line {reader.line_num}"
                if not any(cell.strip() for cell in cells):
                    continue
                if any(cell.strip() for cell in cells[len(columns) :]):
                    more = f"it has {len(cells)} cells where the header has {len(columns)}"
                    yield where, f"{more}. Put quotes around what holds {delimiter!r}."
                else:
                    yield where, dict(zip(columns, cells, strict=False))
    except (OSError, UnicodeError, csv.Error) as error:
        raise _unreadable(path, error) from error


def read_geojson(path: Path | RemoteFile) -> Table:
    """A FeatureCollection of Points, or a plain list of objects."""
    try:
        content = _json(path)
    except (OSError, ValueError, RecursionError) as error:
        raise _unreadable(path, error) from error
    if isinstance(content, dict) and content.get("type") == "FeatureCollection":
        items, kind = content.get("features"), "feature"
    else:
        items, kind = content, "item"
    if not isinstance(items, list):
        raise BadInput(
            f"{path} is no manifest: it is neither a GeoJSON FeatureCollection nor a list of objects. "
            "Give features that are Points, with the property file."
        )
    rows: list[Row] = [
        (f"{kind} {n}", _of_feature(item) if kind == "feature" else _of_object(item))
        for n, item in enumerate(items, start=1)
    ]
    columns = dict.fromkeys(name for _, cells in rows if not isinstance(cells, str) for name in cells)
    if rows and not columns:
        raise BadInput(f"{path} names no photo. {rows[0][0]}: {rows[0][1]}")
    return Table(path, tuple(columns), lambda: iter(rows), len(rows))


def _json(path: Path | RemoteFile) -> Any:
    with path.open(encoding="utf-8-sig") as file:
        return json.load(file)


def _of_feature(feature: Any) -> Mapping[str, Any] | str:
    geometry = feature.get("geometry") if isinstance(feature, dict) else None
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    if kind != "Point":
        return f"it is {'a ' + str(kind) if kind else 'without a geometry'}, and only Points are photos."
    at = geometry.get("coordinates") if isinstance(geometry, dict) else None
    if not isinstance(at, list) or len(at) < 2:
        return f"its coordinates are {at!r}, where [longitude, latitude] is expected."
    properties = feature.get("properties")
    cells = dict(properties) if isinstance(properties, dict) else {}
    if "id" in feature:
        cells.setdefault("id", feature["id"])
    # The geometry decides: GeoJSON is [lon, lat], and nothing else of that name may stand in its way.
    others = {name: value for name, value in cells.items() if name.lower() not in ("lat", "lon")}
    return {**others, "lat": at[1], "lon": at[0]}


def _of_object(item: Any) -> Mapping[str, Any] | str:
    return {str(name): value for name, value in item.items()} if isinstance(item, dict) else "it is no object."


def read_parquet(path: Path | RemoteFile) -> Table:
    """A Parquet file; its rows are read in batches, and columns of descriptors are left alone."""
    parquet = optional("pyarrow.parquet")
    try:
        with path.open("rb") as raw, parquet.ParquetFile(raw) as file:
            schema, count = file.schema_arrow, int(file.metadata.num_rows)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    types = optional("pyarrow.types")
    columns = tuple(field.name for field in schema if not types.is_nested(field.type))
    return Table(path, columns, lambda: _parquet_rows(path, columns), count)


def _parquet_rows(path: Path | RemoteFile, columns: tuple[str, ...]) -> Iterator[Row]:
    number = 0
    try:
        with path.open("rb") as raw, optional("pyarrow.parquet").ParquetFile(raw) as file:
            for batch in file.iter_batches(batch_size=4096, columns=list(columns)):
                for cells in batch.to_pylist():
                    number += 1
                    yield f"row {number}", cells
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path | RemoteFile, error: Exception) -> BadInput:
    if isinstance(error, UnicodeError):
        return BadInput(f"{path} is not written in UTF-8. Save it as UTF-8 (in a spreadsheet: CSV UTF-8).")
    why = " ".join(str(getattr(error, "strerror", None) or error).split())[:160]
    return BadInput(f"{path} could not be read as a manifest ({why}). Check the file.")
