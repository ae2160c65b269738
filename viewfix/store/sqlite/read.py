"""Read photos, positions and descriptors from a map file, with one statement each."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Sequence
from datetime import datetime

import numpy as np
import numpy.typing as npt

from ...errors import BadInput, ModelMismatch, NotAMap, StorageFailed
from ...geo import Region
from ...types import Photo
from ..damage import DamageLog, to_photos, to_records, usable
from ..records import COLUMNS, PHOTO_COLUMNS, ModelIdentity, Record, Version, grouped, to_model, to_units
from ..regions import cover
from .path import MapPath

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
_LISTED = "IN (SELECT value FROM json_each(?))"
_LAST = "coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'photos'), 0)"
_NEAR = (
    "SELECT photos.row, photos.lat, photos.lon FROM places JOIN photos ON photos.row = places.row "
    "WHERE places.south <= ? AND places.north >= ? AND places.west <= ? AND places.east >= ?"
)
_MARGIN_DEG = 1e-9  # 0.1 mm: the R*Tree rounds numbers too close to 0 for float32 to 0
_AT_ONCE = 16_384  # rows turned from Python objects into an array at a time


def identity(connection: sqlite3.Connection, path: MapPath) -> tuple[ModelIdentity, datetime, str]:
    """The model of a map, when it was made, and its id.

    Raises:
        NotAMap: one of them is missing or invalid.
    """
    query = "SELECT key, value FROM meta WHERE key IN ('model', 'created_at', 'map_id')"
    try:
        found = {key: json.loads(value) for key, value in connection.execute(query)}
        missing = [key for key in ("model", "created_at", "map_id") if key not in found]
        if missing:
            raise BadInput(f"it has no {' and no '.join(missing)}")
        return to_model(found["model"]), datetime.fromisoformat(found["created_at"]), str(found["map_id"])
    except (BadInput, ValueError, TypeError, RecursionError) as error:
        raise NotAMap(
            f"{path} is not a map, or is damaged: {str(error).rstrip('.')[:300]}. Restore it from a copy, or build it "
            "again: viewfix build NEW.map PHOTOS"
        ) from None


def last_row(connection: sqlite3.Connection) -> int:
    """The highest row number used so far."""
    return int(connection.execute(f"SELECT {_LAST}").fetchone()[0])


def version(connection: sqlite3.Connection, map_id: str) -> Version:
    query = f"SELECT {_LAST}, removals, (SELECT value FROM meta WHERE key = 'map_id') FROM counts"
    last, removals, found = connection.execute(query).fetchone()
    if json.loads(found) != map_id:  # every descriptor has changed: nothing that was read so far is valid
        raise ModelMismatch(
            "The map was migrated to another model, or deleted and created again, while it was open. Open it again."
        )
    return Version(map_id, last, removals)


def known(connection: sqlite3.Connection, ids: Sequence[str], damage: DamageLog) -> dict[str, Record]:
    query = f"SELECT row, {COLUMNS} FROM photos WHERE id {_LISTED}"
    return {each.photo.id: each for _, each in to_records(connection.execute(query, (json.dumps(list(ids)),)), damage)}


def rows_of(connection: sqlite3.Connection, ids: Sequence[str]) -> dict[str, int]:
    return dict(connection.execute(f"SELECT id, row FROM photos WHERE id {_LISTED}", (json.dumps(list(ids)),)))


def ids_of_sources(connection: sqlite3.Connection, sources: Sequence[str]) -> dict[str, list[str]]:
    query = f"SELECT source, id FROM photos WHERE source {_LISTED} ORDER BY row"
    return grouped(connection.execute(query, (json.dumps(list(sources)),)))


def photos(connection: sqlite3.Connection, wanted: npt.ArrayLike, damage: DamageLog) -> list[Photo]:
    asked = np.asarray(wanted, dtype=np.int64).tolist()
    query = f"SELECT row, {PHOTO_COLUMNS} FROM photos WHERE row {_LISTED}"
    found = dict(to_photos(connection.execute(query, (json.dumps(asked),)), damage))
    return [found[row] for row in asked if row in found]


def records(connection: sqlite3.Connection, after: int, chunk: int, damage: DamageLog) -> tuple[int, list[Record]]:
    """The next `chunk` records above row `after`, and the last row read, which is `after` at the end."""
    query = f"SELECT row, {COLUMNS} FROM photos WHERE row > ? ORDER BY row LIMIT ?"
    found = connection.execute(query, (after, chunk)).fetchall()
    return (found[-1][0] if found else after), [record for _, record in to_records(found, damage)]


def rows(connection: sqlite3.Connection, after: int) -> Rows:
    query = "SELECT row FROM photos WHERE row > ? ORDER BY row"
    return np.fromiter((row for (row,) in connection.execute(query, (after,))), dtype=np.int64)


def positions(connection: sqlite3.Connection, after: int, damage: DamageLog) -> tuple[Rows, Floats, Floats]:
    cursor = connection.execute("SELECT row, lat, lon FROM photos WHERE row > ? ORDER BY row", (after,))
    columns: tuple[list[Floats], ...] = ([], [], [])
    while found := cursor.fetchmany(_AT_ONCE):
        for column, values in zip(columns, _table(found, damage).T, strict=True):
            column.append(values.copy())
    rows, lats, lons = (_joined(column) for column in columns)
    return rows.astype(np.int64), lats, lons


def _table(found: list[tuple[int, float, float]], damage: DamageLog) -> Floats:
    """(N, 3) rows and their positions, without those that are not on the globe."""
    try:
        table = np.array(found, dtype=np.float64)  # rows are whole numbers below 2**53: float64 holds them
    except (TypeError, ValueError):  # a value is not a number: SQLite allows any type in a column
        numbers = [tuple(each if isinstance(each, int | float) else math.nan for each in values) for values in found]
        table = np.array(numbers, dtype=np.float64)
    good = (np.abs(table[:, 1]) <= 90) & (np.abs(table[:, 2]) <= 180)
    if good.all():
        return table
    for at in np.flatnonzero(~good).tolist():
        damage.report(found[at][0], f"its position is ({found[at][1]!r:.40}, {found[at][2]!r:.40})")
    return table[good]


def _joined(parts: list[Floats]) -> Floats:
    """Concatenate arrays, and release them: those of ten million photos take 80 MB."""
    whole = np.concatenate([np.empty(0), *parts])
    parts.clear()
    return whole


def rows_in(connection: sqlite3.Connection, region: Region, limit: int | None, damage: DamageLog) -> Rows:
    parts: list[Rows] = []
    missing = np.inf if limit is None else limit
    for box in cover(region):
        edges = (box.north + _MARGIN_DEG, box.south - _MARGIN_DEG, box.east + _MARGIN_DEG, box.west - _MARGIN_DEG)
        cursor = connection.execute(_NEAR, edges)
        while missing > 0 and (found := cursor.fetchmany(_AT_ONCE)):
            table = _table(found, damage)
            inside = table[region.contains(table[:, 1], table[:, 2]), 0].astype(np.int64)
            parts.append(inside)
            missing -= len(inside)
        cursor.close()
    return np.unique(np.concatenate([np.empty(0, np.int64), *parts]))[:limit]


def descriptors(
    connection: sqlite3.Connection, wanted: npt.ArrayLike, dim: int, damage: DamageLog
) -> tuple[Rows, npt.NDArray[np.float32]]:
    asked = np.asarray(wanted, dtype=np.int64)
    query = f"SELECT row, vector FROM descriptors WHERE row {_LISTED} ORDER BY row"
    found, halves = usable(*_vectors(connection.execute(query, (json.dumps(asked.tolist()),)), dim, damage), damage)
    if not len(found):
        return found, halves.astype(np.float32)
    at = np.minimum(np.searchsorted(found, asked), len(found) - 1)
    there = found[at] == asked
    return asked[there], to_units(halves[at[there]])


def descriptor_chunk(
    connection: sqlite3.Connection, span: tuple[int, int], dim: int, damage: DamageLog
) -> tuple[int, Rows, npt.NDArray[np.float16]]:
    """The next `span[1]` descriptors above row `span[0]`, and the last row read, which is `span[0]` at the end."""
    query = "SELECT row, vector FROM descriptors WHERE row > ? ORDER BY row LIMIT ?"
    rows, halves = _vectors(connection.execute(query, span), dim, damage)
    return int(rows[-1]) if len(rows) else span[0], *usable(rows, halves, damage)


def _vectors(cursor: sqlite3.Cursor, dim: int, damage: DamageLog) -> tuple[Rows, npt.NDArray[np.float16]]:
    """Rows and their descriptors, with zeros for a descriptor of another length."""
    pairs = cursor.fetchall()
    vectors = [vector for _, vector in pairs]
    try:
        joined = b"".join(vectors)
    except TypeError:  # a value is not a blob: SQLite allows any type in a column
        joined = b""
    if len(joined) != 2 * dim * len(pairs) or {len(each) for each in vectors} - {2 * dim}:
        whole = [isinstance(each, bytes) and len(each) == 2 * dim for each in vectors]
        if not any(whole):
            raise StorageFailed(
                f"{damage.shown} is damaged: its descriptors do not have {dim} numbers, as those of its model do. "
                "Restore it from a copy, or build it again: viewfix build NEW.map PHOTOS"
            )
        joined = b"".join(vector if good else bytes(2 * dim) for vector, good in zip(vectors, whole, strict=True))
    halves = np.frombuffer(joined, dtype="<f2").reshape(len(pairs), dim)
    return np.fromiter((row for row, _ in pairs), np.int64, len(pairs)), halves
