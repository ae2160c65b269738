"""The statements that change a map file, within a transaction that the caller begins and ends."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ...types import Position, Skipped
from ..records import COLUMNS, Record, same_place, to_values
from .read import last_row

_MARKS = ", ".join("?" * len(COLUMNS.split(",")))
_INSERT = f"INSERT INTO photos (row, {COLUMNS}) VALUES (?, {_MARKS})"
_CHANGE = f"UPDATE photos SET ({COLUMNS}) = ({_MARKS}) WHERE row = ?"
_FORGET = (
    "DELETE FROM photos WHERE row = ?",
    "DELETE FROM places WHERE row = ?",
    "DELETE FROM descriptors WHERE row = ?",
    "DELETE FROM local_features WHERE row = ?",
)


def put(
    connection: sqlite3.Connection, records: Sequence[Record], halves: npt.NDArray[np.float16]
) -> npt.NDArray[np.int64]:
    """Insert records with their (N, dim) descriptors. Returns their rows."""
    last = {record.photo.id: at for at, record in enumerate(records)}
    remove(connection, list(last))
    first = last_row(connection) + 1
    row_of = {key: first + n for n, key in enumerate(last)}
    connection.executemany(_INSERT, ((row_of[key], *to_values(records[at])) for key, at in last.items()))
    _place(connection, [(row_of[key], records[at].photo.position) for key, at in last.items()])
    vectors = ((row_of[key], halves[at].tobytes()) for key, at in last.items())
    connection.executemany("INSERT INTO descriptors VALUES (?, ?)", vectors)
    connection.execute("UPDATE counts SET photos = photos + ?", (len(last),))
    connection.executemany("DELETE FROM skipped WHERE id = ?", ((key,) for key in last))
    return np.array([row_of[record.photo.id] for record in records], dtype=np.int64)


def change(connection: sqlite3.Connection, record: Record) -> npt.NDArray[np.int64] | None:
    """Replace the record of a photo, and keep its descriptor.

    Returns:
        The new row of a photo that moved, (1,) int64; (0,) if it stayed where it is; None if the map has no such photo.
    """
    at = record.photo.position
    found = connection.execute("SELECT row, lat, lon FROM photos WHERE id = ?", (record.photo.id,)).fetchone()
    if found is None:
        return None
    row, lat, lon = found
    if same_place((lat, lon), (at.lat, at.lon)):
        photo_id, source, _, _, *rest = to_values(record)
        connection.execute(_CHANGE, (photo_id, source, lat, lon, *rest, row))
        return np.empty(0, np.int64)
    # It moved. The position of a row never changes, so that caches stay right: it gets a new row.
    (vector,) = connection.execute("SELECT vector FROM descriptors WHERE row = ?", (row,)).fetchone()
    remove(connection, [record.photo.id])
    fresh = last_row(connection) + 1
    connection.execute(_INSERT, (fresh, *to_values(record)))
    _place(connection, [(fresh, at)])
    connection.execute("INSERT INTO descriptors VALUES (?, ?)", (fresh, vector))
    connection.execute("UPDATE counts SET photos = photos + 1")
    return np.array([fresh], np.int64)


def remove(connection: sqlite3.Connection, ids: Sequence[str]) -> int:
    """Delete photos by id. Returns the number deleted."""
    query = "SELECT row FROM photos WHERE id IN (SELECT value FROM json_each(?))"
    gone = connection.execute(query, (json.dumps(list(ids)),)).fetchall()
    for statement in _FORGET:
        connection.executemany(statement, gone)
    connection.execute("UPDATE counts SET photos = photos - ?, removals = removals + ?", (len(gone), len(gone)))
    return len(gone)


def skip(connection: sqlite3.Connection, skipped: Sequence[Skipped]) -> None:
    """Store which photos could not be used. A new reason replaces an older one."""
    values = [(each.id, each.reason) for each in skipped]
    connection.executemany("INSERT OR REPLACE INTO skipped VALUES (?, ?)", values)


def unskip(connection: sqlite3.Connection, ids: Sequence[str]) -> int:
    """Delete what `skip` stored about these ids. Returns the number deleted."""
    listed = json.dumps(list(ids))
    return connection.execute("DELETE FROM skipped WHERE id IN (SELECT value FROM json_each(?))", (listed,)).rowcount


def _place(connection: sqlite3.Connection, places: Sequence[tuple[int, Position]]) -> None:
    # The R*Tree keeps float32 and rounds the lower edges down and the upper ones up: the point stays inside.
    values = ((row, at.lat, at.lat, at.lon, at.lon) for row, at in places)
    connection.executemany("INSERT INTO places VALUES (?, ?, ?, ?, ?)", values)
