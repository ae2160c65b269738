"""The files of photos that were added over HTTP: named by content, and cleaned up after a process that was killed."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from ..errors import StorageFailed
from ..files import write_whole
from ..photos import HEAD_BYTES, form_of
from .logs import log

ADDING = ".adding"
"""Ending of the mark beside a file whose photo is not in the map yet."""


class PhotoFiles:
    """The folder of the photos of one map.

    No part of a path is chosen by a client. While a photo is being added a mark lies beside its file; a mark that is
    found at the start belongs to a process that was killed, and its file is deleted unless the photo reached the map.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = FileLock(folder / ".lock")

    def clean_up(self, is_used: Callable[[str], bool]) -> None:
        """Delete what a killed process left. `is_used` says whether the map has a photo of that path.

        Where another process adds photos to this folder now, nothing is deleted.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
        except Timeout:
            return
        except OSError as error:
            raise StorageFailed(
                f"{self._folder} cannot be written ({error.strerror}). Choose another folder."
            ) from None
        for part in self._folder.glob("*/.*.part"):
            part.unlink(missing_ok=True)
        for mark in self._folder.glob(f"*/*{ADDING}"):
            file = mark.with_name(mark.name.removesuffix(ADDING))
            if file.exists() and not is_used(str(file)):
                file.unlink()
                log.info("deleted the file of a photo that never reached the map")
            mark.unlink(missing_ok=True)

    @contextlib.contextmanager
    def adding(self, data: bytes) -> Iterator[Path]:
        """Write a photo to its file, durably; the block puts it into the map. If the block fails, the file goes again.

        Raises:
            StorageFailed: the file cannot be written.
        """
        digest = hashlib.sha256(data).hexdigest()
        target = (self._folder / digest[:2] / f"{digest}.{ending_of(data)}").absolute()
        mark = target.with_name(target.name + ADDING)
        is_new = not target.exists()
        if is_new:
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                write_whole(mark, b"", durable=True)
                write_whole(target, data, durable=True)
            except OSError as error:
                mark.unlink(missing_ok=True)
                raise StorageFailed(f"{target} cannot be written ({error.strerror}). Free some space.") from None
        try:
            yield target
        except BaseException:
            if is_new:
                target.unlink(missing_ok=True)
                mark.unlink(missing_ok=True)
            raise
        if is_new:
            mark.unlink(missing_ok=True)

    def close(self) -> None:
        self._lock.release()


def ending_of(data: bytes) -> str:
    """The ending of a file for these bytes, by what they are."""
    return (form_of(data[:HEAD_BYTES]) or "bin").lower()
