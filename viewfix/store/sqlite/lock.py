"""The lock of the one process that writes a map file. It is released when that process ends, however it ends."""

from __future__ import annotations

import contextlib
import os

import filelock

from ...errors import MapBusy
from .errors import translate_errors
from .path import MapPath


class WriterLock:
    """`<map>.lock` beside the real file. The operating system releases it when its holder dies."""

    def __init__(self, path: MapPath) -> None:
        self._file = path.beside(".lock")
        # A second Store in the same process is a second writer too, hence no singleton; any thread may close it.
        self._lock = filelock.FileLock(self._file, timeout=0, thread_local=False)
        with translate_errors(path):
            try:
                self._lock.acquire()
            except filelock.Timeout:
                raise MapBusy(
                    f"{path} is being written by another process{self._holder()}. "
                    "Wait until it has finished, or end it, and run this again."
                ) from None
            with contextlib.suppress(OSError):  # only for the message: Windows refuses to write to a locked file
                self._file.write_text(str(os.getpid()))

    def _holder(self) -> str:
        try:
            said = self._file.read_text().strip()
        except (OSError, UnicodeDecodeError):
            return ""
        return f" (process {said})" if said.isdigit() else ""

    def release(self) -> None:
        """Release the lock."""
        # Removed while it is held: whoever opened the old file notices that it is gone and makes a new one.
        with contextlib.suppress(OSError):
            self._file.unlink()
        self._lock.release()
