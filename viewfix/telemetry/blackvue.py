"""Positions in films of BlackVue dashcams: NMEA sentences in a box beside the film."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from .track import Track, TrackPoint, on_earth

_LINE = re.compile(rb"\[(\d{10,14})\]\$G[A-Z](RMC|GGA),([^\r\n\[]{10,200})")


def read_blackvue(content: bytes) -> Track | None:
    """Read the positions of a "gps " box; None if there are none.

    Each sentence follows its time on the camera's clock, in milliseconds since 1970; the film begins with the first.
    """
    points: list[TrackPoint] = []
    begins: int | None = None
    started_at: datetime | None = None
    for match in _LINE.finditer(content):
        stamp, kind, fields = int(match[1]), match[2], match[3].split(b"*")[0].split(b",")
        begins = stamp if begins is None else begins
        time_s = (stamp - begins) / 1000
        found = _rmc(fields) if kind == b"RMC" else _gga(fields)
        if found is None or time_s < 0 or not on_earth(*found):
            continue
        points.append(TrackPoint(time_s, *found))
    if not points:
        return None
    if begins is not None:
        started_at = datetime.fromtimestamp(begins / 1000, UTC) if begins < 4e12 else None
    return Track(points, started_at=started_at, source="GPS of BlackVue")


def _rmc(fields: list[bytes]) -> tuple[float, float] | None:
    """Time, status, latitude, N or S, longitude, E or W, ..."""
    return _degrees(fields[2:6]) if len(fields) >= 6 and fields[1] == b"A" else None


def _gga(fields: list[bytes]) -> tuple[float, float] | None:
    """Time, latitude, N or S, longitude, E or W, quality, ..."""
    return _degrees(fields[1:5]) if len(fields) >= 6 and fields[5] not in (b"", b"0") else None


def _degrees(fields: list[bytes]) -> tuple[float, float] | None:
    """Degrees from ddmm.mmmm and dddmm.mmmm."""
    lat, north, lon, east = fields
    try:
        found = [float(text[:digits]) + float(text[digits:]) / 60 for text, digits in ((lat, 2), (lon, 3))]
    except ValueError:
        return None
    return found[0] * (-1 if north == b"S" else 1), found[1] * (-1 if east == b"W" else 1)
