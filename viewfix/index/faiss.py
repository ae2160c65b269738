"""A query descriptor goes in, its nearest rows come out, in a millisecond of a million: FAISS over the store."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Self

import filelock
import numpy as np
import numpy.typing as npt

from ..geo import Region
from ..types import Progress, silent
from . import cache, lists
from .cache import Cache, Unfit
from .records import Version, to_units
from .search import ExactSearch, best, cosines
from .sketch import Sketcher, Sketches
from .sqlite.store import SqliteStore

Rows = npt.NDArray[np.int64]
Units = npt.NDArray[np.float32]

# Measured with benchmarks/million.py on one core, 512 numbers a photo. Comparing with all of 20,000 photos takes 4 ms
# and 40 MB, read from the store in 0.3 s; of 50,000 10 ms, 100 MB and 0.5 s. Sketches of 200,000 are made in 2.3 s and
# searched in 1.3 ms, of a million in 3 ms; with lists that is 1.7 ms, after 40 s of making them once.
EXACT_BELOW = 20_000
LISTS_FROM = 300_000
FOLD_IN = 5_000  # new photos that a writer folds into the cache; until then comparing with each takes up to 1 ms
STALE_SHARE = 0.1  # of the rows of the cache gone: make it anew
SPARE = 130  # candidates beyond 2 k that are compared exactly, at 4 microseconds each
_SAMPLE = 20_000  # descriptors that tell where their middle is
_CHUNK = 8_192
_SECONDS_EACH = 42e-6


class FaissSearch:
    """Search over a map of any size, exact below 20,000 photos, by a compressed index above.

    The index is a cache in `<map>.index/`: made from the store when it is missing, damaged or of
    another map, and held in memory where it cannot be written. Candidates are compared exactly
    with the descriptors of the store, so similarities are true, and photos removed since never
    come out; photos added since are compared one by one until `refresh` folds them in.

    Args:
        store: the map. It stays open, and is not closed by `close`.
        progress: told how far making the index is, where that takes long.
        notice: told in one line what had to be done and why; the log "viewfix" by default.
        exact_below, lists_from: numbers of photos from which on a map is indexed, and by lists.
    """

    def __init__(
        self,
        store: SqliteStore,
        *,
        progress: Progress = silent,
        notice: Callable[[str], None] | None = None,
        exact_below: int = EXACT_BELOW,
        lists_from: int = LISTS_FROM,
    ) -> None:
        self._store, self._progress = store, progress
        self._notice = notice or logging.getLogger("viewfix").warning
        self._exact_below, self._lists_from = exact_below, lists_from
        self._changing = threading.Lock()
        self._state: tuple[Cache | None, ExactSearch] = (None, ExactSearch(store))
        if len(store) > exact_below:
            self._adopt(self._loaded())
            # A build that was killed may have left many photos after the cache; a few are left to the next build.
            self._catch_up(max_tail=exact_below)

    def nearest(
        self, query: npt.NDArray[np.float32], k: int, region: Region | None = None
    ) -> tuple[Rows, npt.NDArray[np.float32]]:
        """See Search. Without a region about 1 in 100 of the true ten may be missed in a large map."""
        query = np.ascontiguousarray(query, dtype=np.float32)
        found, tail = self._state
        rows, similarities = tail.nearest(query, k, region)
        if found is None:
            return rows, similarities
        old_rows, units = self._candidates(found, query, k, region)
        return best(np.concatenate([rows, old_rows]), np.concatenate([similarities, cosines(units, query)]), k)

    def _candidates(self, found: Cache, query: Units, k: int, region: Region | None) -> tuple[Rows, Units]:
        """At least k rows of the cache that are still there, if there are so many, with their descriptors."""
        count = SPARE + 2 * k
        if found.lists is not None and region is None:
            rows, units = self._store.present(lists.shortlist(found.lists, query, count))
            if len(rows) >= k:
                return rows, units
        while True:
            asked = found.sketches.shortlist(query, count, region)
            rows, units = self._store.present(asked)
            if len(rows) >= k or len(asked) < count or count >= len(found.sketches):
                return rows, units
            count *= 4  # most of them are gone from the store: look further

    def refresh(self) -> None:
        """Fold what changed since into the cache, if it is worth it: after a build, by the process that wrote."""
        if self._state[0] is None and len(self._store) > self._exact_below:
            self._adopt(self._loaded())
        self._catch_up(max_tail=min(FOLD_IN, self._exact_below), spring_clean=True)

    def close(self) -> None:
        """Let go of the index. Closing twice is allowed."""
        self._state = (None, ExactSearch(self._store))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Keeping the cache

    def _adopt(self, found: Cache | None) -> None:
        self._state = (found, ExactSearch(self._store, after=found.version.last_row if found else 0))

    def _loaded(self) -> Cache | None:
        try:
            return cache.load(self._store)
        except Unfit as error:
            self._notice(f"The search index beside {self._store.path} is made again: {error}.")
            return None

    def _catch_up(self, *, max_tail: int, spring_clean: bool = False) -> None:
        with self._changing, self._only_one():
            found, _ = self._state
            version, count = self._store.version, len(self._store)
            if found is not None and spring_clean:
                gone = version.removals - found.version.removals
                found = None if gone > STALE_SHARE * len(found.sketches) else found
            if count <= self._exact_below or _tail(found, version) <= max_tail:
                return
            with contextlib.suppress(Unfit):
                theirs = cache.load(self._store)  # another process may have made it while we waited for it
                if theirs and theirs.version.removals == version.removals and _tail(theirs, version) <= max_tail:
                    self._adopt(theirs)
                    return
            grown = self._grown(found)
            self._adopt(grown)
            try:
                cache.save(grown, self._store)
            except OSError as error:
                self._notice(
                    f"The search index of {self._store.path} stays in memory, for it could not be written beside it "
                    f"({error.strerror or error}). Make room, or make the folder writable, to open the map faster."
                )

    @contextlib.contextmanager
    def _only_one(self) -> Any:
        """One process at a time makes the index of a map; where no lock can be made, nothing is written either."""
        folder = cache.folder_of(self._store.path)
        lock = filelock.FileLock(folder / "lock", thread_local=False)
        if len(self._store) > self._exact_below:
            with contextlib.suppress(OSError):
                folder.mkdir(exist_ok=True)
                lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def _grown(self, found: Cache | None) -> Cache:
        """The cache and the rows after it; all of it anew when there is none, or when its lists have become too few."""
        store, count = self._store, len(self._store)
        wants_lists = count >= self._lists_from
        if found is not None and wants_lists and (found.lists is None or count > 2 * found.trained_on):
            found = None
        version = store.version
        rows, lats, lons = store.positions(found.version.last_row if found else 0)
        if found is None:
            if count >= LISTS_FROM:
                about = f"{count:,} photos, about {count * _SECONDS_EACH:.0f} s on two cores"
                self._notice(f"The search index of {store.path} is made now, once: {about}.")
            found = self._trained(rows, count if wants_lists else 0)
        index = lists.copied(found.lists)
        held, codes, done = [np.empty(0, np.int64)], [found.sketches.codes[:0]], 0
        for chunk_rows, halves in store.iter_descriptors(_CHUNK, after=found.version.last_row):
            # Another process may go on writing: what came after `version` is left to the tail.
            size = int(np.searchsorted(chunk_rows, version.last_row, side="right"))
            chunk_rows, units = chunk_rows[:size], to_units(halves[:size])
            held.append(chunk_rows)
            codes.append(found.sketches.sketcher.sketch(units))
            if index is not None:
                lists.add(index, units, chunk_rows)
            done += len(chunk_rows)
            self._progress("indexing", min(done, len(rows)), len(rows))
            if size < len(halves):
                break
        both, of_rows, of_held = np.intersect1d(rows, np.concatenate(held), assume_unique=True, return_indices=True)
        sketches = found.sketches.joined(both, lats[of_rows], lons[of_rows], np.concatenate(codes)[of_held])
        return replace(found, version=version, sketches=sketches, lists=index)

    def _trained(self, rows: Rows, lists_for: int) -> Cache:
        rng = np.random.default_rng(0)
        wanted = max(_SAMPLE, lists.sample_size(lists_for) if lists_for else 0)
        chosen = np.sort(rng.choice(rows, min(wanted, len(rows)), replace=False))
        parts = [self._store.descriptors(part) for part in np.array_split(chosen, 1 + len(chosen) // _CHUNK)]
        sample = np.concatenate(parts)
        self._progress("training the index", 0, None)
        version = replace(self._store.version, last_row=0)
        index = lists.trained(sample, lists_for) if lists_for else None
        return Cache(version, Sketches.empty(Sketcher.of(sample)), index, lists_for)


def _tail(found: Cache | None, version: Version) -> int:
    """How many rows came after those of a cache."""
    return version.last_row - (found.version.last_row if found else 0)
