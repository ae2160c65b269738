"""Records and descriptors go in, and come out by id, by row or by region: one SQLite file, the truth about a map."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ..errors import BadInput, StorageFailed
from ..geo import Region
from ..types import Photo, Skipped
from . import facts, opening, reading, schema, writing
from .connect import Mode, Pool, connect, open_for_reading, told
from .lock import WriterLock
from .records import ModelIdentity, Record, Version, to_halves

__all__ = ["ModelIdentity", "Record", "Store", "Version"]

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Units = npt.NDArray[np.float32]


class Store:
    """One map on disk. Any number of threads and processes read it while one process writes.

    Made with `Store.create` or `Store.open`, given back with `close` or as a context manager.
    """

    def __init__(self, path: Path, pool: Pool, writer: sqlite3.Connection | None, lock: WriterLock | None) -> None:
        self.path = path
        self._pool, self._writer, self._lock = pool, writer, lock
        self._writing = threading.RLock()
        self.model = ModelIdentity(**self.meta("model"))
        self.created_at = datetime.fromisoformat(self.meta("created_at"))
        self.map_id: str = self.meta("map_id")
        self.schema_version = schema.version()

    # Opening and closing

    @classmethod
    def create(cls, path: str | os.PathLike[str], model: ModelIdentity) -> Store:
        """Make an empty map for the descriptors of one model, and open it for writing."""
        path = Path(path)
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
    def open(cls, path: str | os.PathLike[str], *, write: bool = False) -> Store:
        """Open the map at `path`; with `write`, as its only writer (MapBusy if there is another)."""
        path = Path(path)
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
        if number < schema.version():
            opening.modernise(path, number, mode)
        return cls._with_pool(path, mode)

    @classmethod
    def _opened_for_writing(cls, path: Path, lock: WriterLock) -> Store:
        with told(path):
            writer = connect(path, "rw")
            try:
                schema.migrate(writer, schema.found(writer, path))
                writer.execute("PRAGMA journal_mode = WAL")  # others read on while we write
                return cls._with_pool(path, "rw", writer, lock)
            except BaseException:
                writer.close()
                raise

    @classmethod
    def _with_pool(
        cls, path: Path, mode: Mode, writer: sqlite3.Connection | None = None, lock: WriterLock | None = None
    ) -> Store:
        pool = Pool(path, mode)
        try:
            return cls(path, pool, writer, lock)
        except BaseException:
            pool.close()
            raise

    def close(self) -> None:
        """Give everything back; after a writer, the map is one file again. Closing twice is allowed."""
        self._pool.close()
        with self._writing:
            writer, self._writer = self._writer, None
            lock, self._lock = self._lock, None
        try:
            if writer is not None:
                # Fails when somebody reads, or the disk is full: the map then keeps its log, and nothing is lost.
                with contextlib.suppress(sqlite3.Error):
                    writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                    writer.execute("PRAGMA busy_timeout = 0")
                    writer.execute("PRAGMA journal_mode = DELETE")
                writer.close()
        finally:
            if lock is not None:
                lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    # Reading: one statement each, so each sees one moment of the map

    def __len__(self) -> int:
        with self._pool.borrowed() as connection:
            return int(connection.execute("SELECT photos FROM counts").fetchone()[0])

    @property
    def version(self) -> Version:
        """What the map holds now; 20 microseconds, so that a search can ask before every query."""
        with self._pool.borrowed() as connection:
            return reading.version(connection, self.map_id)

    def known(self, ids: Sequence[str]) -> dict[str, Record]:
        """What is stored under those ids; ids that are not in the map are left out."""
        with self._pool.borrowed() as connection:
            return reading.known(connection, ids)

    def ids_of_source(self, source: str) -> list[str]:
        """The ids of the photos that were read from one file or URL."""
        with self._pool.borrowed() as connection:
            return [
                key for (key,) in connection.execute("SELECT id FROM photos WHERE source = ? ORDER BY row", (source,))
            ]

    def photos(self, rows: npt.ArrayLike) -> list[Photo]:
        """The photos of those rows, in the order asked; rows that are gone are left out."""
        with self._pool.borrowed() as connection:
            return reading.photos(connection, rows)

    def all_photos(self) -> Iterator[Photo]:
        """Every photo, in the order of rows."""
        for record in self.records():
            yield record.photo

    def records(self, chunk: int = 4096) -> Iterator[Record]:
        """Every record, in the order of rows."""
        after = 0
        while True:
            with self._pool.borrowed() as connection:
                after, found = reading.records(connection, after, chunk)
            if not found:
                return
            yield from found

    def ids(self) -> list[str]:
        """The id of every photo, in the order of rows."""
        with self._pool.borrowed() as connection:
            return [key for (key,) in connection.execute("SELECT id FROM photos ORDER BY row")]

    def rows(self, after: int = 0) -> Rows:
        """The rows that there are, above `after`: (N,) int64, ascending."""
        with self._pool.borrowed() as connection:
            return reading.rows(connection, after)

    def positions(self, after: int = 0) -> tuple[Rows, Floats, Floats]:
        """(N,) rows above `after`, ascending, and their (N,) latitudes and longitudes, float64 degrees."""
        with self._pool.borrowed() as connection:
            return reading.positions(connection, after)

    def rows_in(self, region: Region, limit: int | None = None) -> Rows:
        """The rows whose position lies in a region: int64, ascending; any `limit` of them when there are more."""
        with self._pool.borrowed() as connection:
            return reading.rows_in(connection, region, limit)

    def descriptors(self, rows: npt.ArrayLike) -> Units:
        """The descriptors of those rows, in the order asked, (N, dim) float32 of length 1; gone rows are left out."""
        return self.present(rows)[1]

    def present(self, rows: npt.ArrayLike) -> tuple[Rows, Units]:
        """As `descriptors`, with (N,) int64: those of the rows that are still there."""
        with self._pool.borrowed() as connection:
            return reading.descriptors(connection, rows, self.model.dim, self.path)

    def iter_descriptors(self, chunk: int = 8192, after: int = 0) -> Iterator[tuple[Rows, npt.NDArray[np.float16]]]:
        """Every row above `after`, ascending, with its descriptor as stored: (n,) int64 and (n, dim) float16."""
        while True:
            with self._pool.borrowed() as connection:
                rows, halves = reading.descriptor_chunk(connection, (after, chunk), self.model.dim, self.path)
            if not len(rows):
                return
            after = int(rows[-1])
            yield rows, halves

    def meta(self, key: str, default: Any = None) -> Any:
        """What was stored under a key: anything JSON can say."""
        with self._pool.borrowed() as connection:
            found = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return default if found is None else json.loads(found[0])

    def skipped(self) -> list[Skipped]:
        """The photos that could not be used, by id."""
        with self._pool.borrowed() as connection:
            return [Skipped(*values) for values in connection.execute("SELECT id, reason FROM skipped ORDER BY id")]

    def info(self) -> dict[str, Any]:
        """Counts, model, area, calibration and sizes, ready for JSON."""
        with self._pool.borrowed() as connection:
            return facts.of(connection, self.path)

    # Writing: one transaction each, all of it or nothing

    def put(
        self, records: Sequence[Record], descriptors: npt.NDArray[np.float32], skipped: Sequence[Skipped] = ()
    ) -> Rows:
        """Store one batch, in one transaction: photos with their descriptors, and what was skipped beside them.

        A photo whose id is there already replaces it, under a new row; of two with one id the last one stays.

        Args:
            records: N photos.
            descriptors: (N, dim) float32; NaN, infinities and zeros are refused.
            skipped: remembered for `skipped`, until a photo of that id is stored.

        Returns:
            (N,) int64: the row of each.
        """
        halves = to_halves(records, descriptors, self.model.dim)
        with self._transaction() as connection:
            rows = writing.put(connection, records, halves)
            writing.skip(connection, skipped)
        return rows

    def update_photo(self, record: Record) -> None:
        """Change what is known about a photo that is there, and keep its descriptor.

        A photo that moved gets a new row: the position of a row never changes.
        """
        with self._transaction() as connection:
            if not writing.change(connection, record):
                raise BadInput(f"{record.photo.id} is not in {self.path}, so it cannot be changed. Add it first.")

    def remove(self, ids: Sequence[str]) -> int:
        """Forget those photos; how many there were."""
        with self._transaction() as connection:
            return writing.remove(connection, ids)

    def put_skipped(self, skipped: Sequence[Skipped]) -> None:
        """Remember photos that could not be used, and why."""
        with self._transaction() as connection:
            writing.skip(connection, skipped)

    def forget_skipped(self, ids: Sequence[str]) -> int:
        """Those photos are no longer named as skipped; how many were."""
        with self._transaction() as connection:
            return writing.unskip(connection, ids)

    def set_meta(self, key: str, value: Any) -> None:
        """Store anything JSON can say under a key."""
        with self._transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, json.dumps(value)))

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
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
