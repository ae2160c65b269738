"""Positions in the subtitles of DJI drones: an .SRT file beside the film."""

from __future__ import annotations

import re
from pathlib import Path

from .track import Track, TrackPoint, on_earth

MOST_BYTES = 100_000_000

_CUE = re.compile(r"(\d{2}):(\d{2}):(\d{2})[,.](\d{3})\s*-->[^\n]*\n(.*?)(?=\n\s*\n|\Z)", re.DOTALL)
_NUMBER = r"(-?\d{1,3}(?:\.\d{1,12})?)"
_NAMED = (
    re.compile(rf"\[\s*latitude\s*:\s*{_NUMBER}\s*\]", re.IGNORECASE),
    re.compile(rf"\[\s*longt?itude\s*:\s*{_NUMBER}\s*\]", re.IGNORECASE),  # DJI wrote "longtitude" for years
)
_OLD = re.compile(rf"GPS\s*\(\s*{_NUMBER}\s*,\s*{_NUMBER}", re.IGNORECASE)  # longitude first
_ALTITUDE = re.compile(r"abs_alt\s*:\s*(-?\d{1,5}(?:\.\d{1,6})?)", re.IGNORECASE)
_YAW = re.compile(r"\[?gb_yaw\s*:\s*(-?\d{1,3}(?:\.\d{1,6})?)", re.IGNORECASE)


def beside(film: Path) -> Path | None:
    """The subtitles of a film, whatever the case of their ending; None if there are none."""
    return next((file for ending in (".SRT", ".srt", ".Srt") if (file := film.with_suffix(ending)).is_file()), None)


def read_srt(path: Path) -> Track | None:
    """Read the positions of the subtitles of a drone; None if they have none.

    Raises:
        OSError: the file cannot be read.
    """
    if path.stat().st_size > MOST_BYTES:
        return None
    text = path.read_bytes().decode("utf-8-sig", "replace").replace("\r\n", "\n")
    points = []
    for match in _CUE.finditer(text):
        hours, minutes, seconds, thousandths = (int(part) for part in match.groups()[:4])
        found = _position(match[5])
        if found is None or not on_earth(*found):
            continue
        altitude, yaw = _ALTITUDE.search(match[5]), _YAW.search(match[5])
        points.append(
            TrackPoint(
                hours * 3600 + minutes * 60 + seconds + thousandths / 1000,
                *found,
                altitude_m=None if altitude is None else float(altitude[1]),
                heading_deg=None if yaw is None else float(yaw[1]) % 360.0,
            )
        )
    return Track(points, source=f"subtitles of a drone ({path.name})") if points else None


def _position(text: str) -> tuple[float, float] | None:
    lat, lon = (pattern.search(text) for pattern in _NAMED)
    if lat is not None and lon is not None:
        return float(lat[1]), float(lon[1])
    old = _OLD.search(text)
    return None if old is None else (float(old[2]), float(old[1]))
