"""Where a camera was at which time: tracks from films and from GPX files."""

from __future__ import annotations

from .gpx import read_gpx
from .read import film_track
from .track import Fixed, Track, TrackPoint

__all__ = ["Fixed", "Track", "TrackPoint", "film_track", "read_gpx"]
