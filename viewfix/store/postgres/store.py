"""A map as the tables of one PostgreSQL schema, searched by pgvector."""

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

from ...errors import NotAMap
from ...geo import Region
from ...types import Photo, Skipped
from ..address import Address
from ..local_features import LIMIT_BYTES
from ..records import Floats, ModelIdentity, Record, Rows, Units, Version, grouped, to_model
from ..transactional import TransactionalStore
from . import model_files, read, schema, write
from .basemap_file import PostgresBasemapFile
from .connect import Pool, Result, advisory_lock, connected, search_path
from .connections import Connections, put_meta
from .info import read_info
from .local_features import PostgresLocalFeatures
from .migration import PostgresMigration
from .points import PostgresPoints
from .roads import PostgresRoads
from .url import DatabaseUrl, check_size

if TYPE_CHECKING:
    from .connect import Connection


class PostgresStore(TransactionalStore):
    """See `Store`. Any number of processes can write to one map: their batches are committed one after another."""

    engine: ClassVar[str] = "postgres"
    statements = write

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self.url, self.address = connections.url, connections.url.address
        self.model = to_model(self.meta("model"))
        self.created_at = datetime.fromisoformat(self.meta("created_at"))
        self.map_id: str = self.meta("map_id")
        self.schema_version: int = self.meta("schema")
        self._columns, self._damage = self.read(read.Columns.of_table), connections.damage

    # Opening and closing

    @classmethod
    def created(
        cls, address: Address, model: ModelIdentity, *, first_row: int = 1, meta: Mapping[str, Any] | None = None
    ) -> Self:
        """See `Store`. Rows are numbered from `first_row`: the shards of one map must not share numbers."""
        check_size(model)
        url = DatabaseUrl.of(address)
        about = {
            "format": "viewfix map",
            "map_id": uuid.uuid4().hex,
            "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "viewfix": metadata.version("viewfix"),
            "model": asdict(model),
            **(meta or {}),
        }
        with connected(url) as connection:
            schema.require_pgvector(connection, url)
            with connection.transaction():
                connection.execute(f"SET LOCAL search_path TO {search_path(connection, url)}")
                schema.make(connection, url, about, {"dim": model.dim, "first_row": first_row})
        return cls._pooled(url, write=True)

    @classmethod
    def opened(cls, address: Address, *, write: bool = False, alone: bool = True) -> Self:
        """See `Store`. A shard of a larger map is opened only with `alone=False`."""
        url = DatabaseUrl.of(address)
        with connected(url) as connection:
            number = schema.found(connection, url)
            if write and number < schema.version():
                with connection.transaction():
                    connection.execute(f"SET LOCAL search_path TO {search_path(connection, url)}")
                    cls.statements.lock(connection)  # one process migrates; the next finds nothing to do
                    (model,) = read.one(connection, "SELECT value FROM meta WHERE key = 'model'")
                    values = {"dim": json.loads(model)["dim"], "first_row": 1}
                    schema.migrate(connection, schema.found(connection, url), values)
        store = cls._pooled(url, write=write)
        if alone and (shard := store.meta("shard")) is not None:
            store.close()
            raise NotAMap(
                f"{address} is shard {shard['number'] + 1} of a map over {shard['of']} servers. Name all of them, with "
                "commas between their URLs: without one, photos would be missing from every answer."
            )
        return store

    @classmethod
    def taken(cls, address: Address) -> bool:
        url = DatabaseUrl.of(address)
        with connected(url) as connection:
            return schema.there_is(connection, url)

    @classmethod
    def _pooled(cls, url: DatabaseUrl, *, write: bool) -> Self:
        pool = Pool(url)
        try:
            return cls(Connections(url, pool, write=write))
        except BaseException:
            pool.close()
            raise

    def close(self) -> None:
        self.pool.close()

    def discard(self) -> None:
        with self.pool.transaction() as connection:
            connection.execute(f'DROP SCHEMA "{self.url.map}" CASCADE')
        self.close()

    # Reading: one statement each, so each sees one consistent state of the map

    @property
    def pool(self) -> Pool:
        return self._connections.pool

    def read(self, query: Callable[..., Result], *values: Any) -> Result:
        """See `Connections.read`."""
        return self._connections.read(query, *values)

    def lines(
        self, query: str, values: Sequence[Any] | Mapping[str, Any] = (), *, binary: bool = False
    ) -> list[tuple[Any, ...]]:
        """See `Connections.lines`."""
        return self._connections.lines(query, values, binary=binary)

    def __len__(self) -> int:
        return int(self.lines("SELECT photos FROM counts")[0][0])

    @property
    def version(self) -> Version:
        return self.read(read.version, self.map_id)

    def known(self, ids: Sequence[str]) -> dict[str, Record]:
        return self.read(read.known, self._columns, ids, self._damage)

    def rows_of(self, ids: Sequence[str]) -> dict[str, int]:
        return dict(self.lines("SELECT id, row FROM photos WHERE id = ANY(%s)", (list(ids),)))

    def ids_of_sources(self, sources: Sequence[str]) -> dict[str, list[str]]:
        query = "SELECT source, id FROM photos WHERE source = ANY(%s) ORDER BY row"
        return grouped((source, key) for source, key in self.lines(query, (list(sources),)))

    def photos(self, rows: npt.ArrayLike) -> list[Photo]:
        return read.photos_in_order(self._connections, self._columns, rows)

    def photos_by_row(self, rows: npt.ArrayLike) -> dict[int, Photo]:
        """The photos of these rows, by row."""
        return self.read(read.photos, self._columns, rows, self._damage)

    def records(self, chunk: int = 4096) -> Iterator[Record]:
        after, last = -1, -2
        while after != last:
            last = after
            after, found = self.read(read.records, self._columns, (last, chunk), self._damage)
            yield from found

    def ids(self) -> list[str]:
        return [key for (key,) in self.lines("SELECT id FROM photos ORDER BY row")]

    def rows(self, after: int = 0) -> Rows:
        return self.read(read.rows, after)

    def positions(self, after: int = 0) -> tuple[Rows, Floats, Floats]:
        return self.read(read.positions, after, self._damage)

    def rows_in(self, region: Region, limit: int | None = None) -> Rows:
        return self.read(read.rows_in, region, limit)

    def present(self, rows: npt.ArrayLike) -> tuple[Rows, Units]:
        return self.read(read.descriptors, rows, self.model.dim, self._damage)

    def iter_descriptors(self, chunk: int = 8192, after: int = 0) -> Iterator[tuple[Rows, npt.NDArray[np.float16]]]:
        last = after - 1
        while after != last:
            last = after
            after, rows, halves = self.read(read.descriptor_chunk, (last, chunk), self.model.dim, self._damage)
            if len(rows):
                yield rows, halves

    def meta(self, key: str, default: Any = None) -> Any:
        return self._connections.meta(key, default)

    def skipped(self) -> list[Skipped]:
        found = self.lines('SELECT id, reason FROM skipped ORDER BY id COLLATE "C"')
        return [Skipped(*values) for values in found]

    def info(self) -> dict[str, Any]:
        return self.read(read_info, self.url, self._columns.has_roads)

    # Writing: one transaction each, all of it or nothing

    def set_meta(self, key: str, value: Any) -> None:
        with self.transaction() as connection:
            put_meta(connection, key, value)

    def transaction(self) -> AbstractContextManager[Connection]:
        """See `Connections.transaction`."""
        return self._connections.transaction()

    def alone(self, purpose: str) -> AbstractContextManager[Connection | None]:
        """A connection for work that one process at a time may do; None while another process does it."""
        return advisory_lock(self.pool, purpose)

    # What else is stored with the photos

    def model_file(self, model: ModelIdentity) -> Path | None:
        return model_files.fetch(self._connections, model)

    def keep_model_file(self, model: ModelIdentity, file: Path) -> Path:
        return model_files.store(self._connections, model, file)

    def forget_model_file(self, model: ModelIdentity) -> None:
        model_files.forget(self._connections, model)

    @property
    def points(self) -> PostgresPoints:
        return PostgresPoints(self._connections, self._columns.has_roads)

    @property
    def roads(self) -> PostgresRoads:
        return PostgresRoads(self._connections, self._columns.has_roads)

    @property
    def basemap_file(self) -> PostgresBasemapFile:
        return PostgresBasemapFile(self._connections)

    def local_features(self, fingerprint: str, *, limit_bytes: int | None = None) -> PostgresLocalFeatures:
        limit_bytes = LIMIT_BYTES if limit_bytes is None else limit_bytes
        return PostgresLocalFeatures(self._connections, self._columns, fingerprint, limit_bytes)

    def migration(self, model: ModelIdentity) -> PostgresMigration:
        return PostgresMigration(self._connections, self._columns, model)
