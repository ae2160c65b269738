"""Pictures of services on their way to the model: downloaded several at once, a bounded number ahead."""

from __future__ import annotations

import contextlib
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from ..errors import BadInput, UnreadablePhoto
from ..sources import Remote
from ..types import Photo, Progress, Skipped
from .describe import Described, Pending, Work

Keep = Callable[[Sequence[Photo], Mapping[str, str]], object]
"""A function that is called with photos that were just stored, and the file of each by its id, before it is deleted."""

AHEAD = 8
"""Photos that wait for each download in progress: a slow one must not hold up the others."""


class RemotePictures:
    """The pictures of all services of one run. Without services, everything passes through."""

    def __init__(self, remotes: Sequence[Remote], progress: Progress) -> None:
        self._remotes, self._progress = remotes, progress
        self._waiting: Counter[str] = Counter()  # photos of each address that are not in the map yet
        self._latest: tuple[str, Future[Path]] | None = None  # more views of this address may come
        self._stopped: BadInput | None = None

    def __enter__(self) -> RemotePictures:
        for remote in self._remotes:
            remote.prepare(self._progress)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        for remote in self._remotes:
            remote.downloads.close(complete=error is None)

    def version(self, address: str) -> str | None:
        """The version of the picture at an address; None if it is not one of a service."""
        return next((found for each in self._remotes if (found := each.downloads.version(address))), None)

    def downloaded(self, work: Iterable[Work]) -> Iterator[Work]:
        """Download the pictures of pending photos, and yield everything in order.

        A picture that cannot be downloaded becomes a Skipped. If a service stops, so does the iteration; `check` then
        raises the error, after what had arrived was stored.
        """
        if not self._remotes:
            yield from work
            return
        at_once = max(remote.downloads.at_once for remote in self._remotes)
        waiting: deque[tuple[Work, Future[Path] | None]] = deque()
        pool = ThreadPoolExecutor(at_once, thread_name_prefix="download")
        try:
            with contextlib.suppress(_Stopped):
                for item in work:
                    waiting.append((item, self._begun(item, pool)))
                    if len(waiting) >= AHEAD * at_once:
                        yield self._ready(*waiting.popleft())
                while waiting:
                    yield self._ready(*waiting.popleft())
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def release(self, stored: Sequence[Described], keep: Keep | None) -> None:
        """Delete the pictures of photos that the map has now, after `keep` was called with them."""
        copies = {item.photo.id: item.copy for item in stored if item.copy is not None}
        if keep is not None and copies:
            keep([item.photo for item in stored if item.copy is not None], copies)
        for address in (item.photo.source for item in stored if item.copy is not None):
            self._waiting[address] -= 1
            if not self._waiting[address] and (self._latest is None or address != self._latest[0]):
                del self._waiting[address]
                self._remote(address).downloads.release(address)

    def check(self) -> None:
        """Raise the error of a service that has stopped."""
        if self._stopped is not None:
            raise self._stopped

    def _begun(self, item: Work, pool: ThreadPoolExecutor) -> Future[Path] | None:
        """Begin the download for an item, if it needs one. The views of a panorama share theirs."""
        if not isinstance(item, Pending) or item.hint is None:
            return None
        address = item.photo.source
        self._waiting[address] += 1
        if self._latest is None or self._latest[0] != address:
            self._latest = address, pool.submit(self._remote(address).downloads.get, address)
        return self._latest[1]

    def _ready(self, item: Work, download: Future[Path] | None) -> Work:
        if download is None or not isinstance(item, Pending):
            return item
        try:
            copy = download.result()
        except UnreadablePhoto as error:
            return Skipped(item.photo.id, str(error))
        except BadInput as error:
            self._stopped = error
            raise _Stopped from error
        received = sum(remote.downloads.received_bytes for remote in self._remotes)
        self._progress("megabytes", round(received / 1e6), None)
        return replace(item, copy=str(copy))

    def _remote(self, address: str) -> Remote:
        return next(remote for remote in self._remotes if remote.downloads.version(address))


class _Stopped(Exception):
    """Ends the iteration after a service has stopped."""
