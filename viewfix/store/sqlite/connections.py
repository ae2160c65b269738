"""The connections of one open map: a pool for reading, and one connection for writing."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
from collections.abc import Iterator
from typing import Any

from ...errors import StorageFailed
from ..damage import DamageLog
from .connect import Pool, connect
from .errors import translate_errors
from .lock import WriterLock
from .path import MapPath


class Connections:
    """The connections that a map file's store, points, local features and migration share."""

    def __init__(
        self,
        path: MapPath,
        pool: Pool,
        writer: sqlite3.Connection | None = None,
        lock: WriterLock | None = None,
    ) -> None:
        self.path, self.damage = path, DamageLog(str(path))
        self._pool, self._writer, self._lock = pool, writer, lock
        self._writing = threading.RLock()

    @property
    def pool(self) -> Pool:
        return self._pool

    def borrow(self) -> contextlib.AbstractContextManager[sqlite3.Connection]:
        """A connection for reading."""
        return self._pool.borrow()

    def meta(self, key: str, default: Any = None) -> Any:
        """The JSON value that is stored under a key."""
        with self.borrow() as connection:
            found = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        try:
            return default if found is None else json.loads(found[0])
        except (ValueError, TypeError, RecursionError) as error:
            raise StorageFailed(
                f"{self.path} is damaged: what it stores under {key[:80]!r} is not JSON ({error}). Restore it from a "
                "copy, or build it again: viewfix build NEW.map PHOTOS"
            ) from None

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """The connection for writing, in a transaction: the whole block is committed, or nothing."""
        with self._writing, translate_errors(self.path):
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

    @contextlib.contextmanager
    def impatient_transaction(self, patience_ms: int) -> Iterator[sqlite3.Connection]:
        """A transaction on a separate connection, for a map opened for reading. Fails if it must wait for long."""
        with contextlib.closing(connect(self.path.real, "rw")) as connection:
            connection.execute(f"PRAGMA busy_timeout = {patience_ms}")
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")

    def compact(self) -> None:
        """Return the space of deleted rows to the disk, if the disk has enough room to rewrite the file."""
        with self._writing, contextlib.suppress(sqlite3.Error):  # on a full disk the room is used later
            if self._writer is not None:
                self._writer.execute("VACUUM")

    def close(self) -> None:
        """Close everything; after a writer, the map is one file again."""
        self._pool.close()
        with self._writing:
            writer, self._writer = self._writer, None
            lock, self._lock = self._lock, None
        try:
            if writer is not None:
                _close_writer(writer)
        finally:
            if lock is not None:
                lock.release()


def _close_writer(writer: sqlite3.Connection) -> None:
    # This fails while another process reads, or on a full disk: the map then keeps its log; nothing is lost.
    with contextlib.suppress(sqlite3.Error):
        writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        writer.execute("PRAGMA busy_timeout = 0")
        writer.execute("PRAGMA journal_mode = DELETE")
    writer.close()
