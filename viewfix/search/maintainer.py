"""Maintenance of the index of a map: built at once if missing, otherwise checked and renewed in the background."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import filelock

from ..errors import ViewfixError
from ..store.records import Version
from ..store.store import Store
from ..types import Progress
from . import index_builder, index_file
from .background import Background
from .blocks import BlockStore, FolderBlocks, MemoryBlocks, Stopped
from .index import Index, UnusableIndex
from .index_builder import BuildOptions
from .live_index import LiveIndex
from .threads import one_thread

MERGE_FROM = 5_000  # new photos before a writer merges them into the index; comparing that many takes up to 1 ms
MERGE_SHARE = 0.002  # the same as a share of a large index, whose files are copied by a merge: 20,000 of ten million
STALE_SHARE = 0.1  # the share of removed rows above which the index is built without them
RETRY_S = 600.0  # wait after the index could not be written
CHECK_AFTER_S = 10.0  # wait before a large index is read completely, so that short commands do not read it
SLOW_FROM = 300_000  # the number of photos from which on a notice says how long building takes
_SECONDS_PER_PHOTO = 16e-6


@dataclass(frozen=True, slots=True)
class Limits:
    """The numbers of photos above which a map gets an index, and an index gets inverted lists."""

    exact_below: int
    lists_from: float


class IndexMaintainer:
    """The maintainer of the index of one map. A lock in the folder lets only one process at a time build it."""

    def __init__(
        self,
        store: Store,
        folder: Path,
        live: LiveIndex,
        *,
        limits: Limits,
        progress: Progress,
        notice: Callable[[str], None],
    ) -> None:
        self._store, self._folder, self._live, self._limits = store, folder, live, limits
        self._progress, self._notice = progress, notice
        self._background = Background()
        self._wrote = self._damaged = self._waiting = self._reported_failure = False
        self._checked: Index | None = None
        self._not_before = 0.0

    def build_now(self) -> Index:
        """Build the index of a map that has no usable one, while the caller waits."""
        self._waiting = True
        try:
            with self._locked():
                published = self._published(self._store.version)  # another process may have built it while we waited
                if published is not None:
                    return published
                if (count := len(self._store)) >= SLOW_FROM:
                    seconds = count * _SECONDS_PER_PHOTO
                    self._notice(
                        f"Building the search index of {self._store.address}, once: {count:,} photos, about "
                        f"{seconds:.0f} s on two cores."
                    )
                try:
                    return self._build_on_disk(None)
                except OSError as error:
                    self._notice(
                        f"The search index of {self._store.address} stays in memory, because it could not be written "
                        f"beside the map ({error.strerror or error}). Free some disk space or make the folder "
                        "writable, and the map will open faster."
                    )
                return self._build(None, MemoryBlocks())
        finally:
            self._waiting = False

    def check(self, version: Version, *, wrote: bool = False) -> None:
        """Start any necessary work in the background. This is cheap enough to call for every query."""
        self._wrote |= wrote
        if not self._background.busy and self._needed(version):
            self._background.start(self._work)

    def settle(self) -> None:
        """Wait until no work is left, and report progress meanwhile."""
        self._waiting = True
        try:
            self._background.wait()
            while not self._background.stopped() and self._needed(self._store.version):
                self._background.start(self._work)
                self._background.wait()
        finally:
            self._waiting = False

    def close(self) -> None:
        """Finish the work that a writer needs, and abandon any other."""
        try:
            if self._wrote and self._behind(self._store.version):
                self.settle()
        except ViewfixError:
            pass  # the store was closed before the search; the next process continues the work
        finally:
            self._background.stop()

    # What needs to be done

    def _needed(self, version: Version) -> bool:
        if time.monotonic() < self._not_before:
            return False
        main = self._live.main
        return (main is not None and (self._damaged or self._unchecked(main))) or self._behind(version)

    def _behind(self, version: Version) -> bool:
        main = self._live.main
        if main is not None and self._fresh_enough(main, version):
            return False
        return version.last_row > self._limits.exact_below and len(self._store) > self._limits.exact_below

    def _unchecked(self, main: Index) -> bool:
        return bool(main.unchecked) and main is not self._checked

    def _fresh_enough(self, index: Index, version: Version) -> bool:
        most = self._limits.exact_below
        if self._wrote:
            most = min(most, max(MERGE_FROM, int(MERGE_SHARE * len(index.sketches))))
        gone = version.removals - index.version.removals
        return version.last_row - index.version.last_row <= most and gone <= STALE_SHARE * len(index.sketches)

    # Doing it

    def _work(self) -> None:
        succeeded = False
        try:
            with one_thread():
                while not self._background.stopped() and self._needed(self._store.version):
                    self._step()
            succeeded = True
        except OSError as error:
            if not self._reported_failure:
                self._reported_failure = True
                self._notice(
                    f"The search index of {self._store.address} could not be updated ({error.strerror or error}); the "
                    "old one stays in use. Free some disk space or make the folder writable."
                )
        except (Stopped, ViewfixError):
            pass  # stopped, or the store was closed, or the next user of the store gets its error
        finally:
            self._not_before = 0.0 if succeeded else time.monotonic() + RETRY_S

    def _step(self) -> None:
        main = self._live.main
        if main is not None and not self._damaged and self._unchecked(main):
            self._check_files(main)
            return
        with self._locked():
            found = self._published(self._store.version)
            if found is None or (main is not None and found.version == main.version):
                found = self._build_on_disk(None if self._damaged else main)
            self._live.adopt(found)
            self._damaged = False

    def _check_files(self, main: Index) -> None:
        """Read the files of a large index completely, unless other work is more urgent."""
        until = time.monotonic() + CHECK_AFTER_S
        while not (self._waiting or self._behind(self._store.version) or time.monotonic() > until):
            self._background.pause(0.1)
            if self._background.stopped():
                return
        problem = index_file.damage(main, self._background.stopped)
        self._checked = main
        if problem is not None:
            self._damaged = True
            self._live.mark_damaged()
            self._notice(f"Rebuilding the search index of {self._store.address}: {problem}.")

    def _published(self, version: Version) -> Index | None:
        """The index beside the map, which another process may have published; None if it is not fresh enough."""
        with contextlib.suppress(UnusableIndex):
            found = index_file.load(self._store, self._folder)
            if found is not None and self._fresh_enough(found, version):
                return found
        return None

    def _build_on_disk(self, old: Index | None) -> Index:
        self._folder.mkdir(exist_ok=True)
        index_file.sweep(self._folder)  # delete what a killed process left behind
        blocks = FolderBlocks(self._folder)
        try:
            index = self._build(old, blocks)
            index_file.publish(index, self._store, self._folder, blocks)
        finally:
            index_file.sweep(self._folder)
        return index

    def _build(self, old: Index | None, blocks: BlockStore) -> Index:
        options = BuildOptions(blocks, self._limits.lists_from, self._report, self._background.stopped)
        return index_builder.extend(self._store, old or index_builder.empty_index(self._store), options)

    def _report(self, stage: str, done: int, total: int | None) -> None:
        if self._waiting:
            self._progress(stage, done, total)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lock of the index. If no lock can be made, nothing can be written either, so continue without it."""
        lock = filelock.FileLock(self._folder / "lock", thread_local=False)
        with contextlib.suppress(OSError):
            self._folder.mkdir(exist_ok=True)
            while not lock.is_locked:
                if self._background.stopped():
                    raise Stopped("the wait for another process that builds the index")
                with contextlib.suppress(filelock.Timeout):
                    lock.acquire(timeout=0.2)
        try:
            yield
        finally:
            lock.release()
