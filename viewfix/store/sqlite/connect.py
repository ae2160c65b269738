"""The path of a map goes in; SQLite connections come out, shared between threads, their errors in our words."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from ...errors import MapBusy, NotAMap, StorageFailed, ViewfixError

Mode = Literal["ro", "rw", "rwc", "immutable"]
BUSY_SECONDS = 10.0  # how long SQLite waits for another process to finish a commit
CACHE_KIB = 8_192  # of pages, a connection: the inner nodes of a million photos fit


def connect(path: Path, mode: Mode) -> sqlite3.Connection:
    """Open one connection; `immutable` reads a file that nobody can change, on a medium where nothing can be made."""
    query = "mode=ro&immutable=1" if mode == "immutable" else f"mode={mode}"
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{query}",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,  # BEGIN and COMMIT are written where they happen
        check_same_thread=False,  # the pool hands a connection to one thread at a time
    )
    try:
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        connection.execute("PRAGMA synchronous = NORMAL")  # with WAL: a commit survives kill -9, and never corrupts
    except BaseException:
        connection.close()
        raise
    return connection


class Pool:
    """Connections for reading, borrowed by one thread at a time and given back; as many as were ever needed at once."""

    def __init__(self, path: Path, mode: Mode, prepare: Callable[[sqlite3.Connection], None]) -> None:
        """`prepare` is called with each new connection."""
        self._path = path
        self._mode: Mode = mode
        self._prepare = prepare
        self._lock = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._closed = False

    @contextlib.contextmanager
    def borrowed(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            if self._closed:
                raise StorageFailed(f"The map {self._path} was closed. Open it again before you use it.")
            connection = self._idle.pop() if self._idle else None
        with told(self._path):
            connection = connection or self._connected()
            try:
                yield connection
            finally:
                with self._lock:
                    if self._closed:
                        connection.close()
                    else:
                        self._idle.append(connection)

    def _connected(self) -> sqlite3.Connection:
        connection = connect(self._path, self._mode)
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def close(self) -> None:
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()


@contextlib.contextmanager
def told(path: Path) -> Iterator[None]:
    """Turn the errors of SQLite and of the file system into ours: what happened, what was seen, what to do next."""
    try:
        yield
    except sqlite3.Error as error:
        raise _in_our_words(path, error) from error
    except OSError as error:
        raise _of_the_system(path, error) from error


def _in_our_words(path: Path, error: sqlite3.Error) -> ViewfixError:
    # The lower byte is the kind; the upper ones say where it happened.
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_NOTADB:
        return NotAMap(f"{path} is not a map: it is not an SQLite file. Is it the right file?")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return MapBusy(f"{path} is busy: another process is writing it ({error}). Try again when it has finished.")
    if code == sqlite3.SQLITE_FULL:
        return StorageFailed(
            f"The disk is full: the last batch of {path} was not written ({error}), what was committed before is safe. "
            "Make room and run the same command again."
        )
    if code == sqlite3.SQLITE_READONLY:
        return StorageFailed(
            f"{path} cannot be written ({error}). Make the file and its folder writable, or copy it to where they are."
        )
    if code == sqlite3.SQLITE_CANTOPEN:
        return StorageFailed(
            f"{path} cannot be opened ({error}). Check the permissions of it and its folder, or copy it elsewhere."
        )
    if code == sqlite3.SQLITE_CORRUPT:
        return StorageFailed(
            f"{path} is damaged ({error}). Restore it from a copy, or build it again: viewfix build NEW.map PHOTOS"
        )
    return StorageFailed(f"{path} could not be read or written ({error}). Check the disk it is on, then try again.")


def _of_the_system(path: Path, error: OSError) -> StorageFailed:
    seen = error.strerror or str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageFailed(f"The disk is full: {path} was not written ({seen}). Make room and run it again.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StorageFailed(
            f"{path} cannot be written ({seen}). Make the file and its folder writable, or choose another folder."
        )
    return StorageFailed(f"{path} could not be read or written ({seen}). Check the disk it is on, then try again.")


def open_for_reading(path: Path) -> tuple[sqlite3.Connection, Mode]:
    """A connection that reads, also from a read-only folder, and the mode in which others can be opened."""
    try:
        connection = connect(path, "ro")
        try:
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        except BaseException:
            connection.close()
            raise
        return connection, "ro"
    except sqlite3.OperationalError as error:
        code = error.sqlite_errorcode & 0xFF
        if code not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY) or not os.access(path, os.R_OK):
            raise
        journal = path.with_name(path.name + "-journal")
        if journal.exists() and journal.stat().st_size and _rolled_back(path):
            return connect(path, "ro"), "ro"
        for log in (path.with_name(path.name + "-wal"), journal):
            if log.exists() and log.stat().st_size:
                raise StorageFailed(
                    f"{path} was not closed cleanly, and its folder cannot be written ({error}). "
                    f"Copy it, together with {log.name}, to a folder that can be written, and open it there."
                ) from error
    # In WAL mode SQLite wants to make files beside the map. Without a log there is nothing in them to miss.
    return connect(path, "immutable"), "immutable"


def _rolled_back(path: Path) -> bool:
    """Let SQLite undo what a process that was killed had half written, which a connection for reading may not."""
    try:
        with contextlib.closing(connect(path, "rw")) as connection:
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except sqlite3.Error:
        return False
    return True


def folded_in(writer: sqlite3.Connection) -> None:
    """Close the connection that wrote; the map is one file again."""
    # Fails when somebody reads, or the disk is full: the map then keeps its log, and nothing is lost.
    with contextlib.suppress(sqlite3.Error):
        writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        writer.execute("PRAGMA busy_timeout = 0")
        writer.execute("PRAGMA journal_mode = DELETE")
    writer.close()
