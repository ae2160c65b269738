"""Counts, area, sizes and model of a map file, for `viewfix info`."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

from .path import MapPath

_COUNTS = (
    "SELECT (SELECT photos FROM counts), (SELECT count(*) FROM skipped), "
    "(SELECT coalesce(sum(points), 0) FROM point_sources), "
    "(SELECT coalesce(sum(length_m), 0) FROM roads)"
)
# Longitudes twice: as they are, and from 0 to 360 east, where an area across the 180th meridian is not split.
# A damaged file may contain positions that are not on the globe.
_AREA = (
    "SELECT min(lat), max(lat), min(lon), max(lon), min(lon + 360 * (lon < 0)), max(lon + 360 * (lon < 0)), "
    "min(taken_at), max(taken_at) FROM photos WHERE lat BETWEEN -90 AND 90 AND lon BETWEEN -180 AND 180"
)


def read_info(connection: sqlite3.Connection, path: MapPath) -> dict[str, Any]:
    """Read all of it, ready for JSON."""
    photos, skipped, points, roads_m = connection.execute(_COUNTS).fetchone()
    south, north, west, east, west_360, east_360, first, last = connection.execute(_AREA).fetchone()
    if south is not None and east_360 - west_360 < east - west:
        west, east = ((lon + 180.0) % 360.0 - 180.0 for lon in (west_360, east_360))
    area = {"south": south, "west": west, "north": north, "east": east} if south is not None else None
    meta = {key: json.loads(value) for key, value in connection.execute("SELECT key, value FROM meta")}
    return {
        "path": str(path),
        "photos": photos,
        "skipped": skipped,
        "points_of_interest": points,
        "roads_km": round(roads_m / 1000, 1),
        "area": area,
        "first_taken_at": first,
        "last_taken_at": last,
        "model": meta["model"],
        "calibration": meta.get("calibration"),
        "created_at": meta["created_at"],
        "made_by_viewfix": meta["viewfix"],
        "schema_version": connection.execute("PRAGMA user_version").fetchone()[0],
        "map_bytes": _bytes(path.real) + _bytes(path.beside("-wal")),
        "index_bytes": sum(_bytes(each) for each in path.beside(".index").glob("*")),
    }


def _bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
