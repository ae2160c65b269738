"""The connections of one open map, shared by its store, its points, its local features and its migration."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from ...errors import StorageFailed
from ..damage import DamageLog
from .connect import Pool, Result
from .url import DatabaseUrl

if TYPE_CHECKING:
    from .connect import Connection


class Connections:
    """A pool, and whether it may be used to write."""

    def __init__(self, url: DatabaseUrl, pool: Pool, *, write: bool) -> None:
        self.url, self.pool, self._write = url, pool, write
        self.damage = DamageLog(str(url.address))

    def read(self, query: Callable[..., Result], *values: Any) -> Result:
        """Call `query(connection, *values)` on a connection of the pool."""
        return self.pool.read(query, *values)

    def lines(
        self, query: str, values: Sequence[Any] | Mapping[str, Any] = (), *, binary: bool = False
    ) -> list[tuple[Any, ...]]:
        """All rows of the result of a query."""
        return self.pool.read(lambda c: c.cursor(binary=binary).execute(query, values).fetchall())

    def meta(self, key: str, default: Any = None) -> Any:
        """The JSON value that is stored under a key."""
        found = self.lines("SELECT value FROM meta WHERE key = %s", (key,))
        return json.loads(found[0][0]) if found else default

    def transaction(self) -> AbstractContextManager[Connection]:
        """A connection in a transaction: the whole block is committed, or nothing."""
        if not self._write:
            raise StorageFailed(f"{self.url.address} was opened for reading or is closed. Open it with write=True.")
        return self.pool.transaction()


def put_meta(connection: Connection, key: str, value: Any) -> None:
    """Store a JSON value under a key, in the transaction of the caller."""
    query = "INSERT INTO meta VALUES (%s, %s) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
    connection.execute(query, (key, json.dumps(value)))
