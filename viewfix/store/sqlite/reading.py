"""A connection and a question go in; rows, positions, photos and descriptors come out: one statement each."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ...errors import ModelMismatch, StorageFailed
from ...geo import Region
from ...types import Photo
from ..records import COLUMNS, PHOTO_COLUMNS, Record, Version, grouped, to_photo, to_record, to_units
from ..regions import cover

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
_LISTED = "IN (SELECT value FROM json_each(?))"
_LAST = "coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'photos'), 0)"
_NEAR = (
    "SELECT photos.row, photos.lat, photos.lon FROM places JOIN photos ON photos.row = places.row "
    "WHERE places.south <= ? AND places.north >= ? AND places.west <= ? AND places.east >= ?"
)
_MARGIN_DEG = 1e-9  # 0.1 mm: what is closer to 0 than float32 can tell, the R*Tree rounds to 0
_AT_ONCE = 16_384  # rows turned from Python objects into an array at a time


def last_row(connection: sqlite3.Connection) -> int:
    """The highest row ever given."""
    return int(connection.execute(f"SELECT {_LAST}").fetchone()[0])


def version(connection: sqlite3.Connection, map_id: str) -> Version:
    query = f"SELECT {_LAST}, removals, (SELECT value FROM meta WHERE key = 'map_id') FROM counts"
    last, removals, found = connection.execute(query).fetchone()
    if json.loads(found) != map_id:  # every descriptor is another: nothing that was read so far can be used
        raise ModelMismatch("The map was re-embedded with another model while it was open. Open it again.")
    return Version(map_id, last, removals)


def known(connection: sqlite3.Connection, ids: Sequence[str]) -> dict[str, Record]:
    query = f"SELECT {COLUMNS} FROM photos WHERE id {_LISTED}"
    return {found[0]: to_record(found) for found in connection.execute(query, (json.dumps(list(ids)),))}


def rows_of(connection: sqlite3.Connection, ids: Sequence[str]) -> dict[str, int]:
    return dict(connection.execute(f"SELECT id, row FROM photos WHERE id {_LISTED}", (json.dumps(list(ids)),)))


def ids_of_sources(connection: sqlite3.Connection, sources: Sequence[str]) -> dict[str, list[str]]:
    query = f"SELECT source, id FROM photos WHERE source {_LISTED} ORDER BY row"
    return grouped(connection.execute(query, (json.dumps(list(sources)),)))


def photos(connection: sqlite3.Connection, wanted: npt.ArrayLike) -> list[Photo]:
    asked = np.asarray(wanted, dtype=np.int64).tolist()
    query = f"SELECT row, {PHOTO_COLUMNS} FROM photos WHERE row {_LISTED}"
    found = {values[0]: to_photo(values[1:]) for values in connection.execute(query, (json.dumps(asked),))}
    return [found[row] for row in asked if row in found]


def records(connection: sqlite3.Connection, after: int, chunk: int) -> tuple[int, list[Record]]:
    """The next `chunk` records above a row, and the last of their rows."""
    query = f"SELECT row, {COLUMNS} FROM photos WHERE row > ? ORDER BY row LIMIT ?"
    found = connection.execute(query, (after, chunk)).fetchall()
    return (found[-1][0] if found else after), [to_record(values[1:]) for values in found]


def rows(connection: sqlite3.Connection, after: int) -> Rows:
    query = "SELECT row FROM photos WHERE row > ? ORDER BY row"
    return np.fromiter((row for (row,) in connection.execute(query, (after,))), dtype=np.int64)


def positions(connection: sqlite3.Connection, after: int) -> tuple[Rows, Floats, Floats]:
    cursor = connection.execute("SELECT row, lat, lon FROM photos WHERE row > ? ORDER BY row", (after,))
    return _columns(cursor)


def _columns(cursor: sqlite3.Cursor) -> tuple[Rows, Floats, Floats]:
    columns: tuple[list[Floats], ...] = ([], [], [])
    while found := cursor.fetchmany(_AT_ONCE):
        table = np.array(found, dtype=np.float64)  # rows are whole numbers below 2**53: float64 holds them
        for column, values in zip(columns, table.T, strict=True):
            column.append(values.copy())
    rows, lats, lons = (_joined(column) for column in columns)
    return rows.astype(np.int64), lats, lons


def _joined(parts: list[Floats]) -> Floats:
    """One array of many, which are let go of: of ten million photos they take 80 MB."""
    whole = np.concatenate([np.empty(0), *parts])
    parts.clear()
    return whole


def rows_in(connection: sqlite3.Connection, region: Region, limit: int | None) -> Rows:
    parts: list[Rows] = []
    missing = np.inf if limit is None else limit
    for box in cover(region):
        edges = (box.north + _MARGIN_DEG, box.south - _MARGIN_DEG, box.east + _MARGIN_DEG, box.west - _MARGIN_DEG)
        cursor = connection.execute(_NEAR, edges)
        while missing > 0 and (found := cursor.fetchmany(_AT_ONCE)):
            table = np.array(found, dtype=np.float64)
            inside = table[region.contains(table[:, 1], table[:, 2]), 0].astype(np.int64)
            parts.append(inside)
            missing -= len(inside)
        cursor.close()
    return np.unique(np.concatenate([np.empty(0, np.int64), *parts]))[:limit]


def descriptors(
    connection: sqlite3.Connection, wanted: npt.ArrayLike, dim: int, path: Path
) -> tuple[Rows, npt.NDArray[np.float32]]:
    asked = np.asarray(wanted, dtype=np.int64)
    query = f"SELECT row, vector FROM descriptors WHERE row {_LISTED} ORDER BY row"
    found, halves = _vectors(connection.execute(query, (json.dumps(asked.tolist()),)), dim, path)
    if not len(found):
        return found, halves.astype(np.float32)
    at = np.minimum(np.searchsorted(found, asked), len(found) - 1)
    there = found[at] == asked
    return asked[there], to_units(halves[at[there]])


def descriptor_chunk(
    connection: sqlite3.Connection, span: tuple[int, int], dim: int, path: Path
) -> tuple[Rows, npt.NDArray[np.float16]]:
    """The next `span[1]` descriptors above row `span[0]`."""
    return _vectors(connection.execute("SELECT * FROM descriptors WHERE row > ? ORDER BY row LIMIT ?", span), dim, path)


def _vectors(cursor: sqlite3.Cursor, dim: int, path: Path) -> tuple[Rows, npt.NDArray[np.float16]]:
    pairs = cursor.fetchall()
    joined = b"".join([vector for _, vector in pairs])
    if len(joined) != 2 * dim * len(pairs):
        raise StorageFailed(
            f"{path} is damaged: {len(pairs)} descriptors of {dim} numbers take {len(joined)} bytes. "
            "Restore it from a copy, or build it again: viewfix build NEW.map PHOTOS"
        )
    halves = np.frombuffer(joined, dtype="<f2").reshape(len(pairs), dim)
    return np.fromiter((row for row, _ in pairs), np.int64, len(pairs)), halves
