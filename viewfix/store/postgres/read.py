"""Read photos, positions and descriptors from a map in PostgreSQL, with one statement each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ...errors import ModelMismatch, StorageFailed
from ...geo import Box, Region
from ...types import Photo
from ..damage import DamageLog, to_photos, to_records, usable
from ..records import Floats, Record, Rows, Units, Version, to_units
from ..regions import cover, inside
from . import halfvec
from .connections import Connections

if TYPE_CHECKING:
    from .connect import Connection

_PHOTO = "id, source, at[1], at[0], radius_m, heading_deg, taken_at, attribution, licence"
_CONTENT = "content_hash, content_hint"


class Columns(NamedTuple):
    """The columns of a photo and of a record, in the order of `records.COLUMNS`; a point is (lon, lat).

    `has_roads`: whether the map has tables of roads and outlines; false for an older schema.
    """

    photo: str
    record: str
    has_roads: bool

    @classmethod
    def of_table(cls, connection: Connection) -> Columns:
        """The columns of a map, which may have an older schema, or foreign tables: a reader does not migrate it."""
        has_roads = bool(
            one(connection, "SELECT to_regclass('roads') IS NOT NULL AND to_regclass('outlines') IS NOT NULL")[0]
        )
        query = "SELECT 1 FROM pg_attribute WHERE attrelid = 'photos'::regclass AND attname = 'camera' AND attnum > 0"
        if connection.execute(f"{query} AND NOT attisdropped").fetchone() is not None:
            return cls(f"{_PHOTO}, view, camera", f"{_PHOTO}, view, camera, {_CONTENT}", has_roads)
        # NULL where the columns are missing, and correct as soon as another process adds them.
        late = "to_jsonb(photos) ->> 'view', to_jsonb(photos) ->> 'camera'"
        return cls(f"{_PHOTO}, {late}", f"{_PHOTO}, {late}, {_CONTENT}", has_roads)


def version(connection: Connection, map_id: str) -> Version:
    query = "SELECT last_row, removals, (SELECT value FROM meta WHERE key = 'map_id') FROM counts"
    last, removals, found = one(connection, query)
    if json.loads(found) != map_id:  # every descriptor has changed: nothing that was read so far is valid
        raise ModelMismatch(
            "The map was migrated to another model, or deleted and created again, while it was open. Open it again."
        )
    return Version(map_id, last, removals)


def one(connection: Connection, query: str, values: Sequence[Any] = ()) -> tuple[Any, ...]:
    """The only row of the result of a query."""
    found = connection.execute(query, values).fetchone()
    assert found is not None, query
    return tuple(found)


def known(connection: Connection, columns: Columns, ids: Sequence[str], damage: DamageLog) -> dict[str, Record]:
    query = f"SELECT row, {columns.record} FROM photos WHERE id = ANY(%s)"
    return {each.photo.id: each for _, each in to_records(connection.execute(query, (list(ids),)), damage)}


def photos(connection: Connection, columns: Columns, wanted: npt.ArrayLike, damage: DamageLog) -> dict[int, Photo]:
    asked = np.asarray(wanted, dtype=np.int64).tolist()
    query = f"SELECT row, {columns.photo} FROM photos WHERE row = ANY(%s)"
    return dict(to_photos(connection.execute(query, (asked,)), damage))


def photos_in_order(connections: Connections, columns: Columns, wanted: npt.ArrayLike) -> list[Photo]:
    """The photos of these rows, in the same order; rows that are gone are left out."""
    found = connections.read(photos, columns, wanted, connections.damage)
    return [found[row] for row in np.asarray(wanted, np.int64).tolist() if row in found]


def records(
    connection: Connection, columns: Columns, span: tuple[int, int], damage: DamageLog
) -> tuple[int, list[Record]]:
    """The next `span[1]` records above row `span[0]`, and the last row read, which is `span[0]` at the end."""
    query = f"SELECT row, {columns.record} FROM photos WHERE row > %s ORDER BY row LIMIT %s"
    found = connection.execute(query, span).fetchall()
    return (found[-1][0] if found else span[0]), [record for _, record in to_records(found, damage)]


def rows(connection: Connection, after: int) -> Rows:
    cursor = connection.cursor(binary=True)
    cursor.execute("SELECT row FROM photos WHERE row > %s ORDER BY row", (after,))
    return np.fromiter((row for (row,) in cursor), dtype=np.int64)


def positions(connection: Connection, after: int, damage: DamageLog) -> tuple[Rows, Floats, Floats]:
    cursor = connection.cursor(binary=True)
    cursor.execute("SELECT row, at[1], at[0] FROM photos WHERE row > %s ORDER BY row", (after,))
    table = np.array(cursor.fetchall(), dtype=np.float64).reshape(-1, 3)  # rows stay below 2**53: float64 holds them
    good = (np.abs(table[:, 1]) <= 90) & (np.abs(table[:, 2]) <= 180)
    for row, lat, lon in table[~good].tolist():
        damage.report(int(row), f"its position is ({lat}, {lon})")
    table = table[good]
    return table[:, 0].astype(np.int64), np.ascontiguousarray(table[:, 1]), np.ascontiguousarray(table[:, 2])


def corners(box: Box) -> str:
    """A box in PostgreSQL's notation: (east, north), (west, south). It includes its edges."""
    return f"(({box.east!r},{box.north!r}),({box.west!r},{box.south!r}))"


def rows_in(connection: Connection, region: Region, limit: int | None) -> Rows:
    boxes = [corners(box) for box in cover(region)]
    # One SELECT for each box, so that the index alone answers: with a list, every position is compared with each box.
    query = " UNION ALL ".join(["SELECT row, at[1], at[0] FROM photos WHERE at <@ %s::box"] * len(boxes))
    cursor = connection.cursor(binary=True)
    asked = 4096 if limit is None else 2 * limit + 64  # most of a box lies in its circle
    while True:
        cursor.execute(query if limit is None else f"{query} LIMIT {asked}", boxes)
        table = np.array(cursor.fetchall(), dtype=np.float64).reshape(-1, 3)
        found = np.unique(table[inside(region, table[:, 1], table[:, 2]), 0].astype(np.int64))
        if limit is None or len(found) >= limit or len(table) < asked:
            return found[:limit]
        asked *= 8


def descriptors(connection: Connection, wanted: npt.ArrayLike, dim: int, damage: DamageLog) -> tuple[Rows, Units]:
    asked = np.asarray(wanted, dtype=np.int64)
    query = "SELECT row, vector FROM descriptors WHERE row = ANY(%s) ORDER BY row"
    found, halves = usable(*vectors(connection, query, (asked.tolist(),), dim, damage.shown), damage)
    if not len(found):
        return found, halves.astype(np.float32)
    at = np.minimum(np.searchsorted(found, asked), len(found) - 1)
    there = found[at] == asked
    return asked[there], to_units(halves[at[there]])


def descriptor_chunk(
    connection: Connection, span: tuple[int, int], dim: int, damage: DamageLog
) -> tuple[int, Rows, npt.NDArray[np.float16]]:
    """The next `span[1]` descriptors above row `span[0]`, and the last row read, which is `span[0]` at the end."""
    query = "SELECT row, vector FROM descriptors WHERE row > %s ORDER BY row LIMIT %s"
    rows, halves = vectors(connection, query, span, dim, damage.shown)
    return int(rows[-1]) if len(rows) else span[0], *usable(rows, halves, damage)


def vectors(
    connection: Connection, query: str, values: Sequence[Any] | Mapping[str, Any], dim: int, shown: object
) -> tuple[Rows, npt.NDArray[np.float16]]:
    """The result of a query for rows and vectors: (N,) int64 and (N, dim) float16."""
    cursor = connection.cursor(binary=True)
    pairs = cursor.execute(query, values).fetchall()
    halves = halfvec.to_halves([vector for _, vector in pairs], dim)
    if halves is None:
        raise StorageFailed(
            f"{shown} is damaged: not every descriptor has {dim} numbers. Restore it from a backup, or build it again."
        )
    return np.fromiter((row for row, _ in pairs), np.int64, len(pairs)), halves
