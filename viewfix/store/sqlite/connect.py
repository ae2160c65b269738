"""SQLite connections to a map, shared between threads."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import PurePath
from typing import Literal
from urllib.parse import quote

from ...errors import StorageFailed
from .errors import translate_errors
from .path import MapPath

Mode = Literal["ro", "rw", "rwc", "immutable"]
BUSY_SECONDS = 10.0  # how long SQLite waits for another process to finish a commit
CACHE_KIB = 8_192  # for each connection: the inner nodes of the trees of a million photos fit
OPENING_S = 5.0
"""The longest that opening a file may take: a map takes milliseconds, a hostile file may take for ever."""

_STEPS = 10_000  # instructions of SQLite between two checks of the time


def uri_of(path: PurePath) -> str:
    """A path as a URI for SQLite. That of a network path, //server/share, has an empty host, as SQLite requires."""
    text = path.as_posix()
    return "file://" + ("" if text.startswith("/") else "/") + quote(os.fsencode(text), safe="/:")


def connect(path: PurePath, mode: Mode) -> sqlite3.Connection:
    """Open one connection. The mode `immutable` is for a file on a read-only medium, which cannot change.

    SQL that is stored in the file is not trusted: see `schema_check.check`.
    """
    query = "mode=ro&immutable=1" if mode == "immutable" else f"mode={mode}"
    connection = sqlite3.connect(
        f"{uri_of(path)}?{query}",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,  # the callers begin and commit explicitly
        check_same_thread=False,  # the pool hands a connection to one thread at a time
    )
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA cell_size_check = ON")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        connection.execute("PRAGMA synchronous = NORMAL")  # with WAL: a commit survives kill -9, and never corrupts
    except BaseException:
        connection.close()
        raise
    return connection


@contextlib.contextmanager
def time_limit(connection: sqlite3.Connection) -> Iterator[None]:
    """Interrupt the statements of a block that run longer than OPENING_S, all together."""
    until = time.monotonic() + OPENING_S
    connection.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
    try:
        yield
    finally:
        connection.set_progress_handler(None, 0)


class Pool:
    """Connections for reading, each borrowed by one thread at a time; opened on demand, and kept.

    All of them read the same file. If another file replaces it, the open connections continue with the old one, and
    no new ones are opened.
    """

    def __init__(self, path: MapPath, mode: Mode, prepare: Callable[[sqlite3.Connection], None]) -> None:
        """`prepare` is called with each new connection."""
        self._path = path
        self._mode: Mode = mode
        self._prepare = prepare
        self._condition = threading.Condition()
        self._idle: list[sqlite3.Connection] = []
        self._open = 0
        self._closed = False
        with translate_errors(path):
            self._file = _identity(path)
            self._idle.append(self._connected())
        self._open = 1

    @contextlib.contextmanager
    def borrow(self) -> Iterator[sqlite3.Connection]:
        """A connection on which each statement sees one consistent state of the map."""
        with translate_errors(self._path):
            connection = self._take()
            try:
                yield connection
            finally:
                with self._condition:
                    if self._closed:
                        connection.close()
                    else:
                        self._idle.append(connection)
                        self._condition.notify()

    def _take(self) -> sqlite3.Connection:
        with self._condition:
            while True:
                if self._closed:
                    raise StorageFailed(f"The map {self._path} was closed. Open it again before you use it.")
                if self._idle:
                    return self._idle.pop()
                if not self.replaced:
                    break
                self._condition.wait()
            self._open += 1
        try:
            return self._connected()
        except BaseException:
            with self._condition:
                self._open -= 1
            raise

    @property
    def replaced(self) -> bool:
        """Whether the path no longer leads to the file that was opened."""
        try:
            return _identity(self._path) != self._file
        except OSError:
            return True

    def _connected(self) -> sqlite3.Connection:
        connection = connect(self._path.real, self._mode)
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def close(self) -> None:
        """Close all connections; those in use are closed when they are returned."""
        with self._condition:
            self._closed = True
            idle, self._idle = self._idle, []
            self._condition.notify_all()
        for connection in idle:
            connection.close()

    def __del__(self) -> None:
        # For maps that were never closed: since Python 3.13, collecting an open connection raises a warning.
        for connection in getattr(self, "_idle", ()):
            connection.close()


def _identity(path: MapPath) -> tuple[int, int]:
    about = path.real.stat()
    return about.st_dev, about.st_ino


def open_for_reading(path: MapPath) -> tuple[sqlite3.Connection, Mode]:
    """Open a connection for reading, even in a read-only folder. Returns it with the mode for further ones."""
    try:
        connection = connect(path.real, "ro")
        try:
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        except BaseException:
            connection.close()
            raise
        return connection, "ro"
    except sqlite3.OperationalError as error:
        code = error.sqlite_errorcode & 0xFF
        if code not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY) or not os.access(path.real, os.R_OK):
            raise
        journal = path.beside("-journal")
        if journal.exists() and journal.stat().st_size and _roll_back(path):
            return connect(path.real, "ro"), "ro"
        for log in (path.beside("-wal"), journal):
            if log.exists() and log.stat().st_size:
                raise StorageFailed(
                    f"{path} was not closed cleanly, and its folder cannot be written ({error}). "
                    f"Copy it, together with {log.name}, to a folder that can be written, and open it there."
                ) from error
    # In WAL mode SQLite creates files beside the map, which is impossible here. Without a log, they are not needed.
    return connect(path.real, "immutable"), "immutable"


def _roll_back(path: MapPath) -> bool:
    """Let SQLite undo what a killed process left half written: a connection for reading may not do that."""
    try:
        with contextlib.closing(connect(path.real, "rw")) as connection:
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except sqlite3.Error:
        return False
    return True
