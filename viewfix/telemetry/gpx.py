"""Tracks from GPX files."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import BadInput
from ..optional import optional
from .track import Track, TrackPoint, on_earth

MOST_BYTES = 200_000_000
_DECLARATION = re.compile(rb"<!(DOCTYPE|ENTITY)", re.IGNORECASE)


def read_gpx(path: str | Path) -> Track:
    """Read all tracks of a GPX file as one. Points without a time are left out.

    Its clock begins with its first point; `started_at` is the time of that, in UTC.

    Raises:
        BadInput: it cannot be read, is not GPX, or has no point with a time.
        MissingExtra: the package gpxpy is not installed.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MOST_BYTES:
            raise BadInput(f"{path} has more than {MOST_BYTES // 10**6} MB. Cut the track to the time of the photos.")
        data = path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path} could not be read ({error.strerror}). Check the path.") from error
    if _DECLARATION.search(data):  # a few bytes of entities can expand to gigabytes
        raise BadInput(f"{path} declares a document type or entities, which no GPX recorder does. Export it again.")
    if b"<gpx" not in data:
        raise BadInput(f"{path} is not a GPX file. Export the track as GPX.")
    try:
        found = optional("gpxpy").parse(data.decode("utf-8-sig", "replace"))
    except (ValueError, LookupError, optional("gpxpy").gpx.GPXException) as error:
        why = " ".join(str(error).split())[:120]
        raise BadInput(f"{path} is not a GPX file ({why}). Export the track as GPX.") from None
    timed = [(at, point) for point in _points(found) if (at := _moment(point.time)) is not None]
    timed = [(at, point) for at, point in timed if on_earth(point.latitude, point.longitude)]
    if not timed:
        raise BadInput(f"{path} has no points with a position and a time. Export the recorded track, with its times.")
    begins = min(at for at, _ in timed)
    points = [
        TrackPoint((at - begins).total_seconds(), point.latitude, point.longitude, point.elevation)
        for at, point in timed
    ]
    return Track(points, started_at=begins, source=path.name)


def _points(found: Any) -> list[Any]:
    points = [point for track in found.tracks for segment in track.segments for point in segment.points]
    return points or [point for route in found.routes for point in route.points] or list(found.waypoints)


def _moment(time: datetime | None) -> datetime | None:
    """GPX times are in UTC, also where the Z is missing."""
    return None if time is None else time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
