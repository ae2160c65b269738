"""The roads of a map file; see `viewfix.store.roads`."""

from __future__ import annotations

from ..roads import COLUMNS, MOST_BYTES, Roads, RoadSource, to_sources, to_values, unknown_file
from .connections import Connections


class SqliteRoads(Roads):
    """See `Roads`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def sources(self) -> list[RoadSource]:
        with self._connections.borrow() as connection:
            return to_sources(connection.execute(f"SELECT {COLUMNS} FROM roads ORDER BY number").fetchall())

    def replace(self, source: RoadSource, content: bytes) -> None:
        values = to_values(source, content)
        with self._connections.transaction() as connection:
            connection.execute("DELETE FROM roads WHERE file = ?", (source.file,))
            connection.execute(f"INSERT INTO roads ({COLUMNS}, graph) VALUES (?{', ?' * 7})", values)

    def remove(self, file: str | None = None) -> int:
        with self._connections.transaction() as connection:
            known = [each for (each,) in connection.execute("SELECT file FROM roads ORDER BY number")]
            if file is not None and file not in known:
                raise unknown_file(self._connections.path, file, known)
            gone = known if file is None else [file]
            connection.executemany("DELETE FROM roads WHERE file = ?", [(each,) for each in gone])
            return len(gone)

    def _content(self, file: str) -> bytes | None:
        query = "SELECT graph FROM roads WHERE file = ? AND length(graph) <= ?"
        with self._connections.borrow() as connection:
            found = connection.execute(query, (file, MOST_BYTES)).fetchone()
        return found[0] if found is not None and isinstance(found[0], bytes) else None
