"""SQLite and operating-system errors as errors of viewfix: what happened, what was found, what to do next."""

from __future__ import annotations

import contextlib
import errno
import sqlite3
from collections.abc import Iterator

from ...errors import MapBusy, NotAMap, StorageFailed, ViewfixError


@contextlib.contextmanager
def translate_errors(shown: object) -> Iterator[None]:
    """Raise errors of SQLite and of the file system as ViewfixErrors about the map `shown`."""
    try:
        yield
    except sqlite3.Error as error:
        raise _from_sqlite(shown, error) from error
    except OSError as error:
        raise _from_system(shown, error) from error


def _from_sqlite(shown: object, error: sqlite3.Error) -> ViewfixError:
    # The lower byte is the kind of error; the upper ones say where it happened.
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_NOTADB:
        return NotAMap(f"{shown} is not a map: it is not an SQLite file. Check the path.")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return MapBusy(f"{shown} is busy: another process is writing to it ({error}). Try again when it has finished.")
    if code == sqlite3.SQLITE_FULL:
        return StorageFailed(
            f"The disk is full: the last batch of {shown} was not written ({error}); earlier batches are safe. "
            "Make room and run the same command again."
        )
    if code == sqlite3.SQLITE_READONLY:
        return StorageFailed(
            f"{shown} cannot be written ({error}). Make the file and its folder writable, or copy it to a folder "
            "that is."
        )
    if code == sqlite3.SQLITE_CANTOPEN:
        return StorageFailed(
            f"{shown} cannot be opened ({error}). Check the permissions of the file and its folder, or copy it "
            "elsewhere."
        )
    if code == sqlite3.SQLITE_INTERRUPT:
        return NotAMap(
            f"{shown} is not a usable map: it took too long to open, so it is damaged or was not made by viewfix. "
            "Restore it from a copy, or build it again: viewfix build NEW.map PHOTOS"
        )
    if code == sqlite3.SQLITE_CORRUPT or _is_schema_error(error):
        return StorageFailed(
            f"{shown} is damaged ({error}). Restore it from a copy, or build it again: viewfix build NEW.map PHOTOS"
        )
    return StorageFailed(f"{shown} could not be read or written ({error}). Check the disk it is on, then try again.")


def _is_schema_error(error: sqlite3.Error) -> bool:
    """Whether a table or column is missing, or a value has the wrong type."""
    text = str(error)
    return any(part in text for part in ("no such table", "no such column", "Could not decode", "unsafe use of"))


def _from_system(shown: object, error: OSError) -> StorageFailed:
    seen = error.strerror or str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageFailed(
            f"The disk is full: {shown} was not written ({seen}). Make room and run the command again."
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StorageFailed(
            f"{shown} cannot be written ({seen}). Make the file and its folder writable, or choose another folder."
        )
    if error.errno == errno.ENAMETOOLONG:
        return StorageFailed(f"{shown} cannot be opened: its path is too long ({seen}). Choose a shorter one.")
    return StorageFailed(f"{shown} could not be read or written ({seen}). Check the disk it is on, then try again.")
