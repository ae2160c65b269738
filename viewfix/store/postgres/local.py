"""The local features of a map in PostgreSQL: see `viewfix.store.local_features`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...errors import ViewfixError
from ...types import Photo
from ..local_features import KEY, PATIENCE_MS, Identity, LocalFeatureCache
from .reading import one
from .store import PostgresStore, put_meta

if TYPE_CHECKING:
    from .connect import Connection


class PostgresLocalFeatures(LocalFeatureCache):
    """See LocalFeatureCache. `limit_bytes`: how much is kept of what was computed to answer queries; 0 for nothing."""

    def __init__(self, store: PostgresStore, fingerprint: str, limit_bytes: int) -> None:
        self._store = store
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
        found = self._store.lines(query, (ids,), binary=True)
        stored = {(photo_id, content): bytes(features) for photo_id, content, features in found}
        return {each: stored[each] for each in wanted if each in stored}

    def keep(self, packed: Mapping[Identity, bytes]) -> bool:
        if not packed or not self._limit_bytes:
            return False
        try:
            with self._store.pool.transaction() as connection:
                connection.execute(f"SET LOCAL lock_timeout = {PATIENCE_MS}")
                about = self._insert(connection, packed)
                if not about.get("all"):
                    _shrink(connection, self._limit_bytes)
        except ViewfixError:
            return False
        return True

    def keep_all(self, packed: Mapping[Identity, bytes]) -> None:
        with self._store.transaction() as connection:
            self._insert(connection, packed)
            put_meta(connection, KEY, {"fingerprint": self._fingerprint, "all": True})

    def missing(self, chunk: int = 1024) -> Iterator[list[Photo]]:
        after = -1
        known = "SELECT 1 FROM local_features f WHERE f.row = photos.row" if self._current() else "SELECT 1 WHERE false"
        query = f"SELECT row FROM photos WHERE row > %s AND NOT EXISTS ({known}) ORDER BY row LIMIT %s"
        while True:
            rows = [row for (row,) in self._store.lines(query, (after, chunk))]
            if not rows:
                return
            after = rows[-1]
            yield self._store.photos(rows)

    def _about(self) -> dict[str, Any]:
        about: dict[str, Any] = self._store.meta(KEY) or {}
        return about

    def _current(self) -> bool:
        return self._about().get("fingerprint") == self._fingerprint

    def _insert(self, connection: Connection, packed: Mapping[Identity, bytes]) -> dict[str, Any]:
        # The lock of the features, not that of `counts`: who keeps them must not wait for a build, nor it for them.
        connection.execute("LOCK TABLE local_features IN SHARE ROW EXCLUSIVE MODE")
        found = connection.execute("SELECT value FROM meta WHERE key = %s", (KEY,)).fetchone()
        about: dict[str, Any] = json.loads(found[0]) if found else {}
        if about.get("fingerprint") != self._fingerprint:
            connection.execute("DELETE FROM local_features")
            put_meta(connection, KEY, {**about, "fingerprint": self._fingerprint})
        # A photo that was taken out or replaced meanwhile has no such row any more: its features are not kept.
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
    """The oldest give way."""
    (held,) = one(connection, "SELECT coalesce(sum(bytes), 0)::bigint FROM local_features")
    if held > limit_bytes:
        connection.execute(
            "DELETE FROM local_features WHERE row IN (SELECT row FROM (SELECT row, sum(bytes) OVER (ORDER BY number "
            "DESC) AS newer FROM local_features) AS sums WHERE newer > %s)",
            (limit_bytes,),
        )
