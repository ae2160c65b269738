"""A source for the GSV-Cities dataset, whose file names contain position, heading and month.

    Images/London/London_0000012_2015_07_134_51.50735_-0.12776_PANOID.JPG

city, place, year, month, bearing, latitude, longitude, panorama (Ali-bey et al., 2022); a bearing may
be above 360. Only the name is parsed: the tables in Dataframes/ contain the same data, and are not needed.
"""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

from ..geo import wrap_heading_deg
from ..photos import Metadata
from ..photos.coordinates import checked
from .folder import Folder, Prefer, ReadContext, from_files
from .sidecars import Siblings

NAME = re.compile(
    r"(?P<city>[^_]+)_(?P<place>\d+)_(?P<year>\d{4})_(?P<month>\d{1,2})_(?P<bearing>-?\d+(\.\d+)?)"
    r"_(?P<lat>-?\d+(\.\d+)?)_(?P<lon>-?\d+(\.\d+)?)_.+\.jpe?g",
    re.IGNORECASE,
)


def is_gsv_cities_name(name: str) -> bool:
    return NAME.fullmatch(name) is not None


def gsv_cities_folder(root: Path, prefer: Prefer = "sidecar") -> Folder:
    """A source that takes positions from file names. A photo with another name is read as in any folder."""
    return Folder(root, read=from_name_or_files, prefer=prefer)


def from_name_or_files(path: Path, siblings: Siblings, context: ReadContext) -> Metadata:
    found = NAME.fullmatch(path.name)
    if found is None:
        return from_files(path, siblings, context)
    position, problem = checked(float(found["lat"]), float(found["lon"]))
    year, month = int(found["year"]), int(found["month"])
    return Metadata(
        position=position,
        heading_deg=wrap_heading_deg(float(found["bearing"])),
        taken_at=datetime(year, month, 1) if year and 1 <= month <= 12 else None,
        no_position=problem if position is None else None,
    )
