"""The header of a table becomes knowledge of which column is what, and cells become numbers and times."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..errors import BadInput
from ..photos.values import moment, number

NAMES = {  # what we look for: under which names, the best first
    "file": "file path filename file_name filepath file_path image image_path photo name url uri image_url",
    "lat": "lat latitude y gps_lat gps_latitude",
    "lon": "lon lng long longitude x gps_lon gps_longitude",
    "id": "id photo_id image_id key",
    "heading_deg": "heading_deg heading compass compass_angle yaw bearing azimuth ca",
    "taken_at": "taken_at captured_at timestamp datetime date_time time date",
    "attribution": "attribution author credit creator",
    "licence": "licence license",
    "radius_m": "radius_m accuracy accuracy_m horizontal_accuracy",
}
NEEDED = ("file", "lat", "lon")


@dataclass(frozen=True)
class Columns:
    """For each thing that we look for, the name of its column in this table; None where it has none."""

    names: Mapping[str, str | None]

    def cell(self, row: Mapping[str, Any], what: str) -> Any:
        """Its content, None where it is empty."""
        name = self.names[what]
        value = None if name is None else row.get(name)
        if isinstance(value, str):
            return value.strip() or None
        return None if isinstance(value, float) and math.isnan(value) else value


def find(header: Sequence[str], table: str) -> Columns:
    """Say which column is what.

    Raises:
        BadInput: file, lat or lon is missing; with what was seen and what is looked for.
    """
    by_name = {_plain(name): name for name in reversed(header)}
    found = {what: _first(names.split(), by_name) for what, names in NAMES.items()}
    for what in NEEDED:
        if found[what] is None:
            raise _missing(what, header, set(found.values()), table)
    return Columns(found)


def _plain(name: str) -> str:
    return re.sub(r"[\s\-]+", "_", name.strip().lower())


def _first(names: Sequence[str], by_name: Mapping[str, str]) -> str | None:
    return next((by_name[name] for name in names if name in by_name), None)


def _missing(what: str, header: Sequence[str], used: set[str | None], table: str) -> BadInput:
    names = NAMES[what].split()
    free = [name for name in header if name not in used]
    close = [name for name in free if difflib.get_close_matches(_plain(name), names, n=1, cutoff=0.7)]
    seen = ", ".join(header[:12]) + (", ..." if len(header) > 12 else "") if any(header) else "none at all"
    hint = f"Did you mean {close[0]!r}? Call it {what!r}." if close else f"Call one {what!r}, in the first line."
    if not any(header):
        return BadInput(f"{table} is empty. It needs a line for every photo, with a file, its lat and its lon.")
    return BadInput(f"{table} has no column {what!r}, nor {', '.join(names[1:])}. Its columns: {seen}. {hint}")


def decimal(value: Any) -> float | None:
    """A finite number, also with a decimal comma; None for what is none."""
    if isinstance(value, str) and value.count(",") == 1 and "." not in value:
        value = value.replace(",", ".")
    return None if isinstance(value, bool) else number(value)


def time_of(value: Any) -> datetime | None:
    """A time: ISO 8601, EXIF's "2024:05:01 12:00:00", 20240501, or seconds or milliseconds since 1970 in UTC."""
    if isinstance(value, datetime):
        return value
    text = str(value) if value is not None else ""
    if re.fullmatch(r"(19|20)\d{6}(\d{6})?", text):
        text = f"{text[:4]}:{text[4:6]}:{text[6:8]} {text[8:10] or '00'}:{text[10:12] or '00'}:{text[12:14] or '00'}"
    seconds = number(text)
    if seconds is None:
        return moment(text, None)
    try:
        # In seconds, 1e11 is the year 5138: so large a number is milliseconds.
        return datetime.fromtimestamp(seconds / 1000 if abs(seconds) >= 1e11 else seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return None
