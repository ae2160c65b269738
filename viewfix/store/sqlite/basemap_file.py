"""The base map of a map file: a .pmtiles file beside it that is named after it; see `viewfix.store.basemap_file`."""

from __future__ import annotations

import shutil
from pathlib import Path

from ...files import replacing
from ..basemap_file import BasemapFile, not_written
from .path import MapPath

ENDING = ".pmtiles"


class SqliteBasemapFile(BasemapFile):
    """See `BasemapFile`. Any PMTiles file of that name is the base map, wherever it came from."""

    def __init__(self, path: MapPath) -> None:
        self._file = path.beside(ENDING)

    def path(self) -> Path | None:
        return self._file if self._file.is_file() else None

    def version(self) -> str | None:
        try:
            about = self._file.stat()
        except OSError:
            return None
        return f"{about.st_mtime_ns:x}-{about.st_size:x}"

    def replace(self, file: Path) -> None:
        try:
            with replacing(self._file, durable=True) as part:
                shutil.copyfile(file, part)
        except OSError as error:
            raise not_written(error, self._file) from error

    def remove(self) -> bool:
        try:
            self._file.unlink()
        except FileNotFoundError:
            return False
        except OSError as error:  # Windows refuses while another process reads it
            raise not_written(error, self._file) from error
        return True
