"""The file in the cache that remembers what was found for each photo of an album, so that a killed run goes on.

Everything is on disk and read in pages, so that memory does not grow with the album.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import StorageFailed
from ..files import cache_folder

FORM = 1
"""The version of the tables; a file of another version is made again."""

PAGE = 200
KEPT_S = 30 * 86_400.0
"""A file that was not used for this long is deleted, with the places that it knows."""

_TABLES = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT);
CREATE TABLE IF NOT EXISTS photos (
  id TEXT PRIMARY KEY, picture TEXT, beside TEXT, round INTEGER, written INTEGER DEFAULT 0,
  clock TEXT, time_s REAL, taken_at TEXT, own TEXT, problem TEXT,
  skipped TEXT, descriptor BLOB, found TEXT, answer TEXT) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_time ON photos (clock, time_s, id);
"""
_COLUMNS = "id, clock, time_s, taken_at, own, problem, skipped, descriptor, found, answer, written"


@dataclass(frozen=True, slots=True)
class Row:
    """What is known about one photo.

    `clock` names the clock of `time_s`: times of two clocks cannot be compared. `own` is the position that the photo
    has, (lat, lon, radius_m). `found` is what the picture alone says, and `answer` what it says with its neighbours.
    """

    id: str
    clock: str
    time_s: float
    taken_at: str | None
    own: Sequence[float | None] | None
    problem: str | None
    skipped: str | None
    descriptor: bytes | None
    found: dict[str, Any] | None
    answer: dict[str, Any] | None
    written: bool


@dataclass(frozen=True, slots=True)
class Listed:
    """One photo as the walk over the folder finds it. `picture` and `beside` change with the file and its sidecars."""

    id: str
    picture: str
    beside: str
    clock: str = "none"
    time_s: float = 0.0
    taken_at: str | None = None
    own: Sequence[float | None] | None = None
    problem: str | None = None
    skipped: str | None = None
    written: bool = False


class Job:
    """The memory of one album on one map. `identity` is what all answers depend on; if it changes, they are forgotten.

    Raises:
        StorageFailed: the cache cannot be written.
    """

    def __init__(self, root: Path, identity: Sequence[str], *, folder: Path | None = None) -> None:
        folder = folder or cache_folder("geotag")
        key = hashlib.sha256(f"{identity[0]}\0{root.resolve()}".encode(errors="surrogateescape")).hexdigest()[:24]
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            _forget_old(folder)
            self.path = folder / f"{key}.sqlite"
            self._db = self._opened()
            told = json.dumps([FORM, *identity])
            if self.meta("identity") != told:
                self._db.executescript("DROP TABLE photos; DROP TABLE meta;" + _TABLES)
                self.set_meta("identity", told)
                self.commit()
        except (OSError, sqlite3.Error) as error:
            raise StorageFailed(
                f"The cache {folder} cannot be written ({error}). Make room, or set XDG_CACHE_HOME to another folder."
            ) from error

    def _opened(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, isolation_level="DEFERRED", check_same_thread=False)
        try:
            db.executescript(_TABLES)
        except sqlite3.DatabaseError:  # damaged: it is only a cache
            db.close()
            self.path.unlink()
            db = sqlite3.connect(self.path, isolation_level="DEFERRED", check_same_thread=False)
            db.executescript(_TABLES)
        with contextlib.suppress(OSError):
            self.path.chmod(0o600)
            self.path.touch()
        return db

    def meta(self, key: str) -> str | None:
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def set_meta(self, key: str, value: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def commit(self) -> None:
        self._db.commit()

    def close(self) -> None:
        self._db.close()

    # The walk

    def marks(self, ids: Sequence[str]) -> dict[str, tuple[str, str, bool]]:
        """The `picture`, `beside` and `written` of photos that are known."""
        marks = ",".join("?" * len(ids))
        query = f"SELECT id, picture, beside, written FROM photos WHERE id IN ({marks})"
        return {row[0]: (row[1], row[2], bool(row[3])) for row in self._db.execute(query, list(ids))}

    def put(self, photos: Iterable[Listed], number: int) -> None:
        """Store new and changed photos. What was found for a picture stays, unless the picture itself changed."""
        self._db.executemany(
            "INSERT INTO photos (id, picture, beside, clock, time_s, taken_at, own, problem, skipped, written, round)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
            " descriptor = CASE WHEN picture = excluded.picture THEN descriptor END,"
            " found = CASE WHEN picture = excluded.picture THEN found END, answer = NULL,"
            " picture = excluded.picture, beside = excluded.beside, clock = excluded.clock, time_s = excluded.time_s,"
            " taken_at = excluded.taken_at, own = excluded.own, problem = excluded.problem,"
            " skipped = excluded.skipped, written = excluded.written, round = excluded.round",
            [
                (p.id, p.picture, p.beside, p.clock, p.time_s, p.taken_at, _text(p.own), p.problem, p.skipped,
                 p.written, number) for p in photos
            ],
        )  # fmt: skip

    def keep(self, ids: Iterable[str], number: int) -> None:
        """Note that photos are as they were."""
        self._db.executemany("UPDATE photos SET round = ? WHERE id = ?", [(number, each) for each in ids])

    def forget_others(self, number: int) -> None:
        """Forget the photos that the last walk did not find. Their neighbours have to be answered again."""
        if self._db.execute("DELETE FROM photos WHERE round != ?", (number,)).rowcount:
            self.set_meta("answered", "")

    # The answers

    def unseen(self, *, missing_only: bool) -> Iterator[Row]:
        """The photos whose picture was not looked at yet, in the order of time."""
        condition = "found IS NULL AND skipped IS NULL AND NOT written"
        return self._rows(condition + (" AND own IS NULL" if missing_only else ""))

    def put_seen(self, seen: Iterable[tuple[str, bytes | None, dict[str, Any] | None, str | None]]) -> None:
        """Store the id, descriptor and answer of pictures, or the reason why one cannot be read."""
        self._db.executemany(
            "UPDATE photos SET descriptor = ?, found = ?, skipped = ?, answer = NULL WHERE id = ?",
            [(descriptor, _text(found), skipped, photo_id) for photo_id, descriptor, found, skipped in seen],
        )

    def put_answers(self, answers: Iterable[tuple[str, dict[str, Any]]]) -> None:
        """Store what pictures say together with their neighbours."""
        self._db.executemany("UPDATE photos SET answer = ? WHERE id = ?", [(_text(a), i) for i, a in answers])

    def rows(self) -> Iterator[Row]:
        """Every photo, in the order of time; those without a time come last, by name."""
        return self._rows("1")

    def count(self, condition: str = "1") -> int:
        return int(self._db.execute(f"SELECT COUNT(*) FROM photos WHERE {condition}").fetchone()[0])

    def _rows(self, condition: str) -> Iterator[Row]:
        last: tuple[str, float, str] = ("", -1e300, "")
        query = (
            f"SELECT {_COLUMNS} FROM photos WHERE (clock, time_s, id) > (?, ?, ?) AND {condition}"
            f" ORDER BY clock, time_s, id LIMIT {PAGE}"
        )
        while page := self._db.execute(query, last).fetchall():
            for row in page:
                own, found, answer = (None if row[i] is None else json.loads(row[i]) for i in (4, 8, 9))
                yield Row(
                    id=row[0],
                    clock=row[1],
                    time_s=row[2],
                    taken_at=row[3],
                    own=own,
                    problem=row[5],
                    skipped=row[6],
                    descriptor=row[7],
                    found=found,
                    answer=answer,
                    written=bool(row[10]),
                )
            last = (page[-1][1], page[-1][2], page[-1][0])


def _text(value: Any) -> str | None:
    return None if value is None else json.dumps(value)


def _forget_old(folder: Path) -> None:
    for path in folder.glob("*.sqlite"):
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < time.time() - KEPT_S:
                path.unlink()
