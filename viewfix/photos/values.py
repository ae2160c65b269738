"""Parsers for numbers, texts, times and directions in the metadata of photos and in tables."""

from __future__ import annotations

import contextlib
import math
import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

MOST_DIGITS = 100
MOST_TEXT = 2_000
"""Texts are cut after this many characters, more than any name or licence has."""


def number(value: Any) -> float | None:
    """Parse a finite number; None for anything else."""
    if isinstance(value, str | bytes) and len(value) > MOST_DIGITS:
        return None
    try:
        found = float(value)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def fraction(text: str | None) -> float | None:
    """Parse a number of XMP: "12.5", "+12.5" or "25/2"."""
    above, _, below = (text or "").partition("/")
    top, bottom = number(above), number(below) if below else 1.0
    return number(top / bottom) if top is not None and bottom else None


def between(value: float | None, least: float, most: float) -> float | None:
    """The value if it lies in [`least`, `most`], otherwise None."""
    return value if value is not None and least <= value <= most else None


def heading_of(value: Any) -> float | None:
    """Parse a direction in degrees and bring it into [0, 360); None for impossible values, such as 655.35."""
    found = number(value)
    return found % 360.0 % 360.0 if found is not None and -180 <= found <= 360 else None


def moment(text: str | None, offset: str | None) -> datetime | None:
    """Parse a time of EXIF or ISO 8601. An offset such as "+02:00" sets its time zone."""
    if not text:
        return None
    try:
        if re.match(r"\d{4}:\d\d:\d\d", text):
            taken = datetime.strptime(text[:19], "%Y:%m:%d %H:%M:%S")
        else:
            taken = datetime.fromisoformat(text)
    except ValueError:
        return None
    shift = re.fullmatch(r"([+-])(\d\d):?(\d\d)", offset or "")
    if taken.tzinfo is None and shift and int(shift[2]) < 24:
        minutes = int(shift[2]) * 60 + int(shift[3])
        return taken.replace(tzinfo=timezone(timedelta(minutes=-minutes if shift[1] == "-" else minutes)))
    return taken.replace(tzinfo=UTC) if taken.tzinfo is None and offset == "Z" else taken


def text_of(value: Any) -> str | None:
    """Decode a text of EXIF and strip blanks; None for an empty text and for other values."""
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    if not isinstance(value, str):
        return None
    # EXIF is ASCII by its standard and UTF-8 in practice.
    with contextlib.suppress(UnicodeError):
        value = value.encode("latin-1").decode("utf-8")
    return " ".join(value.replace("\0", " ").split())[:MOST_TEXT] or None
