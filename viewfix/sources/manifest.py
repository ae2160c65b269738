"""A table of files and positions (CSV, GeoJSON or Parquet) becomes Photo | Skipped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..geo import wrap_heading_deg
from ..photos import RemoteFile, is_url
from ..types import Photo, Position, Skipped
from .columns import Columns, decimal, find, time_of
from .tables import read_csv, read_geojson, read_parquet

FORMS = {
    ".csv": read_csv,
    ".tsv": read_csv,
    ".geojson": read_geojson,
    ".json": read_geojson,
    ".parquet": read_parquet,
}


class Manifest:
    """The photos that a manifest names; relative files are looked for beside it, on S3 too.

    The id of a photo is its cell in the column id, or the file as it is written there.

    Raises:
        BadInput: on creation, when it cannot be read or lacks a column.
    """

    def __init__(self, path: Path | RemoteFile) -> None:
        self.path = path
        self._table = FORMS[path.suffix.lower()](path)
        self._columns: Columns = find(self._table.columns, str(path))

    @property
    def count(self) -> int | None:
        return self._table.count

    def __iter__(self) -> Iterator[Photo | Skipped]:
        folder = self.path.resolve().parent
        seen: dict[str, str] = {}
        for where, cells in self._table.rows():
            if isinstance(cells, str):
                yield Skipped(where, f"{where} of {self.path.name}: {cells}")
                continue
            photo = _photo(cells, self._columns, folder)
            if isinstance(photo, Photo) and photo.id in seen:
                photo = f"the id {photo.id!r} stands in {seen[photo.id]} already. Give every photo an id of its own."
            if isinstance(photo, str):
                name = self._columns.cell(cells, "id") or self._columns.cell(cells, "file") or where
                yield Skipped(str(name), f"{where} of {self.path.name}: {photo}")
                continue
            seen[photo.id] = where
            yield photo


def _photo(cells: Mapping[str, Any], columns: Columns, folder: Path | RemoteFile) -> Photo | str:
    """A photo, or what is wrong with its row."""
    file = columns.cell(cells, "file")
    if file is None:
        return "it names no file."
    source = _source(str(file), folder)
    if source is None:
        return f"there is no file at {folder}/{file}. Files are looked for beside the manifest."
    position = _position(cells, columns)
    if isinstance(position, str):
        return position
    heading = decimal(columns.cell(cells, "heading_deg"))
    photo_id = columns.cell(cells, "id")
    attribution, licence = columns.cell(cells, "attribution"), columns.cell(cells, "licence")
    return Photo(
        id=str(file if photo_id is None else photo_id),
        source=source,
        position=position,
        heading_deg=None if heading is None else wrap_heading_deg(heading),
        taken_at=time_of(columns.cell(cells, "taken_at")),
        attribution=None if attribution is None else str(attribution),
        licence=None if licence is None else str(licence),
    )


def _source(file: str, folder: Path | RemoteFile) -> str | None:
    if is_url(file):
        return file
    if isinstance(folder, RemoteFile):  # whether it is there is seen when it is read, without a request more
        return folder.joined(file)
    for name in (file, file.replace("\\", "/")):  # a manifest from Windows
        try:
            if (folder / name).is_file():
                return str(folder / name)
        except (OSError, ValueError):  # a name that no disk takes
            return None
    return None


def _position(cells: Mapping[str, Any], columns: Columns) -> Position | str:
    written = {"latitude": columns.cell(cells, "lat"), "longitude": columns.cell(cells, "lon")}
    for name, value in written.items():
        if value is None:
            return f"it has no {name}."
        if decimal(value) is None:
            return f"its {name} is {value!r}, which is no number. Write degrees, as 60.1704."
    lat, lon = decimal(written["latitude"]), decimal(written["longitude"])
    assert lat is not None and lon is not None, "both were just seen to be numbers"
    if lat == lon == 0:
        return "its position is (0, 0), which is written where there is none. Leave the row out."
    if not (abs(lat) <= 90 and abs(lon) <= 180):
        if abs(lat) <= 180 and abs(lon) <= 90:
            hint = "Are latitude and longitude swapped?"
        else:
            hint = "Are these UTM metres? Write degrees."
        return f"its position is (lat {lat:g}, lon {lon:g}), which is not on Earth. {hint}"
    radius = decimal(columns.cell(cells, "radius_m"))
    return Position(lat, lon, radius if radius is not None and radius > 0 else None)
