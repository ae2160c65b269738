"""The migration of a map file to another model; see `viewfix.store.migration`."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from ...errors import BadInput
from ...types import Photo, Skipped
from ..migration import KEY, Migration
from ..records import ModelIdentity, Record, Units, to_halves
from . import read, write
from .connections import Connections

# These tables exist only during a migration. At its end the first becomes `descriptors`.
_TABLES = """
CREATE TABLE IF NOT EXISTS migrating (row INTEGER PRIMARY KEY, vector BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS migrating_contents (row INTEGER PRIMARY KEY, content_hash TEXT NOT NULL, content_hint TEXT);
"""
_SWITCH = """
DELETE FROM migrating WHERE row NOT IN (SELECT row FROM photos);
UPDATE photos SET content_hash = fresh.content_hash, content_hint = fresh.content_hint
    FROM migrating_contents AS fresh WHERE fresh.row = photos.row;
DELETE FROM local_features WHERE row IN (SELECT row FROM migrating_contents);
DROP TABLE descriptors;
ALTER TABLE migrating RENAME TO descriptors;
DROP TABLE migrating_contents;
DELETE FROM meta WHERE key IN ('migration', 'calibration');
"""


class SqliteMigration(Migration):
    """See `Migration`."""

    def __init__(self, connections: Connections, model: ModelIdentity) -> None:
        self._connections = connections
        self.model = model

    def begin(self) -> None:
        with self._connections.transaction() as connection:
            _each(connection, _TABLES)
            connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (KEY, json.dumps(asdict(self.model))))

    def forget(self) -> None:
        with self._connections.transaction() as connection:
            for table in ("migrating", "migrating_contents"):
                connection.execute(f"DROP TABLE IF EXISTS {table}")
            connection.execute("DELETE FROM meta WHERE key = ?", (KEY,))

    def done(self) -> int:
        with self._connections.borrow() as connection:
            query = "SELECT count(*) FROM migrating WHERE row IN (SELECT row FROM photos)"
            return int(connection.execute(query).fetchone()[0])

    def todo(self, chunk: int = 4096) -> Iterator[Photo]:
        after = 0
        query = "SELECT row FROM photos WHERE row > ? AND row NOT IN (SELECT row FROM migrating) ORDER BY row LIMIT ?"
        while True:
            with self._connections.borrow() as connection:
                rows = [row for (row,) in connection.execute(query, (after, chunk))]
                found = read.photos(connection, rows, self._connections.damage)
            if not rows:
                return
            after = rows[-1]
            yield from found

    def put(self, records: Sequence[Record], descriptors: Units) -> None:
        halves = to_halves(records, descriptors, self.model.dim)
        with self._connections.transaction() as connection:
            for record, half in zip(records, halves, strict=True):
                query = "SELECT row, content_hash, content_hint FROM photos WHERE id = ?"
                row, *before = connection.execute(query, (record.photo.id,)).fetchone()
                connection.execute("INSERT OR REPLACE INTO migrating VALUES (?, ?)", (row, half.tobytes()))
                if before != [record.content_hash, record.content_hint]:
                    values = (row, record.content_hash, record.content_hint)
                    connection.execute("INSERT OR REPLACE INTO migrating_contents VALUES (?, ?, ?)", values)

    def finish(self, dropped: Sequence[Skipped] = ()) -> None:
        with self._connections.transaction() as connection:
            write.remove(connection, [each.id for each in dropped])
            write.skip(connection, dropped)
            query = "SELECT count(*) FROM photos WHERE row NOT IN (SELECT row FROM migrating)"
            (missing,) = connection.execute(query).fetchone()
            if missing:
                raise BadInput(
                    f"{missing} photos of {self._connections.path} have no descriptor of {self.model.name} yet. "
                    "Run the migration again."
                )
            _each(connection, _SWITCH)
            # A new map id: whatever was derived from the old descriptors, in memory or in a file, carries the old one.
            fresh = {"model": asdict(self.model), "map_id": uuid.uuid4().hex}
            for key, value in fresh.items():
                connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, json.dumps(value)))
        self._connections.compact()  # the old descriptors leave a hole of their size


def _each(connection: sqlite3.Connection, statements: str) -> None:
    """Execute the statements one by one: executescript would commit first."""
    for statement in statements.strip().split(";\n"):
        connection.execute(statement.rstrip(";"))
