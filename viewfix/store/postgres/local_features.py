"""The local features of photos of a map in PostgreSQL; see `viewfix.store.local_features`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...errors import ViewfixError
from ...types import Photo
from ..local_features import KEY, PATIENCE_MS, Identity, LocalFeatureCache
from .connections import Connections, put_meta
from .read import Columns, one, photos_in_order

if TYPE_CHECKING:
    from .connect import Connection


class PostgresLocalFeatures(LocalFeatureCache):
    """See `LocalFeatureCache`. `limit_bytes` bounds what is kept of features computed for queries; 0 keeps none."""

    def __init__(self, connections: Connections, columns: Columns, fingerprint: str, limit_bytes: int) -> None:
        self._connections, self._columns = connections, columns
        self._fingerprint = fingerprint
        self._limit_bytes = limit_bytes

    def load(self, wanted: Sequence[Identity]) -> dict[Identity, bytes]:
        if self._about().get("fingerprint") != self._fingerprint:
            return {}
        query = (
            "SELECT photos.id, content_hash, features FROM local_features JOIN photos USING (row) "
            "WHERE photos.id = ANY(%s)"
        )
        ids = [photo_id for photo_id, _ in wanted]
        found = self._connections.lines(query, (ids,), binary=True)
        stored = {(photo_id, content): bytes(features) for photo_id, content, features in found}
        return {each: stored[each] for each in wanted if each in stored}

    def keep(self, packed: Mapping[Identity, bytes]) -> bool:
        if not packed or not self._limit_bytes:
            return False
        try:
            with self._connections.pool.transaction() as connection:
                connection.execute(f"SET LOCAL lock_timeout = {PATIENCE_MS}")
                about = self._insert(connection, packed)
                if not about.get("all"):
                    _shrink(connection, self._limit_bytes)
        except ViewfixError:
            return False
        return True

    def keep_all(self, packed: Mapping[Identity, bytes]) -> None:
        with self._connections.transaction() as connection:
            self._insert(connection, packed)
            put_meta(connection, KEY, {"fingerprint": self._fingerprint, "all": True})

    def missing(self, chunk: int = 1024) -> Iterator[list[Photo]]:
        after = -1
        known = "SELECT 1 FROM local_features f WHERE f.row = photos.row" if self._current() else "SELECT 1 WHERE false"
        query = f"SELECT row FROM photos WHERE row > %s AND NOT EXISTS ({known}) ORDER BY row LIMIT %s"
        while True:
            rows = [row for (row,) in self._connections.lines(query, (after, chunk))]
            if not rows:
                return
            after = rows[-1]
            yield photos_in_order(self._connections, self._columns, rows)

    def _about(self) -> dict[str, Any]:
        about: dict[str, Any] = self._connections.meta(KEY) or {}
        return about

    def _current(self) -> bool:
        return self._about().get("fingerprint") == self._fingerprint

    def _insert(self, connection: Connection, packed: Mapping[Identity, bytes]) -> dict[str, Any]:
        # Not the lock of `counts`: a query that stores features and a build must not wait for each other.
        connection.execute("LOCK TABLE local_features IN SHARE ROW EXCLUSIVE MODE")
        found = connection.execute("SELECT value FROM meta WHERE key = %s", (KEY,)).fetchone()
        about: dict[str, Any] = json.loads(found[0]) if found else {}
        if about.get("fingerprint") != self._fingerprint:
            connection.execute("DELETE FROM local_features")
            put_meta(connection, KEY, {**about, "fingerprint": self._fingerprint})
        # A photo that was removed or replaced meanwhile has no row of that content: its features are not kept.
        query = (
            "INSERT INTO local_features (row, bytes, features) SELECT row, %s, %s FROM photos "
            "WHERE id = %s AND content_hash = %s ON CONFLICT (row) DO UPDATE "
            "SET bytes = excluded.bytes, features = excluded.features"
        )
        values = [(len(features), features, *identity) for identity, features in packed.items()]
        if values:
            connection.cursor().executemany(query, values)
        return about


def _shrink(connection: Connection, limit_bytes: int) -> None:
    """Delete the oldest until the rest fits."""
    (held,) = one(connection, "SELECT coalesce(sum(bytes), 0)::bigint FROM local_features")
    if held > limit_bytes:
        connection.execute(
            "DELETE FROM local_features WHERE row IN (SELECT row FROM (SELECT row, sum(bytes) OVER (ORDER BY number "
            "DESC) AS newer FROM local_features) AS sums WHERE newer > %s)",
            (limit_bytes,),
        )
