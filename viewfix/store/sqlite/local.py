"""The local features of a map that is an SQLite file: see `viewfix.store.local_features`."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...errors import ViewfixError
from ...types import Photo
from ..local_features import KEY, PATIENCE_MS, Identity, LocalFeatureCache
from . import reading
from .connect import connect
from .store import SqliteStore


class SqliteLocalFeatures(LocalFeatureCache):
    """See LocalFeatureCache. `limit_bytes`: how much is kept of what was computed to answer queries; 0 for nothing."""

    def __init__(self, store: SqliteStore, fingerprint: str, limit_bytes: int) -> None:
        self._store = store
        self._fingerprint = fingerprint
        self._limit_bytes = limit_bytes

    def load(self, wanted: Sequence[Identity]) -> dict[Identity, bytes]:
        if self._about().get("fingerprint") != self._fingerprint:
            return {}
        query = (
            "SELECT photos.id, content_hash, features FROM local_features JOIN photos USING (row) "
            "WHERE photos.id IN (SELECT value FROM json_each(?))"
        )
        with self._store._pool.borrowed() as connection:
            found = connection.execute(query, (json.dumps([photo_id for photo_id, _ in wanted]),)).fetchall()
        stored = {(photo_id, content): features for photo_id, content, features in found}
        return {each: stored[each] for each in wanted if each in stored}

    def keep(self, packed: Mapping[Identity, bytes]) -> bool:
        if not packed or not self._limit_bytes:
            return False
        try:
            with contextlib.closing(connect(self._store.path, "rw")) as connection:
                connection.execute(f"PRAGMA busy_timeout = {PATIENCE_MS}")
                connection.execute("BEGIN IMMEDIATE")
                about = self._insert(connection, packed)
                if not about.get("all"):
                    _shrink(connection, self._limit_bytes)
                connection.execute("COMMIT")
        except (sqlite3.Error, OSError, ViewfixError):
            return False
        return True

    def keep_all(self, packed: Mapping[Identity, bytes]) -> None:
        with self._store.transaction() as connection:
            self._insert(connection, packed)
            value = json.dumps({"fingerprint": self._fingerprint, "all": True})
            connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (KEY, value))

    def missing(self, chunk: int = 1024) -> Iterator[list[Photo]]:
        after = 0
        known = "SELECT row FROM local_features" if self._current() else "SELECT 0"
        query = f"SELECT row FROM photos WHERE row > ? AND row NOT IN ({known}) ORDER BY row LIMIT ?"
        while True:
            with self._store._pool.borrowed() as connection:
                rows = [row for (row,) in connection.execute(query, (after, chunk))]
                photos = reading.photos(connection, rows)
            if not rows:
                return
            after = rows[-1]
            yield photos

    def _about(self) -> dict[str, Any]:
        about: dict[str, Any] = self._store.meta(KEY) or {}
        return about

    def _current(self) -> bool:
        return self._about().get("fingerprint") == self._fingerprint

    def _insert(self, connection: sqlite3.Connection, packed: Mapping[Identity, bytes]) -> dict[str, Any]:
        found = connection.execute("SELECT value FROM meta WHERE key = ?", (KEY,)).fetchone()
        about = json.loads(found[0]) if found else {}
        if about.get("fingerprint") != self._fingerprint:
            connection.execute("DELETE FROM local_features")
            value = json.dumps({**about, "fingerprint": self._fingerprint})
            connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (KEY, value))
        # A photo that was taken out or replaced meanwhile has no such row any more: its features are not kept.
        connection.executemany(
            "INSERT OR REPLACE INTO local_features (row, bytes, features) SELECT row, ?, ? FROM photos "
            "WHERE id = ? AND content_hash = ?",
            ((len(features), features, *identity) for identity, features in packed.items()),
        )
        return dict(about)


def _shrink(connection: sqlite3.Connection, limit_bytes: int) -> None:
    (held,) = connection.execute("SELECT coalesce(sum(bytes), 0) FROM local_features").fetchone()
    for number, size in connection.execute("SELECT number, bytes FROM local_features ORDER BY number").fetchall():
        if held <= limit_bytes:
            return
        connection.execute("DELETE FROM local_features WHERE number = ?", (number,))
        held -= size
