"""A connection and a question go in; rows, positions, photos and descriptors come out: one statement each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ...errors import ModelMismatch, StorageFailed
from ...geo import Box, Region
from ...types import Photo
from ..records import Record, Version, to_photo, to_record, to_units
from ..regions import cover, inside
from . import wire

if TYPE_CHECKING:
    from .connect import Connection

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Units = npt.NDArray[np.float32]

_PHOTO = "id, source, at[1], at[0], radius_m, heading_deg, taken_at, attribution, licence"
_CONTENT = "content_hash, content_hint"


class Columns(NamedTuple):
    """What is selected for a photo and for a record, in the order of `records.COLUMNS`; a point is (lon, lat)."""

    photo: str
    record: str

    @classmethod
    def of_schema(cls, number: int) -> Columns:
        """Those of a map of that schema. A reader never changes a map, so it may be an older one."""
        if number >= 2:
            return cls(f"{_PHOTO}, view, camera", f"{_PHOTO}, view, camera, {_CONTENT}")
        # NULL where the columns are missing, and right at once when another process adds them.
        late = "to_jsonb(photos) ->> 'view', to_jsonb(photos) ->> 'camera'"
        return cls(f"{_PHOTO}, {late}", f"{_PHOTO}, {late}, {_CONTENT}")


def version(connection: Connection, map_id: str) -> Version:
    query = "SELECT last_row, removals, (SELECT value FROM meta WHERE key = 'map_id') FROM counts"
    last, removals, found = one(connection, query)
    if json.loads(found) != map_id:  # every descriptor is another: nothing that was read so far can be used
        raise ModelMismatch(
            "The map was re-embedded with another model, or made anew, while it was open. Open it again."
        )
    return Version(map_id, last, removals)


def one(connection: Connection, query: str, values: Sequence[Any] = ()) -> tuple[Any, ...]:
    """The one line that a query gives."""
    found = connection.execute(query, values).fetchone()
    assert found is not None, query
    return tuple(found)


def known(connection: Connection, columns: Columns, ids: Sequence[str]) -> dict[str, Record]:
    query = f"SELECT {columns.record} FROM photos WHERE id = ANY(%s)"
    return {found[0]: to_record(found) for found in connection.execute(query, (list(ids),))}


def photos(connection: Connection, columns: Columns, wanted: npt.ArrayLike) -> dict[int, Photo]:
    asked = np.asarray(wanted, dtype=np.int64).tolist()
    query = f"SELECT row, {columns.photo} FROM photos WHERE row = ANY(%s)"
    return {values[0]: to_photo(values[1:]) for values in connection.execute(query, (asked,))}


def records(connection: Connection, columns: Columns, after: int, chunk: int) -> tuple[int, list[Record]]:
    """The next `chunk` records above a row, and the last of their rows."""
    query = f"SELECT row, {columns.record} FROM photos WHERE row > %s ORDER BY row LIMIT %s"
    found = connection.execute(query, (after, chunk)).fetchall()
    return (found[-1][0] if found else after), [to_record(values[1:]) for values in found]


def rows(connection: Connection, after: int) -> Rows:
    cursor = connection.cursor(binary=True)
    cursor.execute("SELECT row FROM photos WHERE row > %s ORDER BY row", (after,))
    return np.fromiter((row for (row,) in cursor), dtype=np.int64)


def positions(connection: Connection, after: int) -> tuple[Rows, Floats, Floats]:
    cursor = connection.cursor(binary=True)
    cursor.execute("SELECT row, at[1], at[0] FROM photos WHERE row > %s ORDER BY row", (after,))
    table = np.array(cursor.fetchall(), dtype=np.float64).reshape(-1, 3)  # rows stay below 2**53: float64 holds them
    return table[:, 0].astype(np.int64), np.ascontiguousarray(table[:, 1]), np.ascontiguousarray(table[:, 2])


def corners(box: Box) -> str:
    """A box as PostgreSQL writes one: (east, north), (west, south). Its edges belong to it."""
    return f"(({box.east!r},{box.north!r}),({box.west!r},{box.south!r}))"


def rows_in(connection: Connection, region: Region, limit: int | None) -> Rows:
    boxes = [corners(box) for box in cover(region)]
    # From the index alone, a box at a time: of boxes in a list every position would be compared with each.
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


def descriptors(connection: Connection, wanted: npt.ArrayLike, dim: int, place: object) -> tuple[Rows, Units]:
    asked = np.asarray(wanted, dtype=np.int64)
    query = "SELECT row, vector FROM descriptors WHERE row = ANY(%s) ORDER BY row"
    found, halves = vectors(connection, query, (asked.tolist(),), dim, place)
    if not len(found):
        return found, halves.astype(np.float32)
    at = np.minimum(np.searchsorted(found, asked), len(found) - 1)
    there = found[at] == asked
    return asked[there], to_units(halves[at[there]])


def descriptor_chunk(
    connection: Connection, span: tuple[int, int], dim: int, place: object
) -> tuple[Rows, npt.NDArray[np.float16]]:
    """The next `span[1]` descriptors above row `span[0]`."""
    query = "SELECT row, vector FROM descriptors WHERE row > %s ORDER BY row LIMIT %s"
    return vectors(connection, query, span, dim, place)


def vectors(
    connection: Connection, query: str, values: Sequence[Any] | Mapping[str, Any], dim: int, place: object
) -> tuple[Rows, npt.NDArray[np.float16]]:
    """What a query for rows and vectors gives: (N,) int64 and (N, dim) float16."""
    cursor = connection.cursor(binary=True)
    pairs = cursor.execute(query, values).fetchall()
    halves = wire.to_halves([vector for _, vector in pairs], dim)
    if halves is None:
        raise StorageFailed(
            f"{place} is damaged: not every descriptor has {dim} numbers. Restore it from a backup, or build it again."
        )
    return np.fromiter((row for row, _ in pairs), np.int64, len(pairs)), halves
