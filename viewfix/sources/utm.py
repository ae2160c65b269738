"""A source for folders with positions in the file names, as in many datasets of the field.

    @east@north@zone@letter@lat@lon@pano_id@tile@heading@pitch@roll@height@timestamp@note@.jpg

Only the name is parsed, never the path: a folder may have an "@" in its name. Zone and
hemisphere are honoured, so a map may cross from one zone into the next.
"""

from __future__ import annotations

import functools
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ..geo import distance_m, wrap_heading_deg
from ..photos import Metadata
from ..photos.coordinates import checked
from ..photos.values import number
from ..types import Position
from .folder import Folder, Prefer, ReadContext, from_files
from .sidecars import Siblings

if TYPE_CHECKING:
    from pyproj import Transformer

EAST, NORTH, ZONE, LETTER, LAT, LON, HEADING, TIMESTAMP = 1, 2, 3, 4, 5, 6, 9, 13

BANDS = "CDEFGHJKLMNPQRSTUVWX"
"""Latitude bands of 8 degrees from 80 south; C to M lie south of the equator, N to X north."""

AGREE_M = 100.0
"""Latitude and longitude are written with three to five decimals: 1 to 100 m."""


def is_utm_name(name: str) -> bool:
    return name.startswith("@") and name.count("@") >= 3


def utm_folder(root: Path, prefer: Prefer = "sidecar") -> Folder:
    """A source that takes positions from file names. A photo with another name is read as in any folder."""
    return Folder(root, read=from_name_or_files, prefer=prefer)


def from_name_or_files(path: Path, siblings: Siblings, context: ReadContext) -> Metadata:
    return from_name(path.name) if is_utm_name(path.name) else from_files(path, siblings, context)


def from_name(name: str) -> Metadata:
    """Parse the metadata in a file name.

    If the position is there twice, in metres and in degrees, both must be the same place. The metres are used, because
    they are finer.
    """
    cells = name.split("@")
    cells += [""] * (TIMESTAMP + 1 - len(cells))
    lat, lon = number(cells[LAT]), number(cells[LON])
    in_degrees, problem = (None, None) if lat is None or lon is None else checked(lat, lon)
    in_metres = _from_metres(cells, in_degrees)
    position = in_metres or in_degrees
    if in_metres and in_degrees and (apart_m := distance_m(in_metres, in_degrees)) > AGREE_M:
        position, problem = None, f"its name has two positions, {apart_m / 1000:.1f} km apart: in metres and in degrees"
    elif position is None:
        problem = problem or "its name has neither a UTM zone and letter nor a latitude and longitude"
    heading = number(cells[HEADING])
    return Metadata(
        position=position,
        heading_deg=None if heading is None else wrap_heading_deg(heading),
        taken_at=_moment(cells[TIMESTAMP]),
        no_position=problem if position is None else None,
    )


def _from_metres(cells: list[str], near: Position | None) -> Position | None:
    east, north, zone, letter = number(cells[EAST]), number(cells[NORTH]), number(cells[ZONE]), cells[LETTER].upper()
    if east is None or north is None or zone is None or zone not in range(1, 61) or letter not in tuple(BANDS):
        return None
    found = _unprojected(east, north, int(zone), south=letter < "N")
    if letter == "S" and not _means_band_s(found, near):
        found = _unprojected(east, north, int(zone), south=True)
    return found


def _means_band_s(as_band: Position | None, near: Position | None) -> bool:
    """Whether an S is the latitude band from 32 to 40 degrees north, rather than short for "south"."""
    if near is not None:
        return near.lat >= 0
    return as_band is not None and 32 <= as_band.lat <= 40


def _unprojected(east_m: float, north_m: float, zone: int, *, south: bool) -> Position | None:
    lon, lat = _transformer(zone, south).transform(east_m, north_m)
    # The made-up positions of some datasets are not UTM: the projection returns infinity, or a place far away.
    plausible = 100_000 <= east_m <= 900_000 and 0 <= north_m <= 10_000_000
    return checked(lat, lon)[0] if plausible else None


@functools.cache
def _transformer(zone: int, south: bool) -> Transformer:
    from pyproj import Transformer

    return Transformer.from_crs(32700 + zone if south else 32600 + zone, 4326, always_xy=True)


def _moment(text: str) -> datetime | None:
    """Parse YYYYMMDD_hhmmss, the end of which may be missing; None without a day."""
    digits = text.replace("_", "")
    for form, length in (("%Y%m%d%H%M%S", 14), ("%Y%m%d%H%M", 12), ("%Y%m%d", 8)):
        if len(digits) >= length and digits[:length].isdigit():
            try:
                return datetime.strptime(digits[:length], form)
            except ValueError:
                continue
    return None
