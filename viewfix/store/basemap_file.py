"""The file of the base map of a map: beside a map file, or in the database with a copy on this machine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

from ..errors import StorageFailed

KEY = "basemap"
"""In the meta of a map: the name of the file that the base map was made from, and its credit."""

MOST_BYTES = 1 << 30
"""The limit for a base map: PostgreSQL stores no larger value, and a phone could not hold it."""


class BasemapFile(ABC):
    """Where the base map of one map is stored. The file is a PMTiles file; its content is not checked here."""

    @abstractmethod
    def path(self) -> Path | None:
        """Where the file is on this machine, fetched from the database if necessary; None without a base map."""

    @abstractmethod
    def version(self) -> str | None:
        """A text that changes with the content; None without a base map."""

    @abstractmethod
    def replace(self, file: Path) -> None:
        """Store a copy of a file in place of the one that is stored."""

    @abstractmethod
    def remove(self) -> bool:
        """Remove the file. Returns False if there was none."""


def not_written(error: OSError, where: object) -> StorageFailed:
    """The error for a base map that could not be written."""
    return StorageFailed(f"The base map could not be written to {where} ({error.strerror or error}). Make room there.")
