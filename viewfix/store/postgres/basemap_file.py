"""The base map of a map in PostgreSQL, with a copy on this machine; see `viewfix.store.basemap_file`."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ...errors import BadInput
from ...files import cache_folder, write_whole
from ..basemap_file import MOST_BYTES, BasemapFile, not_written
from .connections import Connections

PREFIX = "basemap/"
"""The file is stored in the table of the model's file, under this and the SHA-256 of its content."""


class PostgresBasemapFile(BasemapFile):
    """See `BasemapFile`. The copy is named by its content, so that it is never that of another base map."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def path(self) -> Path | None:
        digest = self.version()
        if digest is None:
            return None
        file = cache_folder("basemaps") / f"{digest}.pmtiles"
        if file.is_file():
            return file
        query = "SELECT content FROM model_files WHERE fingerprint = %s"
        found = self._connections.lines(query, (PREFIX + digest,), binary=True)
        if not found or hashlib.sha256(found[0][0]).hexdigest() != digest:
            return None  # removed or replaced meanwhile
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(file, bytes(found[0][0]))
        except OSError as error:
            raise not_written(error, file) from error
        return file

    def version(self) -> str | None:
        query = "SELECT fingerprint FROM model_files WHERE fingerprint LIKE %s ORDER BY fingerprint LIMIT 1"
        found = self._connections.lines(query, (PREFIX + "%",))
        return None if not found else str(found[0][0]).removeprefix(PREFIX)

    def replace(self, file: Path) -> None:
        if file.stat().st_size >= MOST_BYTES:
            raise BadInput(
                f"{file} has 1 GB or more, and PostgreSQL stores no base map of that size. Make a smaller one."
            )
        content = file.read_bytes()
        with self._connections.pool.transaction() as connection:
            connection.execute("DELETE FROM model_files WHERE fingerprint LIKE %s", (PREFIX + "%",))
            key = PREFIX + hashlib.sha256(content).hexdigest()
            connection.execute("INSERT INTO model_files VALUES (%s, %s)", (key, content))

    def remove(self) -> bool:
        with self._connections.pool.transaction() as connection:
            done = connection.execute("DELETE FROM model_files WHERE fingerprint LIKE %s", (PREFIX + "%",))
            return bool(done.rowcount)
