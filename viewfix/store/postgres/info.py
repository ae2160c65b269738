"""Counts, area, sizes and model of a map in PostgreSQL, for `viewfix info`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .read import one
from .url import DatabaseUrl

if TYPE_CHECKING:
    from .connect import Connection

_COUNTS = (
    "SELECT (SELECT photos FROM counts), (SELECT count(*) FROM skipped), "
    "(SELECT coalesce(sum(points), 0)::bigint FROM point_sources)"
)
_ROADS = "SELECT coalesce(sum(length_m), 0) FROM roads"
# Longitudes twice: as they are, and from 0 to 360 east, where an area across the 180th meridian is not split.
# A damaged map may contain positions that are not on the globe.
_AREA = (
    "SELECT min(at[1]), max(at[1]), min(at[0]), max(at[0]), min(at[0] + 360 * (at[0] < 0)::int), "
    "max(at[0] + 360 * (at[0] < 0)::int), min(taken_at), max(taken_at) FROM photos "
    "WHERE at[1] BETWEEN -90 AND 90 AND at[0] BETWEEN -180 AND 180"
)
_SIZES = (
    "SELECT coalesce(sum(pg_table_size(c.oid)), 0)::bigint, coalesce(sum(pg_indexes_size(c.oid)), 0)::bigint "
    "FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = %s AND relkind IN ('r', 'p', 'm')"
)


def read_info(connection: Connection, url: DatabaseUrl, has_roads: bool) -> dict[str, Any]:
    """Read all of it, ready for JSON."""
    photos, skipped, points = one(connection, _COUNTS)
    roads_m = one(connection, _ROADS)[0] if has_roads else 0
    south, north, west, east, west_360, east_360, first, last = one(connection, _AREA)
    if south is not None and east_360 - west_360 < east - west:
        west, east = ((lon + 180.0) % 360.0 - 180.0 for lon in (west_360, east_360))
    area = {"south": south, "west": west, "north": north, "east": east} if south is not None else None
    meta = {key: json.loads(value) for key, value in connection.execute("SELECT key, value FROM meta")}
    map_bytes, index_bytes = one(connection, _SIZES, (url.map,))
    return {
        "path": str(url.address),
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
        "schema_version": meta["schema"],
        "map_bytes": map_bytes,
        "index_bytes": index_bytes,
    }
