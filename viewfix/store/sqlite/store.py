"""A map as one SQLite file."""

from __future__ import annotations

import contextlib
import json
import logging
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from ...errors import BadInput, ViewfixError
from ...geo import Region
from ...types import Photo, Skipped
from ..address import Address
from ..basemap_file import KEY as BASEMAP
from ..local_features import LIMIT_BYTES
from ..records import Floats, ModelIdentity, Record, Rows, Units, Version
from ..transactional import TransactionalStore
from . import files, read, schema, write
from .basemap_file import SqliteBasemapFile
from .connect import Mode, Pool, connect, open_for_reading, time_limit
from .connections import Connections
from .errors import translate_errors
from .info import read_info
from .local_features import SqliteLocalFeatures
from .lock import WriterLock
from .migration import SqliteMigration
from .path import MapPath
from .points import SqlitePoints
from .roads import SqliteRoads
from .schema_check import check


class SqliteStore(TransactionalStore):
    """See `Store`. Any number of threads and processes can read a map file while one process writes to it."""

    engine: ClassVar[str] = "sqlite"
    statements = write

    def __init__(self, address: Address, connections: Connections, number: int) -> None:
        self.address, self._connections = address, connections
        self.path = connections.path.real
        self.schema_version = number
        self._replaced = False
        with connections.borrow() as connection:
            self.model, self.created_at, self.map_id = read.identity(connection, connections.path)

    # Opening and closing

    @classmethod
    def created(cls, address: Address, model: ModelIdentity) -> Self:
        path = MapPath.of(address.text)
        path.check_not_dangling()
        if not path.real.parent.is_dir():
            raise BadInput(f"There is no folder {path.real.parent}. Create it, then make {path.real.name} in it.")
        lock = WriterLock(path)
        try:
            if path.exists():
                raise BadInput(f"There is already something at {path}. Open it, or choose another name.")
            files.delete_leftovers(path)
            files.create(path, model)
            return cls._opened_for_writing(address, path, lock)
        except BaseException:
            lock.release()
            raise

    @classmethod
    def opened(cls, address: Address, *, write: bool = False) -> Self:
        path = MapPath.of(address.text)
        path.check_present()
        if write:
            lock = WriterLock(path)
            try:
                files.delete_leftovers(path)
                return cls._opened_for_writing(address, path, lock)
            except BaseException:
                lock.release()
                raise
        with translate_errors(path):
            connection, mode = open_for_reading(path)
            with contextlib.closing(connection), time_limit(connection):
                number = schema.found(connection, path)
                check(connection, path, number)
                read.identity(connection, path)
        return cls._with_pool(address, path, mode, number)

    @classmethod
    def taken(cls, address: Address) -> bool:
        return MapPath.of(address.text).exists()

    @classmethod
    def _opened_for_writing(cls, address: Address, path: MapPath, lock: WriterLock) -> Self:
        with translate_errors(path):
            writer = connect(path.real, "rw")
            try:
                with time_limit(writer):
                    number = schema.found(writer, path)
                    check(writer, path, number)
                    read.identity(writer, path)
                path.check_writable_name(files.written_as(writer))
                schema.migrate(writer, number)
                files.note_written_as(writer, path)
                writer.execute("PRAGMA journal_mode = WAL")  # others read on while we write
                return cls._with_pool(address, path, "rw", schema.version(), writer, lock)
            except BaseException:
                writer.close()
                raise

    @classmethod
    def _with_pool(  # noqa: PLR0913  what the connections of one map are made of
        cls,
        address: Address,
        path: MapPath,
        mode: Mode,
        number: int,
        writer: sqlite3.Connection | None = None,
        lock: WriterLock | None = None,
    ) -> Self:
        pool = Pool(path, mode, lambda connection: schema.stand_in(connection, number))
        try:
            return cls(address, Connections(path, pool, writer, lock), number)
        except BaseException:
            pool.close()
            raise

    def close(self) -> None:
        """See `Store`; after a writer, the map is one file again."""
        self._connections.close()

    def discard(self) -> None:
        if self.meta(BASEMAP) is not None:  # a file that was there before the map is not ours to delete
            self.basemap_file.remove()
        self.close()
        self.path.unlink(missing_ok=True)

    def tidy(self) -> None:
        # While we were reading, the writer had to leave SQLite's journal beside the map. If we are the last process,
        # we fold it in, and one file remains; otherwise the last one does.
        with contextlib.suppress(ViewfixError):
            self.opened(self.address, write=True).close()

    # Reading: one statement each, so each sees one consistent state of the map

    def __len__(self) -> int:
        with self._connections.borrow() as connection:
            return int(connection.execute("SELECT photos FROM counts").fetchone()[0])

    @property
    def version(self) -> Version:
        """See `Store`. Takes 20 microseconds."""
        if self._connections.pool.replaced and not self._replaced:
            self._replaced = True
            logging.getLogger("viewfix").warning(
                "%s was replaced by another file. The old one answers until you open the map again.", self.address
            )
        with self._connections.borrow() as connection:
            return read.version(connection, self.map_id)

    def known(self, ids: Sequence[str]) -> dict[str, Record]:
        with self._connections.borrow() as connection:
            return read.known(connection, ids, self._connections.damage)

    def rows_of(self, ids: Sequence[str]) -> dict[str, int]:
        with self._connections.borrow() as connection:
            return read.rows_of(connection, ids)

    def ids_of_sources(self, sources: Sequence[str]) -> dict[str, list[str]]:
        with self._connections.borrow() as connection:
            return read.ids_of_sources(connection, sources)

    def photos(self, rows: npt.ArrayLike) -> list[Photo]:
        with self._connections.borrow() as connection:
            return read.photos(connection, rows, self._connections.damage)

    def records(self, chunk: int = 4096) -> Iterator[Record]:
        after, last = 0, -1
        while after != last:
            last = after
            with self._connections.borrow() as connection:
                after, found = read.records(connection, last, chunk, self._connections.damage)
            yield from found

    def ids(self) -> list[str]:
        with self._connections.borrow() as connection:
            return [key for (key,) in connection.execute("SELECT id FROM photos ORDER BY row")]

    def rows(self, after: int = 0) -> Rows:
        with self._connections.borrow() as connection:
            return read.rows(connection, after)

    def positions(self, after: int = 0) -> tuple[Rows, Floats, Floats]:
        with self._connections.borrow() as connection:
            return read.positions(connection, after, self._connections.damage)

    def rows_in(self, region: Region, limit: int | None = None) -> Rows:
        with self._connections.borrow() as connection:
            return read.rows_in(connection, region, limit, self._connections.damage)

    def present(self, rows: npt.ArrayLike) -> tuple[Rows, Units]:
        with self._connections.borrow() as connection:
            return read.descriptors(connection, rows, self.model.dim, self._connections.damage)

    def iter_descriptors(self, chunk: int = 8192, after: int = 0) -> Iterator[tuple[Rows, npt.NDArray[np.float16]]]:
        last = -1
        while after != last:
            last = after
            with self._connections.borrow() as connection:
                found = read.descriptor_chunk(connection, (last, chunk), self.model.dim, self._connections.damage)
            after, rows, halves = found
            if len(rows):
                yield rows, halves

    def meta(self, key: str, default: Any = None) -> Any:
        return self._connections.meta(key, default)

    def skipped(self) -> list[Skipped]:
        with self._connections.borrow() as connection:
            return [Skipped(*values) for values in connection.execute("SELECT id, reason FROM skipped ORDER BY id")]

    def info(self) -> dict[str, Any]:
        with self._connections.borrow() as connection:
            return read_info(connection, self._connections.path)

    # Writing: one transaction each, all of it or nothing

    def set_meta(self, key: str, value: Any) -> None:
        with self.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, json.dumps(value)))

    def transaction(self) -> AbstractContextManager[sqlite3.Connection]:
        """See `Connections.transaction`."""
        return self._connections.transaction()

    # What else is stored with the photos

    def model_file(self, model: ModelIdentity) -> Path | None:
        file = files.model_path(self._connections.path, model)
        return file if file.is_file() else None

    def keep_model_file(self, model: ModelIdentity, file: Path) -> Path:
        return files.store_model(self._connections.path, model, file)

    def forget_model_file(self, model: ModelIdentity) -> None:
        files.model_path(self._connections.path, model).unlink(missing_ok=True)

    @property
    def points(self) -> SqlitePoints:
        return SqlitePoints(self._connections)

    @property
    def roads(self) -> SqliteRoads:
        return SqliteRoads(self._connections)

    @property
    def basemap_file(self) -> SqliteBasemapFile:
        return SqliteBasemapFile(self._connections.path)

    def local_features(self, fingerprint: str, *, limit_bytes: int | None = None) -> SqliteLocalFeatures:
        return SqliteLocalFeatures(self._connections, fingerprint, LIMIT_BYTES if limit_bytes is None else limit_bytes)

    def migration(self, model: ModelIdentity) -> SqliteMigration:
        return SqliteMigration(self._connections, model)
