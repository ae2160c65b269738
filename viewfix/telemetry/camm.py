"""Positions in camera motion metadata (CAMM), as many 360-degree cameras and phones write it."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from .track import Track, TrackPoint, on_earth

GPS_EPOCH = datetime(1980, 1, 6, tzinfo=UTC)
LEAP_S = 18
"""How far GPS time is ahead of UTC, since 2017."""

PLAIN, FULL = 5, 6
_FULL = struct.Struct("<didd3f3ff")


def read_camm(samples: Iterable[tuple[float, float, bytes]]) -> Track | None:
    """Read the positions of a camm track: time, duration and content of each sample. None if there are none."""
    plain: list[TrackPoint] = []
    full: list[TrackPoint] = []
    started_at = None
    for time_s, _, content in samples:
        if len(content) < 4:
            continue
        [kind] = struct.unpack_from("<H", content, 2)
        if kind == PLAIN and len(content) >= 28:
            lat, lon, altitude = struct.unpack_from("<ddd", content, 4)
            if on_earth(lat, lon):
                plain.append(TrackPoint(time_s, lat, lon, _known(altitude)))
        elif kind == FULL and len(content) >= 4 + _FULL.size:
            gps_s, fix, lat, lon, altitude, radius, *_ = _FULL.unpack_from(content, 4)
            if fix < 2 or not on_earth(lat, lon):
                continue
            full.append(TrackPoint(time_s, lat, lon, _known(altitude), _known(radius) if radius > 0 else None))
            if started_at is None and 0 < gps_s < 4e9:
                started_at = GPS_EPOCH + timedelta(seconds=gps_s - LEAP_S - time_s)
    points = full or plain
    return Track(points, started_at=started_at, source="camera motion metadata (CAMM)") if points else None


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
