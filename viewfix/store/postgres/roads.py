"""The roads of a map in PostgreSQL; see `viewfix.store.roads`."""

from __future__ import annotations

from ..roads import COLUMNS, MOST_BYTES, Roads, RoadSource, to_sources, to_values, unknown_file
from .connections import Connections


class PostgresRoads(Roads):
    """See `Roads`."""

    def __init__(self, connections: Connections, has_table: bool) -> None:
        self._connections, self._has_table = connections, has_table

    def sources(self) -> list[RoadSource]:
        if not self._has_table:  # a map of an older schema
            return []
        return to_sources(self._connections.lines(f"SELECT {COLUMNS} FROM roads ORDER BY number"))

    def replace(self, source: RoadSource, content: bytes) -> None:
        values = to_values(source, content)
        with self._connections.transaction() as connection:
            connection.execute("LOCK TABLE roads IN SHARE ROW EXCLUSIVE MODE")  # readers go on
            connection.execute("DELETE FROM roads WHERE file = %s", (source.file,))
            connection.execute(f"INSERT INTO roads ({COLUMNS}, graph) VALUES (%s{', %s' * 7})", values)

    def remove(self, file: str | None = None) -> int:
        with self._connections.transaction() as connection:
            connection.execute("LOCK TABLE roads IN SHARE ROW EXCLUSIVE MODE")
            known = [each for (each,) in connection.execute("SELECT file FROM roads ORDER BY number")]
            if file is not None and file not in known:
                raise unknown_file(self._connections.url.address, file, known)
            gone = known if file is None else [file]
            connection.execute("DELETE FROM roads WHERE file = ANY(%s)", (gone,))
            return len(gone)

    def _content(self, file: str) -> bytes | None:
        query = "SELECT graph FROM roads WHERE file = %s AND length(graph) <= %s"
        found = self._connections.lines(query, (file, MOST_BYTES), binary=True)
        return bytes(found[0][0]) if found else None
