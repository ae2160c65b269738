"""The journal beside an album: what was written, and what was there before, so that it can be undone."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from ..errors import BadInput, StorageFailed

NAME = ".viewfix-geotag.sqlite"
"""Its name in the folder of the album. The dot keeps it out of albums, and out of `viewfix build`."""

_TABLE = """
CREATE TABLE IF NOT EXISTS writes (
  number INTEGER PRIMARY KEY AUTOINCREMENT, photo TEXT, file TEXT, before_sha TEXT, after_sha TEXT,
  before BLOB, after BLOB, prefix INTEGER, suffix INTEGER, before_mtime_ns INTEGER, written_at TEXT,
  done INTEGER DEFAULT 0);
CREATE INDEX IF NOT EXISTS by_photo ON writes (photo);
"""


_COLUMNS = "photo, file, before_sha, after_sha, before, after, prefix, suffix, before_mtime_ns, written_at, number"


@dataclass(frozen=True, slots=True)
class Entry:
    """One file that was written.

    `photo` and `file` are paths below the folder of the journal. `before_sha` and `after_sha` are the SHA-256 of the
    content before and after; `before_sha` is None for a new file. The content before is the first `prefix` bytes of
    that after, then `before`, then the last `suffix` bytes of that after: of a picture, only the metadata differ.
    `after` is the whole content of a sidecar; empty for a picture.
    """

    photo: str
    file: str
    before_sha: str | None
    after_sha: str
    before: bytes
    after: bytes
    prefix: int
    suffix: int
    before_mtime_ns: int
    written_at: str
    number: int = 0


class Journal:
    """The journal of one folder.

    Raises:
        StorageFailed: the folder cannot be written.
        BadInput: there is no journal, and `create` is not set.
    """

    def __init__(self, folder: Path, *, create: bool = True) -> None:
        path = folder / NAME
        if not create and not path.is_file():
            raise BadInput(
                f"{folder} has no {NAME}, so viewfix geotag wrote nothing there that could be undone. Pass the folder "
                "that was passed to it, or the one of --sidecars-in."
            )
        self._folder = folder
        try:
            if create:
                folder.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level="DEFERRED")
            self._db.executescript(_TABLE)
            self._settle()
        except (OSError, sqlite3.Error) as error:
            raise _read_only(folder, str(getattr(error, "strerror", None) or error)) from error

    def written(self, photos: Sequence[str]) -> dict[str, str]:
        """Of these photos, those that were written, each with the file."""
        query = f"SELECT photo, file FROM writes WHERE done AND photo IN ({','.join('?' * len(photos))})"
        return dict(self._db.execute(query, list(photos)).fetchall())

    def add(self, entries: Sequence[Entry]) -> None:
        """Note what will be written now. It is on disk before this returns.

        Raises:
            StorageFailed: the journal cannot be written.
        """
        with self._writing() as db:
            db.executemany(
                f"INSERT INTO writes ({_COLUMNS.rpartition(', ')[0]}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (e.photo, e.file, e.before_sha, e.after_sha, e.before, e.after, e.prefix, e.suffix,
                     e.before_mtime_ns, e.written_at) for e in entries
                ],
            )  # fmt: skip

    def path_of(self, entry: Entry) -> Path:
        """The file of an entry. A journal may come with photos from elsewhere, so it may only name files beside it.

        Raises:
            BadInput: it names another file.
        """
        file = PurePath(entry.file)
        if file.is_absolute() or file.drive or ".." in file.parts or not file.parts:
            raise BadInput(f"the journal in {self._folder} names {entry.file!r}, which is not below that folder")
        return self._folder / file

    def confirm(self) -> None:
        """Note what became of all that was added: what was not written after all is taken out."""
        self._settle()

    def _settle(self) -> None:
        """Compare what was noted with the files: a process may have been killed between noting and writing."""
        pending = [Entry(*row) for row in self._db.execute(f"SELECT {_COLUMNS} FROM writes WHERE NOT done")]
        if not pending:  # so that the journal of a read-only album can be read
            return
        with self._writing() as db:
            for entry in pending:
                if _sha_of(self.path_of(entry)) == entry.before_sha:
                    db.execute("DELETE FROM writes WHERE number = ?", (entry.number,))
            db.execute("UPDATE writes SET done = 1 WHERE NOT done")

    def newest_first(self) -> Iterator[Entry]:
        """Every entry, the last one first. Entries may be removed on the way."""
        last = 2**62
        query = f"SELECT {_COLUMNS} FROM writes WHERE number < ? ORDER BY number DESC LIMIT 1"
        while (row := self._db.execute(query, (last,)).fetchone()) is not None:
            entry = Entry(*row)
            yield entry
            last = entry.number

    def remove(self, entry: Entry) -> None:
        with self._writing() as db:
            db.execute("DELETE FROM writes WHERE number = ?", (entry.number,))

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction."""
        try:
            with self._db:
                yield self._db
        except sqlite3.Error as error:
            raise _read_only(self._folder, str(error)) from error

    def __len__(self) -> int:
        return int(self._db.execute("SELECT COUNT(*) FROM writes").fetchone()[0])

    def close(self) -> None:
        self._db.close()


def check_writable(folder: Path) -> None:
    """Refuse a folder that is read-only, before minutes of work.

    Raises:
        StorageFailed: nothing can be written there.
    """
    if folder.is_dir() and not os.access(folder, os.W_OK):
        raise _read_only(folder, "it is read-only")


def _read_only(folder: Path, why: str) -> StorageFailed:
    return StorageFailed(
        f"Nothing can be written to {folder} ({why}). Write the sidecars to another folder with --sidecars-in FOLDER, "
        "or a table with -o positions.csv."
    )


def _sha_of(path: Path) -> str | None:
    """The SHA-256 of a file; None if there is none, and "" if it cannot be read: it may have been written."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        return ""


def written_before(folder: Path, photos: Sequence[str]) -> set[str]:
    """Of these photos, those that an earlier run wrote and whose file is still there."""
    if not (folder / NAME).is_file():
        return set()
    journal = Journal(folder, create=False)
    try:
        return {photo for photo, file in journal.written(photos).items() if (folder / file).exists()}
    finally:
        journal.close()
