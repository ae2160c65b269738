"""A source for Mapillary Street-Level Sequences, as unpacked: every city, its database and its queries.

    train_val/CITY/{database,query}/{raw.csv,images/KEY.jpg}

raw.csv has the columns key, lon, lat, ca (compass angle), captured_at (milliseconds since 1970) and pano
(Warburg et al., 2020). Panoramas are skipped, as in all protocols of this dataset. `viewfix eval` does not use this
source: it searches for the queries of a city in the database of that city only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import BadInput
from ..geo import wrap_heading_deg
from ..photos.coordinates import checked
from ..types import Photo, Skipped
from .columns import decimal, readable, utc_from_seconds
from .tables import read_csv

SIDES = ("database", "query")
INSIDE = (".", "train_val", "test")
"""Where cities lie below the folder that was passed, which may also be a city itself."""


def sides_of(root: Path) -> list[Path]:
    """The folders below root with a raw.csv, in order: database and query of all cities. Empty for other folders."""
    tops = [root, *(city for inside in INSIDE for city in sorted((root / inside).glob("*/")))]
    found = [top / side for top in tops for side in SIDES if (top / side / "raw.csv").is_file()]
    return list(dict.fromkeys(found))


class Msls:
    """Photos of all cities below a folder; the id of one is city/side/key.

    Raises:
        BadInput: on creation, when a table cannot be read or lacks a column.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._tables = [(side, read_csv(side / "raw.csv")) for side in sides_of(root.resolve())]
        for side, table in self._tables:
            missing = [column for column in ("key", "lat", "lon") if column not in table.columns]
            if missing:
                raise BadInput(
                    f"{side / 'raw.csv'} has no column {', '.join(missing)}. It has: {', '.join(table.columns)}. "
                    "Unpack the metadata of the dataset again."
                )

    @property
    def name(self) -> str:
        return str(self.root)

    @property
    def count(self) -> int | None:
        """The number of rows of all tables."""
        counts = [table.count for _, table in self._tables]
        known = [count for count in counts if count is not None]
        return sum(known) if len(known) == len(counts) else None

    def __iter__(self) -> Iterator[Photo | Skipped]:
        for side, table in self._tables:
            named = f"{side.parent.name}/{side.name}"
            try:
                files = {file.name for file in (side / "images").iterdir()}
            except OSError:
                files = set()
            for where, cells in table.rows(table.columns):
                if isinstance(cells, str):
                    yield Skipped(f"{named}/{where}", f"{where} of {side / 'raw.csv'}: {cells}")
                    continue
                found = _photo(cells, side, named, files)
                yield (
                    found
                    if isinstance(found, Photo)
                    else Skipped(f"{named}/{readable(cells.get('key') or where)}", found)
                )


def _photo(cells: Mapping[str, Any], side: Path, named: str, files: set[str]) -> Photo | str:
    """Parse one row into a photo, or return the problem."""
    name = f"{cells.get('key')}.jpg"
    if str(cells.get("pano", "")).strip().lower() in ("true", "1", "1.0"):
        return "it is a panorama, which no protocol of this dataset uses"
    if name not in files:
        return f"there is no file {name} in {side / 'images'}; unpack the images too"
    lat, lon = decimal(cells.get("lat")), decimal(cells.get("lon"))
    if lat is None or lon is None:
        return f"its lat and lon are {cells.get('lat')!r} and {cells.get('lon')!r}, which are not two numbers"
    position, problem = checked(lat, lon)
    if position is None:
        return problem or "its position is not on Earth"
    heading, captured_ms = decimal(cells.get("ca")), decimal(cells.get("captured_at"))
    return Photo(
        id=f"{named}/{cells['key']}",
        source=str(side / "images" / name),
        position=position,
        heading_deg=None if heading is None else wrap_heading_deg(heading),
        taken_at=None if captured_ms is None else utc_from_seconds(captured_ms / 1000),
    )
