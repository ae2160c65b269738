"""Pictures on their way into a map: downloaded to a folder, and deleted once they are in the map."""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path

import filelock

from ...errors import StorageFailed, UnreadablePhoto
from ...files import cache_folder, write_whole
from .http import Unreachable
from .service import Item, Service

MOST_FAILURES = 5
"""After this many failed connections in a row, the service counts as down, and the run stops."""


class Downloads:
    """The pictures of one service for one run. Thread-safe.

    They are kept in the cache folder until the map has them, so that a run that is killed does not download them again.
    A second run at the same time, which finds the folder locked, uses a temporary folder.
    """

    def __init__(self, service: Service) -> None:
        self.service = service
        self.at_once = service.at_once
        self.received_bytes = 0
        self._items: Mapping[str, Item] = {}
        self._lock = threading.Lock()
        self._failures = 0
        self._folder: Path | None = None
        self._file_lock: filelock.BaseFileLock | None = None

    def expect(self, items: Mapping[str, Item]) -> None:
        """Set the pictures that may be asked for, by address."""
        self._items = items

    def item(self, address: str) -> Item | None:
        """The picture at an address; None for one that is not expected."""
        return self._items.get(address)

    def version(self, address: str) -> str | None:
        """The version of a picture of this service; None for another address."""
        item = self._items.get(address)
        return None if item is None else f"{self.service.title.lower()}:{item.version}"

    def get(self, address: str) -> Path:
        """The file of a picture; it is downloaded unless it is there already.

        Raises:
            UnreadablePhoto: it was deleted, cannot be fetched, or is not a picture.
            ServiceStopped: the service is down or refuses further requests.
            StorageFailed: the disk is full.
        """
        item = self._items[address]
        file = self._opened() / _name(item)
        if file.exists():
            return file
        content = self.fetched(item)
        try:
            write_whole(file, content)
        except OSError as error:
            raise StorageFailed(f"{file.parent} cannot be written ({error.strerror}). Free some space.") from error
        return file

    def fetched(self, item: Item) -> bytes:
        """The bytes of a picture, downloaded. Raises the errors of `get`."""
        try:
            content = self.service.picture(item)
        except Unreachable as error:
            with self._lock:
                self._failures += 1
                if self._failures >= MOST_FAILURES:
                    raise
            raise UnreadablePhoto(str(error)) from error
        with self._lock:
            self._failures = 0
            self.received_bytes += len(content)
        return content

    def release(self, address: str) -> None:
        """Delete the file of a picture, which the map now has."""
        if self._folder is not None:
            (self._folder / _name(self._items[address])).unlink(missing_ok=True)

    def close(self, *, complete: bool) -> None:
        """Let go of the folder; delete it after a complete run, and keep it for the next one after another."""
        folder, self._folder = self._folder, None
        if folder is not None and (complete or self._file_lock is None):
            shutil.rmtree(folder, ignore_errors=True)
        if self._file_lock is not None:
            self._file_lock.release()
            self._file_lock = None

    def _opened(self) -> Path:
        with self._lock:
            if self._folder is None:
                self._folder = self._locked_folder()
            return self._folder

    def _locked_folder(self) -> Path:
        name = re.sub(r"[^A-Za-z0-9.-]", "-", f"{self.service.title.lower()}-{self.service.host}")[:100]
        folder = cache_folder("downloads") / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = filelock.FileLock(folder.with_name(f"{name}.lock"))
            lock.acquire(timeout=0)
        except filelock.Timeout:
            return Path(tempfile.mkdtemp(prefix="viewfix-"))
        except OSError as error:
            raise StorageFailed(f"{folder} cannot be written ({error.strerror}). Free some space.") from error
        self._file_lock = lock
        return folder


def _name(item: Item) -> str:
    """A file name for one version of a picture."""
    return hashlib.blake2b(f"{item.address}\n{item.version}".encode(), digest_size=16).hexdigest()
