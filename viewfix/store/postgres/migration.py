"""The migration of a map in PostgreSQL to another model; see `viewfix.store.migration`."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import asdict

import numpy as np

from ...errors import BadInput
from ...types import Photo, Skipped
from ..migration import KEY, Migration
from ..records import ModelIdentity, Record, Units, to_halves
from . import halfvec, vector_index, write
from .connections import Connections, put_meta
from .read import Columns, one, photos_in_order
from .url import check_size

_SWITCH = (
    "UPDATE photos SET content_hash = fresh.content_hash, content_hint = fresh.content_hint "
    "FROM migrating_contents AS fresh WHERE fresh.row = photos.row",
    "DELETE FROM local_features WHERE row IN (SELECT row FROM migrating_contents)",
    "DELETE FROM migrating WHERE row NOT IN (SELECT row FROM photos)",
    "DROP TABLE descriptors",
    "ALTER TABLE migrating RENAME TO descriptors",
    "ALTER INDEX migrating_pkey RENAME TO descriptors_pkey",
    "DROP TABLE migrating_contents",
    "DELETE FROM meta WHERE key IN ('migration', 'calibration')",
)


class PostgresMigration(Migration):
    """See `Migration`."""

    def __init__(self, connections: Connections, columns: Columns, model: ModelIdentity) -> None:
        self._connections, self._columns = connections, columns
        self.model = model

    def begin(self) -> None:
        check_size(self.model)
        dim = self.model.dim
        with self._connections.transaction() as connection:
            write.lock(connection)
            connection.execute(
                f"CREATE TABLE IF NOT EXISTS migrating (row bigint PRIMARY KEY, vector halfvec({dim}) NOT NULL)"
            )
            if dim * 2 + 4 < 1900:
                connection.execute("ALTER TABLE migrating ALTER COLUMN vector SET STORAGE PLAIN")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS migrating_contents "
                "(row bigint PRIMARY KEY, content_hash text NOT NULL, content_hint text)"
            )
            put_meta(connection, KEY, asdict(self.model))

    def forget(self) -> None:
        with self._connections.transaction() as connection:
            connection.execute("DROP TABLE IF EXISTS migrating, migrating_contents")
            connection.execute(f"DROP FUNCTION IF EXISTS {vector_index.NEW_SIGNS}(halfvec)")
            connection.execute("DELETE FROM meta WHERE key = %s", (KEY,))

    def done(self) -> int:
        query = "SELECT count(*) FROM migrating JOIN photos USING (row)"
        return int(self._connections.lines(query)[0][0])

    def todo(self, chunk: int = 4096) -> Iterator[Photo]:
        after = -1
        query = (
            "SELECT row FROM photos WHERE row > %s AND NOT EXISTS (SELECT 1 FROM migrating m WHERE m.row = photos.row) "
            "ORDER BY row LIMIT %s"
        )
        while True:
            rows = [row for (row,) in self._connections.lines(query, (after, chunk))]
            if not rows:
                return
            after = rows[-1]
            yield from photos_in_order(self._connections, self._columns, rows)

    def put(self, records: Sequence[Record], descriptors: Units) -> None:
        halves = to_halves(records, descriptors, self.model.dim)
        with self._connections.transaction() as connection:
            query = "SELECT id, row, content_hash, content_hint FROM photos WHERE id = ANY(%s)"
            ids = [record.photo.id for record in records]
            there = {key: (row, *before) for key, row, *before in connection.execute(query, (ids,))}
            kept = [at for at, key in enumerate(ids) if key in there]  # others may have been removed meanwhile
            rows = np.array([there[ids[at]][0] for at in kept], np.int64)
            connection.execute("DELETE FROM migrating WHERE row = ANY(%s)", (rows.tolist(),))
            with connection.cursor().copy("COPY migrating (row, vector) FROM STDIN (FORMAT binary)") as copy:
                copy.write(halfvec.copy_lines(rows, halves[kept]))
            for at in kept:
                row, *before = there[ids[at]]
                now = (records[at].content_hash, records[at].content_hint)
                if tuple(before) != now:
                    connection.execute(
                        "INSERT INTO migrating_contents VALUES (%s, %s, %s) ON CONFLICT (row) DO UPDATE "
                        "SET content_hash = excluded.content_hash, content_hint = excluded.content_hint",
                        (row, *now),
                    )

    def finish(self, dropped: Sequence[Skipped] = ()) -> None:
        (count,) = self._connections.lines("SELECT photos FROM counts")[0]
        if count >= vector_index.INDEX_FROM:  # before the switch, while the old descriptors still answer
            with self._connections.pool.borrow() as connection:
                vector_index.build_new(connection, self.model.dim)
        with self._connections.transaction() as connection:
            write.lock(connection)
            write.remove(connection, [each.id for each in dropped])
            write.skip(connection, dropped)
            query = "SELECT count(*) FROM photos WHERE NOT EXISTS (SELECT 1 FROM migrating m WHERE m.row = photos.row)"
            (missing,) = one(connection, query)
            if missing:
                raise BadInput(
                    f"{missing} photos of {self._connections.url.address} have no descriptor of {self.model.name} yet. "
                    "Run the migration again."
                )
            for statement in _SWITCH:
                connection.execute(statement)
            vector_index.switch(connection)
            put_meta(connection, "model", asdict(self.model))
            put_meta(connection, "map_id", uuid.uuid4().hex)
