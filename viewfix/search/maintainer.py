"""A map that changes goes in; its cache is made, checked and renewed: at once where there is none, else behind."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

import filelock

from ..errors import ViewfixError
from ..store.records import Version
from ..store.sqlite.store import SqliteStore
from ..types import Progress
from . import index_builder as growing
from . import index_file as cache
from .background import Background
from .blocks import BlockStore, Folder, Memory, Stopped
from .index_builder import BuildOptions
from .index_file import Cache, Unfit
from .snapshot import Serving
from .threads import one_thread

FOLD_IN = 5_000  # new photos that a writer folds into the cache; until then comparing with each takes up to 1 ms
FOLD_SHARE = 0.002  # or that share of a large one, for folding copies the files: 20,000 of ten million, 4 ms
STALE_SHARE = 0.1  # of the rows of the cache gone: a new one without them is made
TRY_AGAIN_S = 600.0  # after it could not be written
CHECK_AFTER_S = 10.0  # a large cache is read to its end by who has it open longer, not by each call of a command line
SLOW_FROM = 300_000  # photos from which on one is told how long it takes
_SECONDS_EACH = 16e-6


class IndexMaintainer:
    """Keeps the cache of one map; one process at a time makes it, by a lock in its folder."""

    def __init__(
        self,
        store: SqliteStore,
        serving: Serving,
        *,
        sizes: tuple[int, int],
        progress: Progress,
        notice: Callable[[str], None],
    ) -> None:
        self._store, self._serving, self._progress, self._notice = store, serving, progress, notice
        self._exact_below, self._lists_from = sizes
        self._background = Background()
        self._wrote = self._damaged = self._waiting = self._told = False
        self._checked: Cache | None = None
        self._not_before = 0.0

    def made_now(self) -> Cache:
        """The cache of a map that has none that can be used, while somebody waits."""
        self._waiting = True
        try:
            with self._only_one():
                theirs = self._theirs(self._store.version)  # another process may have made it while we waited
                if theirs is not None:
                    return theirs
                if (count := len(self._store)) >= SLOW_FROM:
                    about = f"{count:,} photos, about {count * _SECONDS_EACH:.0f} s on two cores"
                    self._notice(f"The search index of {self._store.path} is made now, once: {about}.")
                try:
                    return self._written(None)
                except OSError as error:
                    self._notice(
                        f"The search index of {self._store.path} stays in memory, for it could not be written beside "
                        f"it ({error.strerror or error}). Make room, or make the folder writable, to open the map "
                        "faster."
                    )
                return self._made(None, Memory())
        finally:
            self._waiting = False

    def look(self, version: Version, *, wrote: bool = False) -> None:
        """Begin what is to be done, if anything is, in the background; cheap enough for every query."""
        self._wrote |= wrote
        if not self._background.busy and self._needed(version):
            self._background.start(self._work)

    def settle(self) -> None:
        """Wait until nothing is to be done; progress is shown meanwhile."""
        self._waiting = True
        try:
            self._background.wait()
            while not self._background.stopped() and self._needed(self._store.version):
                self._background.start(self._work)
                self._background.wait()
        finally:
            self._waiting = False

    def close(self) -> None:
        """Finish what a writer began; give up what was begun because of others."""
        try:
            if self._wrote and self._behind(self._store.version):
                self.settle()
        except ViewfixError:
            pass  # the store was closed before the search: the next process goes on
        finally:
            self._background.stop()

    # What is to be done

    def _needed(self, version: Version) -> bool:
        if time.monotonic() < self._not_before:
            return False
        main = self._serving.main
        return (main is not None and (self._damaged or self._unchecked(main))) or self._behind(version)

    def _behind(self, version: Version) -> bool:
        main = self._serving.main
        if main is not None and self._fresh_enough(main, version):
            return False
        return version.last_row > self._exact_below and len(self._store) > self._exact_below

    def _unchecked(self, main: Cache) -> bool:
        return bool(main.unchecked) and main is not self._checked

    def _fresh_enough(self, found: Cache, version: Version) -> bool:
        most = self._exact_below
        if self._wrote:
            most = min(most, max(FOLD_IN, int(FOLD_SHARE * len(found.sketches))))
        gone = version.removals - found.version.removals
        return version.last_row - found.version.last_row <= most and gone <= STALE_SHARE * len(found.sketches)

    # Doing it

    def _work(self) -> None:
        well = False
        try:
            with one_thread():
                while not self._background.stopped() and self._needed(self._store.version):
                    self._step()
            well = True
        except OSError as error:
            if not self._told:
                self._told = True
                self._notice(
                    f"The search index of {self._store.path} could not be brought up to date "
                    f"({error.strerror or error}): the old one goes on serving. Make room, or make the folder writable."
                )
        except (Stopped, ViewfixError):
            pass  # stopped, or the store was closed, or says by itself what is wrong to whoever asks it next
        finally:
            self._not_before = 0.0 if well else time.monotonic() + TRY_AGAIN_S

    def _step(self) -> None:
        main = self._serving.main
        if main is not None and not self._damaged and self._unchecked(main):
            until = time.monotonic() + CHECK_AFTER_S
            while not (self._waiting or self._behind(self._store.version) or time.monotonic() > until):
                self._background.pause(0.1)
                if self._background.stopped():
                    return
            wrong = cache.damage(main, self._background.stopped)
            self._checked = main
            if wrong is not None:
                self._damaged = True
                self._serving.doubt()
                self._notice(f"The search index beside {self._store.path} is made again: {wrong}.")
            return
        with self._only_one():
            found = self._theirs(self._store.version)
            if found is None or (main is not None and found.version == main.version):
                found = self._written(None if self._damaged else main)
            self._serving.adopt(found)
            self._damaged = False

    def _theirs(self, version: Version) -> Cache | None:
        """The cache beside the map, if it is good enough: another process may have made it."""
        with contextlib.suppress(Unfit):
            found = cache.load(self._store)
            if found is not None and self._fresh_enough(found, version):
                return found
        return None

    def _written(self, old: Cache | None) -> Cache:
        folder = cache.folder_of(self._store.path)
        folder.mkdir(exist_ok=True)
        cache.sweep(folder)  # what a process that was killed left
        room = Folder(folder)
        try:
            made = self._made(old, room)
            cache.publish(made, self._store, room)
        finally:
            cache.sweep(folder)
        return made

    def _made(self, old: Cache | None, room: BlockStore) -> Cache:
        how = BuildOptions(room, self._lists_from, self._tell, self._background.stopped)
        return growing.grown(self._store, old or growing.begun(self._store), how)

    def _tell(self, stage: str, done: int, total: int | None) -> None:
        if self._waiting:
            self._progress(stage, done, total)

    @contextlib.contextmanager
    def _only_one(self) -> Iterator[None]:
        """One process at a time makes the index of a map; where no lock can be made, nothing is written either."""
        folder = cache.folder_of(self._store.path)
        lock = filelock.FileLock(folder / "lock", thread_local=False)
        with contextlib.suppress(OSError):
            folder.mkdir(exist_ok=True)
            while not lock.is_locked:
                if self._background.stopped():
                    raise Stopped("the wait for another process that makes the index")
                with contextlib.suppress(filelock.Timeout):
                    lock.acquire(timeout=0.2)
        try:
            yield
        finally:
            lock.release()
