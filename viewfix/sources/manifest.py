"""A source for manifests: tables (CSV, GeoJSON or Parquet) of files, positions and other metadata."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import BadInput
from ..geo import wrap_heading_deg
from ..photos import RemoteFile, is_url
from ..types import Camera, Photo, Position, Skipped, View
from .columns import Columns, decimal, find, readable, time_of
from .tables import read_table

VIEW = {
    "yaw_deg": "view_yaw_deg",
    "pitch_deg": "view_pitch_deg",
    "field_of_view_deg": "view_fov_deg",
    "time_s": "view_time_s",
    "roll_deg": "view_roll_deg",
}
CAMERA = ("focal_px", "focal_35mm", "width_px", "height_px", "pitch_deg", "roll_deg", "altitude_m")


class Manifest:
    """The photos that a manifest lists. Relative files are looked for beside it, on S3 too.

    The id of a photo is its cell in the column id, or else its file as written. Several rows may name the same file,
    each with a different id and view.

    Raises:
        BadInput: on creation, if it cannot be read or lacks a column.
    """

    def __init__(self, path: Path | RemoteFile) -> None:
        self.path = path
        self._table = read_table(path)
        self._columns: Columns = find(self._table.columns, str(path))

    @property
    def name(self) -> str:
        return str(self.path)

    @property
    def count(self) -> int | None:
        return self._table.count

    def __iter__(self) -> Iterator[Photo | Skipped]:
        folder = self.path.resolve().parent
        seen: dict[str, str] = {}
        for where, cells in self._table.rows(self._columns.used):
            if isinstance(cells, str):
                yield Skipped(where, f"{where} of {self.path.name}: {cells}")
                continue
            photo = _photo(cells, self._columns, folder)
            if isinstance(photo, Photo) and photo.id in seen:
                photo = (
                    f"the id {readable(photo.id)!r} is used in {seen[photo.id]} already. Write a "
                    "different id for every photo in the column id."
                )
            if isinstance(photo, str):
                name = self._columns.cell(cells, "id") or self._columns.cell(cells, "file") or where
                yield Skipped(readable(str(name)), f"{where} of {self.path.name}: {photo}")
                continue
            seen[photo.id] = where
            yield photo


def _photo(cells: Mapping[str, Any], columns: Columns, folder: Path | RemoteFile) -> Photo | str:
    """Parse one row into a photo, or return the problem."""
    file = columns.cell(cells, "file")
    if file is None:
        return "it names no file."
    texts = [str(columns.cell(cells, name) or "") for name in ("file", "id", "attribution", "licence")]
    if any(0xD800 <= ord(char) <= 0xDFFF for text in texts for char in text):
        return "its file, id or credit contains half of a character (a lone surrogate). Correct it."
    source = _source(str(file), folder)
    if source is None:
        return f"there is no file at {folder}/{readable(str(file))}. Files are looked for beside the manifest."
    position = _position(cells, columns)
    if isinstance(position, str):
        return position
    try:
        view = _view(cells, columns)
    except BadInput as error:
        return str(error)
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
        view=view,
        camera=_camera(cells, columns),
    )


def _source(file: str, folder: Path | RemoteFile) -> str | None:
    if is_url(file):
        return file
    if isinstance(folder, RemoteFile):  # do not check that it exists: reading it will show that, without a request
        return folder.joined(file)
    for name in (file, file.replace("\\", "/")):  # a manifest from Windows
        try:
            if (folder / name).is_file():
                return str(folder / name)
        except (OSError, ValueError):  # a name that is not valid on any disk
            return None
    return None


def _position(cells: Mapping[str, Any], columns: Columns) -> Position | str:
    written = {"latitude": columns.cell(cells, "lat"), "longitude": columns.cell(cells, "lon")}
    for name, value in written.items():
        if value is None:
            return f"it has no {name}."
        if decimal(value) is None:
            return f"its {name} is {readable(repr(value), 60)}, which is not a number. Write degrees, such as 60.1704."
    lat, lon = decimal(written["latitude"]), decimal(written["longitude"])
    assert lat is not None and lon is not None, "both were checked above"
    if lat == lon == 0:
        return "its position is (0, 0), which usually means that it is unknown. Correct it, or leave the row out."
    if not (abs(lat) <= 90 and abs(lon) <= 180):
        if abs(lat) <= 180 and abs(lon) <= 90:
            hint = "Are latitude and longitude swapped?"
        else:
            hint = "Are these UTM metres? Write degrees."
        return f"its position is (lat {lat:g}, lon {lon:g}), which is not on Earth. {hint}"
    radius = decimal(columns.cell(cells, "radius_m"))
    return Position(lat, lon, radius if radius is not None and radius > 0 else None)


def _view(cells: Mapping[str, Any], columns: Columns) -> View | None:
    """The part of the file that the photo shows.

    Raises:
        BadInput: a cell is not a number in its range. It is not ignored, because the view identifies the photo.
    """
    values: dict[str, float] = {}
    for name, column in VIEW.items():
        written = columns.cell(cells, column)
        if written is None:
            continue
        value = decimal(written)
        if value is None:
            raise BadInput(f"its {column} is {readable(repr(written), 60)}, which is not a number.")
        values[name] = value % 360.0 % 360.0 if name == "yaw_deg" else value
    return View(**values) if values else None


def _camera(cells: Mapping[str, Any], columns: Columns) -> Camera | None:
    """The camera of a photo. Impossible values count as unknown."""
    known: dict[str, float | int] = {}
    for name in CAMERA:
        value = decimal(columns.cell(cells, name))
        if value is None:
            continue
        number: float | int = int(value) if name in ("width_px", "height_px") else value
        try:
            Camera(**{name: number})  # type: ignore[arg-type]
        except BadInput:
            continue
        known[name] = number
    return Camera(**known) if known else None  # type: ignore[arg-type]
