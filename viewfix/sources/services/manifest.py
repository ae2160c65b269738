"""The manifest of fetched pictures, which `viewfix build` reads: a CSV or Parquet file beside them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ...errors import BadInput, StorageFailed
from ...files import replacing
from ...optional import optional
from ...types import Photo
from ..options import USUAL_OPTIONS, SourceOptions
from .service import Item
from .source import photos_of

NUMBERS = (
    "lat", "lon", "radius_m", "heading_deg", "view_yaw_deg", "view_pitch_deg", "view_fov_deg", "view_roll_deg",
    "focal_px", "width_px", "height_px", "pitch_deg", "roll_deg",
)  # fmt: skip
TEXTS = ("file", "id", "taken_at", "attribution", "licence", "address", "version")
COLUMNS = ("file", "id", *NUMBERS, "taken_at", "attribution", "licence", "address", "version")

Row = Mapping[str, Any]


def rows_of(item: Item, file: str, reading: SourceOptions = USUAL_OPTIONS) -> list[Row]:
    """The rows of a picture: one, or one for each view of a panorama."""
    return [_row(each, item, file) for each in photos_of(item, reading)]


def read_rows(manifest: Path) -> list[Row]:
    """The rows of a manifest that an earlier run wrote; none without one.

    Raises:
        BadInput: the file is not a manifest of `viewfix fetch`.
    """
    if not manifest.exists():
        return []
    try:
        rows = _read_parquet(manifest) if manifest.suffix == ".parquet" else _read_csv(manifest)
    except Exception as error:  # pyarrow raises a dozen kinds of errors for damaged files
        rows, why = None, f"could not be read ({' '.join(str(error).split())[:100]})"
    else:
        why = "was not written by viewfix fetch"
    if rows is None or any(set(COLUMNS) - set(row) for row in rows):
        raise BadInput(f"{manifest} {why}. Choose another folder with -o, or move the file away.")
    return rows


def write_rows(manifest: Path, rows: Iterable[Row]) -> None:
    """Write a manifest, replacing an earlier one.

    Raises:
        StorageFailed: the disk is full or read-only.
        MissingExtra: Parquet without pyarrow.
    """
    try:
        with replacing(manifest) as part:
            (_write_parquet if manifest.suffix == ".parquet" else _write_csv)(part, rows)
    except OSError as error:
        raise StorageFailed(f"{manifest} cannot be written ({error.strerror}). Free some space.") from error


def _row(photo: Photo, item: Item, file: str) -> Row:
    view, camera, at = photo.view, photo.camera, photo.position
    return {
        "file": file,
        "id": photo.id,
        "lat": at.lat,
        "lon": at.lon,
        "radius_m": at.radius_m,
        "heading_deg": photo.heading_deg,
        "view_yaw_deg": view and view.yaw_deg,
        "view_pitch_deg": view and view.pitch_deg,
        "view_fov_deg": view and view.field_of_view_deg,
        "view_roll_deg": view and view.roll_deg,
        "focal_px": camera and camera.focal_px,
        "width_px": camera and camera.width_px,
        "height_px": camera and camera.height_px,
        "pitch_deg": camera and camera.pitch_deg,
        "roll_deg": camera and camera.roll_deg,
        "taken_at": photo.taken_at and photo.taken_at.isoformat(),
        "attribution": photo.attribution,
        "licence": photo.licence,
        "address": item.address,
        "version": item.version,
    }


def _read_csv(manifest: Path) -> list[Row]:
    with manifest.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        rows: list[Row] = list(reader)
        return rows if rows or not set(COLUMNS) - set(reader.fieldnames or ()) else [{}]


def _write_csv(part: Path, rows: Iterable[Row]) -> None:
    with part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows({name: row[name] for name in COLUMNS} for row in rows)


def _read_parquet(manifest: Path) -> list[Row]:
    rows: list[Row] = optional("pyarrow.parquet").read_table(manifest).to_pylist()
    return rows


def _write_parquet(part: Path, rows: Iterable[Row]) -> None:
    arrow, listed = optional("pyarrow"), list(rows)
    kinds = {name: arrow.float64() if name in NUMBERS else arrow.string() for name in COLUMNS}
    columns = {name: arrow.array([_cell(row[name], name) for row in listed], kind) for name, kind in kinds.items()}
    optional("pyarrow.parquet").write_table(arrow.table(columns), part)


def _cell(value: Any, name: str) -> Any:
    if value is None or value == "":
        return None
    return float(value) if name in NUMBERS else str(value)
