"""Recognise the columns of a table by their names, and parse cells into numbers and times."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from ..errors import BadInput
from ..photos.values import moment, number

NAMES = {  # the names that the column of each field may have, the best first
    "file": "file path filename file_name filepath file_path image image_path photo name url uri image_url",
    "lat": "lat latitude y gps_lat gps_latitude",
    "lon": "lon lng long longitude x gps_lon gps_longitude",
    "id": "id photo_id image_id key",
    "heading_deg": "heading_deg heading compass compass_angle yaw bearing azimuth ca",
    "taken_at": "taken_at captured_at timestamp datetime date_time time date",
    "attribution": "attribution author credit creator",
    "licence": "licence license",
    "radius_m": "radius_m accuracy accuracy_m horizontal_accuracy",
    "view_yaw_deg": "view_yaw_deg",
    "view_pitch_deg": "view_pitch_deg",
    "view_fov_deg": "view_fov_deg view_field_of_view_deg",
    "view_time_s": "view_time_s",
    "view_roll_deg": "view_roll_deg",
    "focal_px": "focal_px",
    "focal_35mm": "focal_35mm focal_length_35mm focal_length_in_35mm_film",
    "width_px": "width_px image_width",
    "height_px": "height_px image_height",
    "pitch_deg": "pitch_deg camera_pitch_deg",
    "roll_deg": "roll_deg camera_roll_deg",
    "altitude_m": "altitude_m altitude ele elevation",
}
NEEDED = ("file", "lat", "lon")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Columns:
    """The name of each field's column in a table; None for a field without a column."""

    names: Mapping[str, str | None]

    def cell(self, row: Mapping[str, Any], what: str) -> Any:
        """The content of a cell, None if it is empty."""
        name = self.names[what]
        value = None if name is None else row.get(name)
        if isinstance(value, str):
            return value.strip() or None
        return None if isinstance(value, float) and math.isnan(value) else value

    @property
    def used(self) -> tuple[str, ...]:
        """The names of the columns that are read."""
        return tuple(dict.fromkeys(name for name in self.names.values() if name is not None))


def find(header: Sequence[str], table: str) -> Columns:
    """Find the columns of a table by its header.

    Raises:
        BadInput: file, lat or lon is missing.
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
    if not any(header):
        return BadInput(f"{table} is empty. It needs a row for every photo, with a file, its lat and its lon.")
    seen = readable(", ".join(header[:12])) + (", ..." if len(header) > 12 else "")
    hint = (
        f"Did you mean {readable(close[0])!r}? Call it {what!r}." if close else f"Call one {what!r}, in the first line."
    )
    return BadInput(f"{table} has no column {what!r}, nor {', '.join(names[1:])}. Its columns: {seen}. {hint}")


def decimal(value: Any) -> float | None:
    """Parse a finite number, with a decimal point or comma; None for anything else."""
    if isinstance(value, str) and value.count(",") == 1 and "." not in value:
        value = value.replace(",", ".")
    return None if isinstance(value, bool) else number(value)


def time_of(value: Any) -> datetime | None:
    """Parse a time: ISO 8601, EXIF's "2024:05:01 12:00:00", 20240501, or (milli)seconds since 1970 in UTC."""
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)
    text = str(value) if value is not None else ""
    if re.fullmatch(r"(19|20)\d{6}(\d{6})?", text):
        text = f"{text[:4]}:{text[4:6]}:{text[6:8]} {text[8:10] or '00'}:{text[10:12] or '00'}:{text[12:14] or '00'}"
    seconds = number(text)
    if seconds is None:
        return moment(text, None)
    # 1e11 seconds is the year 5138, so a larger number is milliseconds.
    return utc_from_seconds(seconds / 1000 if abs(seconds) >= 1e11 else seconds)


def utc_from_seconds(seconds: float) -> datetime | None:
    """A time from seconds since 1970, even negative ones on Windows; None before the year 1 and after 9999."""
    try:
        return EPOCH + timedelta(seconds=seconds)
    except (OverflowError, ValueError):
        return None


def readable(text: str, longest: int = 200) -> str:
    """Text that a terminal can show and JSON can store: no control characters or lone surrogates, cut if too long."""
    clean = "".join(c if c.isprintable() and not 0xD800 <= ord(c) <= 0xDFFF else "?" for c in text[: longest + 1])
    return clean if len(clean) <= longest else f"{clean[:longest]}..."
