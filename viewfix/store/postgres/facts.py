"""A map goes in; what there is to know about it comes out, ready for JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .place import Place
from .reading import one

if TYPE_CHECKING:
    from .connect import Connection

_COUNTS = (
    "SELECT (SELECT photos FROM counts), (SELECT count(*) FROM skipped), "
    "(SELECT coalesce(sum(points), 0)::bigint FROM point_sources)"
)
# Longitudes twice: as they are, and counted from 0 to 360 east, in which an area across the 180th meridian is whole.
_AREA = (
    "SELECT min(at[1]), max(at[1]), min(at[0]), max(at[0]), min(at[0] + 360 * (at[0] < 0)::int), "
    "max(at[0] + 360 * (at[0] < 0)::int), min(taken_at), max(taken_at) FROM photos"
)
_SIZES = (
    "SELECT coalesce(sum(pg_table_size(c.oid)), 0)::bigint, coalesce(sum(pg_indexes_size(c.oid)), 0)::bigint "
    "FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = %s AND relkind IN ('r', 'p', 'm')"
)


def of(connection: Connection, place: Place) -> dict[str, Any]:
    """Counts, model, area, calibration and sizes of a map."""
    photos, skipped, points = one(connection, _COUNTS)
    south, north, west, east, west_360, east_360, first, last = one(connection, _AREA)
    if photos and east_360 - west_360 < east - west:
        west, east = ((lon + 180.0) % 360.0 - 180.0 for lon in (west_360, east_360))
    area = {"south": south, "west": west, "north": north, "east": east} if photos else None
    meta = {key: json.loads(value) for key, value in connection.execute("SELECT key, value FROM meta")}
    map_bytes, index_bytes = one(connection, _SIZES, (place.map,))
    return {
        "path": str(place.address),
        "photos": photos,
        "skipped": skipped,
        "points_of_interest": points,
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
