"""Records and descriptors go in, and come out by id, by row or by region: the tables of one map in PostgreSQL."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from ...errors import NotAMap, StorageFailed
from ...geo import Region
from ...types import Photo, Skipped
from ..address import Address
from ..local_features import LIMIT_BYTES, LocalFeatureCache
from ..migration import Migration
from ..points import Points
from ..records import ModelIdentity, Record, Version, grouped
from ..transactional import TransactionalStore
from . import connect, facts, files, reading, schema, writing
from .connect import Pool, Result, advisory, search_path
from .place import Place

if TYPE_CHECKING:
    from .connect import Connection

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Units = npt.NDArray[np.float32]


class PostgresStore(TransactionalStore):
    """One map in PostgreSQL: see Store. Any number of processes write it at once, a batch after the other."""

    engine: ClassVar[str] = "postgres"
    statements = writing

    def __init__(self, place: Place, pool: Pool, *, write: bool) -> None:
        self.place, self.pool, self._write = place, pool, write
        self.address = place.address
        self.model = ModelIdentity(**self.meta("model"))
        self.created_at = datetime.fromisoformat(self.meta("created_at"))
        self.map_id: str = self.meta("map_id")
        self.schema_version: int = self.meta("schema")
        self._columns = reading.Columns.of_schema(self.schema_version)

    # Opening and closing

    @classmethod
    def created(
        cls, address: Address, model: ModelIdentity, *, first_row: int = 1, meta: Mapping[str, Any] | None = None
    ) -> Self:
        """See Store. Rows are numbered from `first_row`: those of the shards of one map must not be the same."""
        place = Place.of(address)
        about = {
            "format": "viewfix map",
            "map_id": uuid.uuid4().hex,
            "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "viewfix": metadata.version("viewfix"),
            "model": asdict(model),
            **(meta or {}),
        }
        with connect.alone(place) as connection:
            schema.see_to_pgvector(connection, place)
            with connection.transaction():
                connection.execute(f"SET LOCAL search_path TO {search_path(connection, place)}")
                schema.make(connection, place, about, {"dim": model.dim, "first_row": first_row})
        return cls._pooled(place, write=True)

    @classmethod
    def opened(cls, address: Address, *, write: bool = False, alone: bool = True) -> Self:
        """See Store. What is a shard of a larger map is opened only where it is not to stand `alone`."""
        place = Place.of(address)
        with connect.alone(place) as connection:
            number = schema.found(connection, place)
            if write and number < schema.version():
                with connection.transaction():
                    connection.execute(f"SET LOCAL search_path TO {search_path(connection, place)}")
                    writing.lock(connection)  # one at a time: the second finds nothing to do
                    (model,) = reading.one(connection, "SELECT value FROM meta WHERE key = 'model'")
                    values = {"dim": json.loads(model)["dim"], "first_row": 1}
                    schema.migrate(connection, schema.found(connection, place), values)
        store = cls._pooled(place, write=write)
        if alone and (shard := store.meta("shard")) is not None:
            store.close()
            raise NotAMap(
                f"{address} is shard {shard['number'] + 1} of a map over {shard['of']} servers. Name all of them, with "
                "commas between their URLs: without one, photos would be missing from every answer."
            )
        return store

    @classmethod
    def taken(cls, address: Address) -> bool:
        place = Place.of(address)
        with connect.alone(place) as connection:
            return schema.there_is(connection, place)

    @classmethod
    def _pooled(cls, place: Place, *, write: bool) -> Self:
        pool = Pool(place)
        try:
            return cls(place, pool, write=write)
        except BaseException:
            pool.close()
            raise

    def close(self) -> None:
        self.pool.close()

    def discard(self) -> None:
        with self.pool.transaction() as connection:
            connection.execute(f'DROP SCHEMA "{self.place.map}" CASCADE')
        self.close()

    # Reading: one statement each, so each sees one moment of the map

    def read(self, question: Callable[..., Result], *values: Any) -> Result:
        """Ask `question(connection, *values)` on a connection of the pool."""
        return self.pool.read(question, *values)

    def lines(
        self, query: str, values: Sequence[Any] | Mapping[str, Any] = (), *, binary: bool = False
    ) -> list[tuple[Any, ...]]:
        """All that a query gives."""
        return self.pool.read(lambda c: c.cursor(binary=binary).execute(query, values).fetchall())

    def __len__(self) -> int:
        return int(self.lines("SELECT photos FROM counts")[0][0])

    @property
    def version(self) -> Version:
        return self.read(reading.version, self.map_id)

    def known(self, ids: Sequence[str]) -> dict[str, Record]:
        return self.read(reading.known, self._columns, ids)

    def rows_of(self, ids: Sequence[str]) -> dict[str, int]:
        return dict(self.lines("SELECT id, row FROM photos WHERE id = ANY(%s)", (list(ids),)))

    def ids_of_sources(self, sources: Sequence[str]) -> dict[str, list[str]]:
        query = "SELECT source, id FROM photos WHERE source = ANY(%s) ORDER BY row"
        return grouped((source, key) for source, key in self.lines(query, (list(sources),)))

    def photos(self, rows: npt.ArrayLike) -> list[Photo]:
        found = self.photos_by_row(rows)
        return [found[row] for row in np.asarray(rows, np.int64).tolist() if row in found]

    def photos_by_row(self, rows: npt.ArrayLike) -> dict[int, Photo]:
        """As `photos`, each under its row."""
        return self.read(reading.photos, self._columns, rows)

    def records(self, chunk: int = 4096) -> Iterator[Record]:
        after = -1
        while True:
            last, found = self.read(reading.records, self._columns, after, chunk)
            if not found:
                return
            after = last
            yield from found

    def ids(self) -> list[str]:
        return [key for (key,) in self.lines("SELECT id FROM photos ORDER BY row")]

    def rows(self, after: int = 0) -> Rows:
        return self.read(reading.rows, after)

    def positions(self, after: int = 0) -> tuple[Rows, Floats, Floats]:
        return self.read(reading.positions, after)

    def rows_in(self, region: Region, limit: int | None = None) -> Rows:
        return self.read(reading.rows_in, region, limit)

    def present(self, rows: npt.ArrayLike) -> tuple[Rows, Units]:
        return self.read(reading.descriptors, rows, self.model.dim, self.address)

    def iter_descriptors(self, chunk: int = 8192, after: int = 0) -> Iterator[tuple[Rows, npt.NDArray[np.float16]]]:
        while True:
            rows, halves = self.read(reading.descriptor_chunk, (after, chunk), self.model.dim, self.address)
            if not len(rows):
                return
            after = int(rows[-1])
            yield rows, halves

    def meta(self, key: str, default: Any = None) -> Any:
        found = self.lines("SELECT value FROM meta WHERE key = %s", (key,))
        return json.loads(found[0][0]) if found else default

    def skipped(self) -> list[Skipped]:
        found = self.lines('SELECT id, reason FROM skipped ORDER BY id COLLATE "C"')
        return [Skipped(*values) for values in found]

    def info(self) -> dict[str, Any]:
        return self.read(facts.of, self.place)

    # Writing: one transaction each, all of it or nothing

    def set_meta(self, key: str, value: Any) -> None:
        with self.transaction() as connection:
            put_meta(connection, key, value)

    def transaction(self) -> AbstractContextManager[Connection]:
        """All that is written within the block, or nothing."""
        if not self._write:
            raise StorageFailed(f"{self.address} was opened for reading or is closed. Open it with write=True.")
        return self.pool.transaction()

    def alone(self, purpose: str) -> AbstractContextManager[Connection | None]:
        """A connection for what one process at a time may do; None where another is at it."""
        return advisory(self.place, self.pool, purpose)

    # What else is kept with the photos

    def model_file(self, model: ModelIdentity) -> Path | None:
        return files.kept(self, model)

    def keep_model_file(self, model: ModelIdentity, file: Path) -> Path:
        return files.keep(self, model, file)

    def forget_model_file(self, model: ModelIdentity) -> None:
        files.forget(self, model)

    @property
    def points(self) -> Points:
        from .points import PostgresPoints

        return PostgresPoints(self)

    def local_features(self, fingerprint: str, *, limit_bytes: int | None = None) -> LocalFeatureCache:
        from .local import PostgresLocalFeatures

        return PostgresLocalFeatures(self, fingerprint, LIMIT_BYTES if limit_bytes is None else limit_bytes)

    def migration(self, model: ModelIdentity) -> Migration:
        from .migration import PostgresMigration

        return PostgresMigration(self, model)


def put_meta(connection: Connection, key: str, value: Any) -> None:
    """Store anything JSON can say under a key, in the transaction of the caller."""
    query = "INSERT INTO meta VALUES (%s, %s) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
    connection.execute(query, (key, json.dumps(value)))
