"""The statements that change a map in PostgreSQL, within a transaction that the caller begins and ends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ...types import Skipped
from ..records import Record, Rows, same_place, to_values
from . import halfvec
from .read import one

if TYPE_CHECKING:
    from .connect import Connection

_NAMES = (
    "id, source, at, radius_m, heading_deg, taken_at, attribution, licence, view, camera, content_hash, content_hint"
)


def lock(connection: Connection) -> int:
    """Lock the map against other writers until the transaction ends. Returns the highest row so far."""
    return int(one(connection, "SELECT last_row FROM counts FOR UPDATE")[0])


def put(connection: Connection, records: Sequence[Record], halves: npt.NDArray[np.float16]) -> Rows:
    """Insert records with their (N, dim) descriptors. Returns their rows."""
    first = lock(connection) + 1
    last = {record.photo.id: at for at, record in enumerate(records)}
    _forget(connection, list(last))
    row_of = {key: first + n for n, key in enumerate(last)}
    with connection.cursor().copy(f"COPY photos (row, {_NAMES}) FROM STDIN") as copy:
        for key, at in last.items():
            copy.write_row((row_of[key], *_values(records[at])))
    with connection.cursor().copy("COPY descriptors (row, vector) FROM STDIN (FORMAT binary)") as copy:
        copy.write(halfvec.copy_lines(np.fromiter(row_of.values(), np.int64), halves[list(last.values())]))
    connection.execute("UPDATE counts SET photos = photos + %s, last_row = last_row + %s", (len(last), len(last)))
    connection.execute("DELETE FROM skipped WHERE id = ANY(%s)", (list(last),))
    return np.array([row_of[record.photo.id] for record in records], dtype=np.int64)


def change(connection: Connection, record: Record) -> Rows | None:
    """Replace the record of a photo, and keep its descriptor.

    Returns:
        The new row of a photo that moved, (1,) int64; (0,) if it stayed where it is; None if the map has no such photo.
    """
    fresh = lock(connection) + 1
    at = record.photo.position
    query = "SELECT row, at[1], at[0] FROM photos WHERE id = %s"
    found = connection.execute(query, (record.photo.id,)).fetchone()
    if found is None:
        return None
    row, lat, lon = found
    marks = ", ".join(["%s"] * len(_NAMES.split(",")))
    if same_place((lat, lon), (at.lat, at.lon)):
        photo_id, source, _, *rest = _values(record)
        values = (photo_id, source, f"({lon!r},{lat!r})", *rest, row)
        connection.execute(f"UPDATE photos SET ({_NAMES}) = ({marks}) WHERE row = %s", values)
        return np.empty(0, np.int64)
    # It moved. The position of a row never changes, so that caches stay right: it gets a new row.
    connection.execute("UPDATE descriptors SET row = %s WHERE row = %s", (fresh, row))
    _forget(connection, [record.photo.id])
    connection.execute(f"INSERT INTO photos (row, {_NAMES}) VALUES (%s, {marks})", (fresh, *_values(record)))
    connection.execute("UPDATE counts SET photos = photos + 1, last_row = %s", (fresh,))
    return np.array([fresh], np.int64)


def remove(connection: Connection, ids: Sequence[str]) -> int:
    """Delete photos by id. Returns the number deleted."""
    lock(connection)
    return _forget(connection, ids)


def _forget(connection: Connection, ids: Sequence[str]) -> int:
    gone = [row for (row,) in connection.execute("DELETE FROM photos WHERE id = ANY(%s) RETURNING row", (list(ids),))]
    if gone:
        for table in ("descriptors", "local_features"):
            connection.execute(f"DELETE FROM {table} WHERE row = ANY(%s)", (gone,))
        query = "UPDATE counts SET photos = photos - %s, removals = removals + %s"
        connection.execute(query, (len(gone), len(gone)))
    return len(gone)


def skip(connection: Connection, skipped: Iterable[Skipped]) -> None:
    """Store which photos could not be used. A new reason replaces an older one."""
    reasons = {each.id: each.reason for each in skipped}
    if reasons:
        connection.execute(
            "INSERT INTO skipped SELECT * FROM unnest(%s::text[], %s::text[]) "
            "ON CONFLICT (id) DO UPDATE SET reason = excluded.reason",
            (list(reasons), list(reasons.values())),
        )


def unskip(connection: Connection, ids: Sequence[str]) -> int:
    """Delete what `skip` stored about these ids. Returns the number deleted."""
    return connection.execute("DELETE FROM skipped WHERE id = ANY(%s)", (list(ids),)).rowcount


def _values(record: Record) -> tuple[Any, ...]:
    """The values of a record, in the order of _NAMES."""
    photo_id, source, lat, lon, *rest = to_values(record)
    return (photo_id, source, f"({lon!r},{lat!r})", *rest)
