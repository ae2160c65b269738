"""Parsers for latitude and longitude in EXIF and XMP. Contradictions are reported, never resolved by a guess."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from ..types import Position
from .datums import to_wgs84
from .tiff import Ratio
from .values import number, text_of

NOT_A_NUMBER = "its GPS position is written in a way that gives no number (a division by zero, or damage)"
NO_HEMISPHERE = "its GPS position does not say whether it is north or south, east or west"

MOST_TEXT = 100

_SIGNS = str.maketrans(dict.fromkeys("°º˚′’‘'″”“\",;:", " ") | {"−": "-", "–": "-"})
_TOKEN = re.compile(r"([NSEW])(?![A-Z])|([+-]?)\s*((?:\d+\.?\d*|\.\d+)(?:/(?:\d+\.?\d*|\.\d+)|E[+-]?\d+)?)")
_AXES = {"latitude": ("N", "S"), "longitude": ("E", "W")}
_WORDS = {"N": "north", "S": "south", "E": "east", "W": "west"}


class Unclear(ValueError):
    """A coordinate that cannot be used. The message is worded to follow "skipped because"."""


def checked(lat: float, lon: float, radius_m: float | None = None) -> tuple[Position | None, str | None]:
    """Check a position: returns it, or None and the reason why it is not valid, worded to follow "skipped because"."""
    if not (math.isfinite(lat) and math.isfinite(lon)):
        return None, f"its GPS position is ({lat}, {lon}), which is not a number"
    if lat == 0 and lon == 0:
        return None, "its GPS position is (0, 0), which cameras write when they have no fix"
    if not (-90 <= lat <= 90 and -180 <= lon <= 180):
        return None, f"its GPS position is ({lat:g}, {lon:g}), which is not on Earth"
    return Position(lat, lon, radius_m if radius_m and radius_m > 0 and math.isfinite(radius_m) else None), None


def in_wgs84(
    lat: float, lon: float, datum: str | None, radius_m: float | None = None
) -> tuple[Position | None, str | None]:
    """Convert a position from any datum to WGS 84 and check it; returns the position, or None and the reason."""
    position, problem = checked(lat, lon, radius_m)
    if position is None:
        return None, problem
    converted = to_wgs84(lat, lon, datum)
    if converted is None:
        return None, f"its GPS position is in the datum {datum!r}, which cannot be converted to WGS 84"
    return checked(*converted, radius_m)


def exif_degrees(value: Any, reference: Any, axis: str) -> float:
    """Convert one EXIF coordinate (degrees, optionally minutes and seconds) to signed degrees.

    Raises:
        Unclear: it is not a number, has no hemisphere, or contradicts itself.
    """
    if isinstance(value, bytes):  # some programs write a text, against the standard
        return text_degrees(text_of(value) or "", text_of(reference), axis)
    values = list(value) if isinstance(value, tuple | list) else [value]
    while len(values) > 1 and values[-1] == Ratio(0, 0):  # unused minutes or seconds
        values.pop()
    parts = [number(part) for part in values]
    known = [part for part in parts if part is not None]
    if not 1 <= len(parts) <= 3 or len(known) < len(parts):
        raise Unclear(NOT_A_NUMBER)
    size = _size([abs(part) for part in known])
    if size == 0:  # the same place in either hemisphere
        return 0.0
    letter = (text_of(reference) or "")[:1].upper()
    if letter not in _AXES[axis]:
        # Do not guess a missing reference: a position half a world away is worse than none.
        raise Unclear(NO_HEMISPHERE)
    return _signed(size, any(part < 0 for part in known), [letter], axis)


def text_degrees(text: str, reference: str | None, axis: str) -> float:
    """Convert one XMP coordinate to signed degrees.

    The standard form is "50,5.4N" or "50,5,24N". In practice there are also decimal degrees, signs, upper- and
    lower-case letters before or after the number, a separate reference ("N"), blanks, and the symbols for degrees,
    minutes and seconds.

    Raises:
        Unclear: it is not a number, has no hemisphere, or contradicts itself.
    """
    cleaned = " ".join(text.upper().translate(_SIGNS).replace("DEG", " ").split())
    if len(cleaned) > MOST_TEXT or _TOKEN.sub("", cleaned).strip():
        raise Unclear(NOT_A_NUMBER)
    letters, signs, parts = [], [], []
    for letter, sign, written in _TOKEN.findall(cleaned):
        if letter:
            letters.append(letter)
        else:
            signs.append(sign)
            parts.append(_part(written))
    while len(parts) > 1 and parts[-1] is None:
        parts.pop()
    known = [part for part in parts if part is not None]
    if not 1 <= len(parts) <= 3 or len(known) < len(parts):
        raise Unclear(NOT_A_NUMBER)
    whole, *below = known
    if (
        any(part > 60 for part in below)
        or (any(below) and whole != math.floor(whole))
        or ("-" in signs[1:] and signs[0] != "-")
    ):
        raise Unclear(NOT_A_NUMBER)
    if reference is not None and reference.strip():
        letters.append(reference.strip()[0].upper())
    if not letters and len(known) > 1 and not signs[0]:
        raise Unclear(NO_HEMISPHERE)
    return _signed(_size(known), "-" in signs, letters, axis)


def _part(written: str) -> float | None:
    """Parse one number of a coordinate; None for 0/0, which means that it is not used."""
    above, _, below = written.partition("/")
    if not below:
        return number(written)
    if float(below) == 0:
        if float(above) == 0:
            return None
        raise Unclear(NOT_A_NUMBER)
    return number(float(above) / float(below))


def _size(parts: Sequence[float]) -> float:
    # Not sum(), which rounds differently from Python 3.12 on: positions must not depend on the version.
    size = parts[0]
    for part, share in zip(parts[1:], (60.0, 3600.0), strict=False):
        size = size + part / share
    return size


def _signed(size: float, negative: bool, letters: list[str], axis: str) -> float:
    positive_letter, negative_letter = _AXES[axis]
    for letter in letters:
        if letter not in _AXES[axis]:
            if letter in _WORDS:
                raise Unclear(f"its GPS {axis} is marked {letter}, which is {_WORDS[letter]}: that contradicts itself")
            raise Unclear(NO_HEMISPHERE)
    if len(set(letters)) > 1:
        raise Unclear(
            f"its GPS {axis} is marked {letters[0]} in one place and {letters[-1]} in another: that contradicts itself"
        )
    if negative and positive_letter in letters:
        raise Unclear(
            f"its GPS {axis} is negative and marked {positive_letter}, which is {_WORDS[positive_letter]}: "
            "that contradicts itself"
        )
    return -size if negative or negative_letter in letters else size
