"""Values of the JSON of a service, checked before use: what has another type or is out of range counts as missing."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from ...errors import BadInput
from ...photos.values import heading_of, moment
from ...types import Camera, Position
from ..columns import decimal, readable, utc_from_seconds

LONGEST_TEXT = 300
"""Names and licences are cut after this many characters."""

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_DIGITS = re.compile(r"[0-9]{1,30}")


def object_of(value: Any) -> dict[str, Any]:
    """The value if it is a JSON object, otherwise an empty one."""
    return value if isinstance(value, dict) else {}


def list_of(value: Any) -> list[Any]:
    """The value if it is a JSON list, otherwise an empty one."""
    return value if isinstance(value, list) else []


def text(value: Any) -> str | None:
    """A text on one line that a terminal can show; None for an empty one and for other values."""
    return readable(" ".join(value.split()), LONGEST_TEXT) or None if isinstance(value, str) else None


def key(value: Any) -> str | None:
    """An id that may be a part of a URL: letters, digits, dashes and underscores."""
    return value if isinstance(value, str) and _KEY.fullmatch(value) else None


def uuid(value: Any) -> str | None:
    """A UUID in its usual form, in lower case."""
    return value.lower() if isinstance(value, str) and _UUID.fullmatch(value.lower()) else None


def digits(value: Any) -> str | None:
    """An id of digits, written as a text or a number."""
    found = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return found if _DIGITS.fullmatch(found) else None


def number(value: Any, least: float = -math.inf, most: float = math.inf) -> float | None:
    """A finite number in [`least`, `most`], also if it is written as text."""
    found = decimal(value) if isinstance(value, int | float | str) else None
    return found if found is not None and least <= found <= most else None


def heading(value: Any) -> float | None:
    """A direction in [0, 360); None for impossible values."""
    return None if isinstance(value, bool) or not isinstance(value, int | float | str) else heading_of(value)


def position(lon: Any, lat: Any, radius_m: float | None = None) -> Position | None:
    """A position on Earth; None for other values and for (0, 0), which means that it is unknown."""
    found = number(lat, -90, 90), number(lon, -180, 180)
    if found[0] is None or found[1] is None or found == (0, 0):
        return None
    return Position(found[0], found[1], radius_m)


def point(geometry: Any, radius_m: float | None = None) -> Position | None:
    """The position of a GeoJSON Point, which has [longitude, latitude]."""
    at = object_of(geometry).get("coordinates")
    if object_of(geometry).get("type") != "Point" or not isinstance(at, list) or len(at) < 2:
        return None
    return position(at[0], at[1], radius_m)


def time(value: Any) -> datetime | None:
    """A time of ISO 8601. One without a zone is in UTC, as services write it."""
    found = moment(value, None) if isinstance(value, str) and len(value) < 50 else None
    return found.replace(tzinfo=UTC) if found is not None and found.tzinfo is None else found


def time_of_ms(value: Any) -> datetime | None:
    """A time from milliseconds since 1970."""
    found = number(value)
    return None if found is None else utc_from_seconds(found / 1000)


def camera(**values: Any) -> Camera | None:
    """A camera from the values that are possible; None if there are none."""
    known: dict[str, Any] = {}
    for name, value in values.items():
        if value is None:
            continue
        try:
            Camera(**{name: value})
        except BadInput:
            continue
        known[name] = value
    return Camera(**known) if known else None


def address(value: Any, base: str) -> str | None:
    """A picture's address, if it is safe to request: https, or the scheme, host and port of the service itself."""
    if not isinstance(value, str) or len(value) > 8000 or not value.isascii() or not value.isprintable():
        return None
    try:
        parts, own = urlsplit(value), urlsplit(base)
        same = (parts.scheme, parts.hostname, parts.port) == (own.scheme, own.hostname, own.port)
    except ValueError:
        return None
    if not parts.hostname or parts.username or parts.password or " " in value:
        return None
    return value if same or parts.scheme == "https" else None
