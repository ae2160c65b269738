"""A map and the descriptors of another model go in; one transaction later the map is of that model."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from ..errors import BadInput
from ..types import Photo, Skipped
from . import reading, writing
from .records import ModelIdentity, Record, to_halves
from .store import Store, Units

KEY = "migration"
"""The model of a migration that is not finished, in the meta of a map."""

# Beside the tables of the schema for as long as a migration lasts; the first becomes `descriptors` at its end.
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


class Migration:
    """The change of a map, open for writing, to another model: begun, gone on with after a kill, finished.

    Until `finish` the map answers with its old descriptors. Photos that come meanwhile are part of it.
    """

    def __init__(self, store: Store, model: ModelIdentity) -> None:
        self._store = store
        self.model = model

    @staticmethod
    def pending(store: Store) -> ModelIdentity | None:
        """The model of a migration that was begun and not finished."""
        found = store.meta(KEY)
        return None if found is None else ModelIdentity(**found)

    @classmethod
    def begun(cls, store: Store, model: ModelIdentity) -> Migration:
        """A new migration to `model`, or the one to it that was begun before.

        Raises:
            BadInput: one to another model is not finished.
        """
        other = cls.pending(store)
        if other is not None and other.fingerprint != model.fingerprint:
            beside = other.file_beside(store.path)
            finish = beside if beside.is_file() else other.name
            raise BadInput(
                f"A migration of {store.path} to {other.name} ({other.fingerprint[:12]}) is not finished. Finish it "
                f"with viewfix migrate --model {finish}, or give it up with --restart."
            )
        with store._transaction() as connection:
            _each(connection, _TABLES)
            connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (KEY, json.dumps(asdict(model))))
        return cls(store, model)

    @staticmethod
    def give_up(store: Store) -> None:
        """Forget a migration that is not finished; the map stays as it is. None is no error."""
        with store._transaction() as connection:
            for table in ("migrating", "migrating_contents"):
                connection.execute(f"DROP TABLE IF EXISTS {table}")
            connection.execute("DELETE FROM meta WHERE key = ?", (KEY,))

    def done(self) -> int:
        """How many photos have a new descriptor."""
        with self._store._pool.borrowed() as connection:
            query = "SELECT count(*) FROM migrating WHERE row IN (SELECT row FROM photos)"
            return int(connection.execute(query).fetchone()[0])

    def todo(self, chunk: int = 4096) -> Iterator[Photo]:
        """The photos without a new descriptor, in the order of rows."""
        after = 0
        query = "SELECT row FROM photos WHERE row > ? AND row NOT IN (SELECT row FROM migrating) ORDER BY row LIMIT ?"
        while True:
            with self._store._pool.borrowed() as connection:
                rows = [row for (row,) in connection.execute(query, (after, chunk))]
                found = reading.photos(connection, rows)
            if not rows:
                return
            after = rows[-1]
            yield from found

    def put(self, records: Sequence[Record], descriptors: Units) -> None:
        """Store the (N, dim) float32 new descriptors of photos of the map, in one transaction.

        The records say what the files hold now, which may not be what they held when they were added.
        """
        halves = to_halves(records, descriptors, self.model.dim)
        with self._store._transaction() as connection:
            for record, half in zip(records, halves, strict=True):
                query = "SELECT row, content_hash, content_hint FROM photos WHERE id = ?"
                row, *before = connection.execute(query, (record.photo.id,)).fetchone()
                connection.execute("INSERT OR REPLACE INTO migrating VALUES (?, ?)", (row, half.tobytes()))
                if before != [record.content_hash, record.content_hint]:
                    values = (row, record.content_hash, record.content_hint)
                    connection.execute("INSERT OR REPLACE INTO migrating_contents VALUES (?, ?, ?)", values)

    def finish(self, dropped: Sequence[Skipped] = ()) -> None:
        """Switch the map to the new descriptors, all in one transaction; `dropped` photos leave it.

        Raises:
            BadInput: a photo that stays has no new descriptor.
        """
        with self._store._transaction() as connection:
            writing.remove(connection, [each.id for each in dropped])
            writing.skip(connection, dropped)
            query = "SELECT count(*) FROM photos WHERE row NOT IN (SELECT row FROM migrating)"
            (missing,) = connection.execute(query).fetchone()
            if missing:
                raise BadInput(
                    f"{missing} photos of {self._store.path} have no descriptor of {self.model.name} yet. "
                    "Run the migration again."
                )
            _each(connection, _SWITCH)
            # What was derived from the old descriptors, in memory or in a cache file, goes by the old name.
            fresh = {"model": asdict(self.model), "map_id": uuid.uuid4().hex}
            for key, value in fresh.items():
                connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, json.dumps(value)))
        with self._store._writing, contextlib.suppress(sqlite3.Error):  # a full disk: the room is used later
            assert self._store._writer is not None
            self._store._writer.execute("VACUUM")  # the old descriptors leave a hole of their size


def _each(connection: sqlite3.Connection, statements: str) -> None:
    """One by one: executescript would commit first."""
    for statement in statements.strip().split(";\n"):
        connection.execute(statement.rstrip(";"))
