"""Queries that the operator chose to keep: each in a file, by day, named by its content."""

from __future__ import annotations

import contextlib
import hashlib
from datetime import UTC, datetime
from pathlib import Path

from ..files import write_whole
from .logs import log
from .photo_files import ending_of


class KeptQueries:
    """A folder of queries, readable by its owner only."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for part in folder.glob("*/.*.part"):  # of a process that was killed
            with contextlib.suppress(OSError):
                part.unlink()

    def keep(self, data: bytes) -> None:
        """Store a query. A disk that is full costs a line in the log, never the answer."""
        try:
            day = self._folder / datetime.now(UTC).strftime("%Y-%m-%d")
            day.mkdir(mode=0o700, exist_ok=True)
            target = day / f"{hashlib.sha256(data).hexdigest()[:32]}.{ending_of(data)}"
            write_whole(target, data, private=True)
        except OSError as error:
            log.error("a query could not be kept: %s", error.strerror or error)
