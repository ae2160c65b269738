"""Records and descriptors go in, and come out by id, by row or by region: one SQLite file is the map."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from ...errors import BadInput, StorageFailed, ViewfixError
from ...geo import Region
from ...types import Photo, Skipped
from ..address import Address
from ..local_features import LIMIT_BYTES, LocalFeatureCache
from ..migration import Migration
from ..points import Points
from ..records import ModelIdentity, Record, Version
from ..store import Floats, Rows, Units
from ..transactional import TransactionalStore
from . import facts, opening, reading, schema, writing
from .connect import Mode, Pool, connect, folded_in, open_for_reading, told
from .lock import WriterLock


class SqliteStore(TransactionalStore):
    """One map on disk: see Store. Any number of threads and processes read it while one process writes."""

    engine: ClassVar[str] = "sqlite"
    statements = writing

    def __init__(self, path: Path, pool: Pool, writer: sqlite3.Connection | None, lock: WriterLock | None) -> None:
        self.path = path
        self.address = Address(str(path))
        self._pool, self._writer, self._lock = pool, writer, lock
        self._writing = threading.RLock()
        self.model = ModelIdentity(**self.meta("model"))
        self.created_at = datetime.fromisoformat(self.meta("created_at"))
        self.map_id: str = self.meta("map_id")
        with self._pool.borrowed() as connection:
            self.schema_version = schema.found(connection, path)

    # Opening and closing

    @classmethod
    def created(cls, address: Address, model: ModelIdentity) -> Self:
        path = Path(address.text)
        if not path.absolute().parent.is_dir():
            raise BadInput(f"There is no folder {path.absolute().parent}. Make it first, then make {path.name} in it.")
        lock = WriterLock(path)
        try:
            if path.exists():
                raise BadInput(f"There is already something at {path}. Open it, or choose another name.")
            opening.make(path, model)
            return cls._opened_for_writing(path, lock)
        except BaseException:
            lock.release()
            raise

    @classmethod
    def opened(cls, address: Address, *, write: bool = False) -> Self:
        path = Path(address.text)
        opening.look(path)
        if write:
            lock = WriterLock(path)
            try:
                return cls._opened_for_writing(path, lock)
            except BaseException:
                lock.release()
                raise
        with told(path):
            connection, mode = open_for_reading(path)
            with contextlib.closing(connection):
                number = schema.found(connection, path)
        return cls._with_pool(path, mode, number)

    @classmethod
    def taken(cls, address: Address) -> bool:
        return Path(address.text).exists()

    @classmethod
    def _opened_for_writing(cls, path: Path, lock: WriterLock) -> Self:
        with told(path):
            writer = connect(path, "rw")
            try:
                schema.migrate(writer, schema.found(writer, path))
                writer.execute("PRAGMA journal_mode = WAL")  # others read on while we write
                return cls._with_pool(path, "rw", schema.version(), writer, lock)
            except BaseException:
                writer.close()
                raise

    @classmethod
    def _with_pool(
        cls,
        path: Path,
        mode: Mode,
        number: int,
        writer: sqlite3.Connection | None = None,
        lock: WriterLock | None = None,
    ) -> Self:
        pool = Pool(path, mode, partial(schema.stand_in, number=number))
        try:
            return cls(path, pool, writer, lock)
        except BaseException:
            pool.close()
            raise

    def close(self) -> None:
        """See Store; after a writer, the map is one file again."""
        self._pool.close()
        with self._writing:
            writer, self._writer = self._writer, None
            lock, self._lock = self._lock, None
        try:
            if writer is not None:
                folded_in(writer)
        finally:
            if lock is not None:
                lock.release()

    def discard(self) -> None:
        self.close()
        self.path.unlink(missing_ok=True)

    def tidy(self) -> None:
        # As long as we were reading, the writer had to leave SQLite's journal beside the map. Alone now, it
        # folds it in: one file remains. Where somebody else reads or writes, the last of them does.
        with contextlib.suppress(ViewfixError):
            self.opened(self.address, write=True).close()

    # Reading: one statement each, so each sees one moment of the map

    def __len__(self) -> int:
        with self._pool.borrowed() as connection:
            return int(connection.execute("SELECT photos FROM counts").fetchone()[0])

    @property
    def version(self) -> Version:
        """See Store; 20 microseconds."""
        with self._pool.borrowed() as connection:
            return reading.version(connection, self.map_id)

    def known(self, ids: Sequence[str]) -> dict[str, Record]:
        with self._pool.borrowed() as connection:
            return reading.known(connection, ids)

    def rows_of(self, ids: Sequence[str]) -> dict[str, int]:
        with self._pool.borrowed() as connection:
            return reading.rows_of(connection, ids)

    def ids_of_sources(self, sources: Sequence[str]) -> dict[str, list[str]]:
        with self._pool.borrowed() as connection:
            return reading.ids_of_sources(connection, sources)

    def photos(self, rows: npt.ArrayLike) -> list[Photo]:
        with self._pool.borrowed() as connection:
            return reading.photos(connection, rows)

    def records(self, chunk: int = 4096) -> Iterator[Record]:
        after = 0
        while True:
            with self._pool.borrowed() as connection:
                after, found = reading.records(connection, after, chunk)
            if not found:
                return
            yield from found

    def ids(self) -> list[str]:
        with self._pool.borrowed() as connection:
            return [key for (key,) in connection.execute("SELECT id FROM photos ORDER BY row")]

    def rows(self, after: int = 0) -> Rows:
        with self._pool.borrowed() as connection:
            return reading.rows(connection, after)

    def positions(self, after: int = 0) -> tuple[Rows, Floats, Floats]:
        with self._pool.borrowed() as connection:
            return reading.positions(connection, after)

    def rows_in(self, region: Region, limit: int | None = None) -> Rows:
        with self._pool.borrowed() as connection:
            return reading.rows_in(connection, region, limit)

    def present(self, rows: npt.ArrayLike) -> tuple[Rows, Units]:
        with self._pool.borrowed() as connection:
            return reading.descriptors(connection, rows, self.model.dim, self.path)

    def iter_descriptors(self, chunk: int = 8192, after: int = 0) -> Iterator[tuple[Rows, npt.NDArray[np.float16]]]:
        while True:
            with self._pool.borrowed() as connection:
                rows, halves = reading.descriptor_chunk(connection, (after, chunk), self.model.dim, self.path)
            if not len(rows):
                return
            after = int(rows[-1])
            yield rows, halves

    def meta(self, key: str, default: Any = None) -> Any:
        with self._pool.borrowed() as connection:
            found = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return default if found is None else json.loads(found[0])

    def skipped(self) -> list[Skipped]:
        with self._pool.borrowed() as connection:
            return [Skipped(*values) for values in connection.execute("SELECT id, reason FROM skipped ORDER BY id")]

    def info(self) -> dict[str, Any]:
        with self._pool.borrowed() as connection:
            return facts.of(connection, self.path)

    # Writing: one transaction each, all of it or nothing

    def set_meta(self, key: str, value: Any) -> None:
        with self.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, json.dumps(value)))

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        with self._writing, told(self.path):
            if self._writer is None:
                raise StorageFailed(f"{self.path} was opened for reading or is closed. Open it with write=True.")
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:  # a full disk has rolled it back already
                    self._writer.execute("ROLLBACK")
                raise

    # What else is kept with the photos

    def model_file(self, model: ModelIdentity) -> Path | None:
        file = opening.model_beside(self.path, model)
        return file if file.is_file() else None

    def keep_model_file(self, model: ModelIdentity, file: Path) -> Path:
        return opening.keep_beside(self.path, model, file)

    def forget_model_file(self, model: ModelIdentity) -> None:
        opening.model_beside(self.path, model).unlink(missing_ok=True)

    @property
    def points(self) -> Points:
        from .points import SqlitePoints

        return SqlitePoints(self)

    def local_features(self, fingerprint: str, *, limit_bytes: int | None = None) -> LocalFeatureCache:
        from .local import SqliteLocalFeatures

        return SqliteLocalFeatures(self, fingerprint, LIMIT_BYTES if limit_bytes is None else limit_bytes)

    def migration(self, model: ModelIdentity) -> Migration:
        from .migration import SqliteMigration

        return SqliteMigration(self, model)
