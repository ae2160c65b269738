"""The local features of photos in a map file; see `viewfix.store.local_features`."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...errors import ViewfixError
from ...types import Photo
from ..local_features import KEY, PATIENCE_MS, Identity, LocalFeatureCache
from . import read
from .connections import Connections


class SqliteLocalFeatures(LocalFeatureCache):
    """See `LocalFeatureCache`. `limit_bytes` bounds what is kept of features computed for queries; 0 keeps none."""

    def __init__(self, connections: Connections, fingerprint: str, limit_bytes: int) -> None:
        self._connections = connections
        self._fingerprint = fingerprint
        self._limit_bytes = limit_bytes

    def load(self, wanted: Sequence[Identity]) -> dict[Identity, bytes]:
        if self._about().get("fingerprint") != self._fingerprint:
            return {}
        query = (
            "SELECT photos.id, content_hash, features FROM local_features JOIN photos USING (row) "
            "WHERE photos.id IN (SELECT value FROM json_each(?))"
        )
        with self._connections.borrow() as connection:
            found = connection.execute(query, (json.dumps([photo_id for photo_id, _ in wanted]),)).fetchall()
        stored = {(photo_id, content): features for photo_id, content, features in found}
        return {each: stored[each] for each in wanted if each in stored}

    def keep(self, packed: Mapping[Identity, bytes]) -> bool:
        if not packed or not self._limit_bytes:
            return False
        try:
            with self._connections.impatient_transaction(PATIENCE_MS) as connection:
                about = self._insert(connection, packed)
                if not about.get("all"):
                    _shrink(connection, self._limit_bytes)
        except (sqlite3.Error, OSError, ViewfixError):
            return False
        return True

    def keep_all(self, packed: Mapping[Identity, bytes]) -> None:
        with self._connections.transaction() as connection:
            self._insert(connection, packed)
            value = json.dumps({"fingerprint": self._fingerprint, "all": True})
            connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (KEY, value))

    def missing(self, chunk: int = 1024) -> Iterator[list[Photo]]:
        after = 0
        known = "SELECT row FROM local_features" if self._current() else "SELECT 0"
        query = f"SELECT row FROM photos WHERE row > ? AND row NOT IN ({known}) ORDER BY row LIMIT ?"
        while True:
            with self._connections.borrow() as connection:
                rows = [row for (row,) in connection.execute(query, (after, chunk))]
                photos = read.photos(connection, rows, self._connections.damage)
            if not rows:
                return
            after = rows[-1]
            yield photos

    def _about(self) -> dict[str, Any]:
        about: dict[str, Any] = self._connections.meta(KEY) or {}
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
        # A photo that was removed or replaced meanwhile has no row of that content: its features are not kept.
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
