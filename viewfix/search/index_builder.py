"""Construction of the index of a map, from scratch or from an earlier index, in chunks and with bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..store.records import Version, to_units
from ..store.store import Store
from ..types import Progress, silent
from . import inverted_lists
from .blocks import CHUNK, BlockStore, Stopped, never
from .index import Index, Shape, assemble
from .inverted_lists import Lists
from .search import Rows
from .sketches import BITS, Codes, Floats, Sketcher, Sketches, keys_of

_SAMPLE = 20_000  # descriptors for computing the mean
_READ = 8_192  # descriptors read from the store at a time: 8 MB, and 16 MB as float32

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """The options for building an index.

    `blocks` is the storage for its parts. An index of at least `lists_from` photos gets inverted lists. `clean`: leave
    out photos that were removed from the map.
    """

    blocks: BlockStore
    lists_from: float
    progress: Progress = silent
    stopped: Callable[[], bool] = never
    clean: bool = True

    def check_stopped(self) -> None:
        """Raise Stopped if the search is being closed."""
        if self.stopped():
            raise Stopped("the building of the index")


@dataclass(frozen=True, slots=True)
class _NewRows:
    """The rows after the earlier index, ascending: arrays of (n,), and (n, 64) sketches in a temporary part."""

    rows: Rows
    lats: Floats
    lons: Floats
    codes: Codes


def empty_index(store: Store, after: int = 0, sketcher: Sketcher | None = None) -> Index:
    """Make an index without rows, to be extended by the rows after `after`.

    If `sketcher` is None, a new one is fitted to the descriptors of these rows.
    """
    if sketcher is None:
        rows = store.rows(after)
        chosen = np.sort(np.random.default_rng(0).choice(rows, min(_SAMPLE, len(rows)), replace=False))
        parts = [store.descriptors(part) for part in np.array_split(chosen, 1 + len(chosen) // _READ)]
        sketcher = Sketcher.of(np.concatenate(parts))
    return Index(replace(store.version, last_row=after), Sketches.empty(sketcher), None, 0)


def extend(store: Store, old: Index, options: BuildOptions) -> Index:
    """Build the index of the current version of the map, from an earlier index and the rows after it.

    Only the descriptors of new rows are read; lists are trained on sketches. Peak memory is about 70 bytes per photo.
    On disk, the old and the new index exist side by side.

    Raises:
        Stopped: the search is being closed.
        OSError: the index cannot be written.
    """
    version = store.version
    new = _sketch_new_rows(store, old, version, options)
    removed = _removed_rows(store, old, version, options)
    rows = _write_places(old, new, removed, options)
    codes = options.blocks.read("codes").reshape(-1, BITS // 8)
    count, trained_on = 0, 0
    if len(rows) >= options.lists_from:
        retrain = old.lists is None or len(rows) > 2 * old.trained_on
        centroids = (
            inverted_lists.train(codes, options.stopped) if old.lists is None or retrain else old.lists.centroids
        )
        trained_on = len(rows) if retrain else old.trained_on
        with options.blocks.writer("centroids") as write:
            write(centroids)
        if old.lists is None or retrain:
            _write_lists(_new_lists(codes, rows, centroids, options), options)
        else:
            _write_lists(_extended_lists(old.lists, new, removed, options), options)
        count = len(centroids)
    del codes
    with options.blocks.writer("projection") as write:
        write(old.sketches.sketcher.projection)
    options.blocks.discard("fresh")
    return assemble(options.blocks, Shape(store.model.dim, len(rows), count), version, trained_on)


def _sketch_new_rows(store: Store, old: Index, version: Version, options: BuildOptions) -> _NewRows:
    """Sketch the rows after an index. Another process may be writing, so keep only rows that both reads returned."""
    rows, lats, lons = store.positions(old.version.last_row)
    complete, done = np.zeros(len(rows), bool), 0
    with options.blocks.writer("fresh") as write:
        for chunk, halves in store.iter_descriptors(_READ, after=old.version.last_row):
            options.check_stopped()
            at = np.searchsorted(rows, chunk)
            at[at == len(rows)] = 0
            known = (rows[at] == chunk if len(rows) else np.zeros(len(chunk), bool)) & (chunk <= version.last_row)
            complete[at[known]] = True
            write(old.sketches.sketcher.sketch(to_units(halves[known])))
            done += int(known.sum())
            options.progress("indexing", done, len(rows))
            if chunk[-1] >= version.last_row:
                break
    codes = options.blocks.read("fresh").reshape(-1, BITS // 8)
    if not complete.all():
        rows, lats, lons = rows[complete], lats[complete], lons[complete]
    return _NewRows(rows, lats, lons, codes)


def _removed_rows(store: Store, old: Index, version: Version, options: BuildOptions) -> Rows:
    """The rows of the old index that are no longer in the map, ascending."""
    if not options.clean or version.removals == old.version.removals:
        return np.empty(0, np.int64)
    return np.setdiff1d(old.sketches.places[3].astype(np.int64), store.rows())


def _kept(rows: Rows, removed: Rows) -> Mask:
    """Which rows were not removed: (N,) bool. Rows are only compared here, so wrong ones in an index do no harm."""
    at = np.minimum(np.searchsorted(removed, rows), len(removed) - 1)
    return np.asarray(removed[at] != rows)


def _write_places(old: Index, new: _NewRows, removed: Rows, options: BuildOptions) -> Rows:
    """Write positions and sketches, sorted by place. Returns the (N,) rows in that order."""
    before = old.sketches
    stay: Rows | slice = slice(None)
    if len(removed):
        stay = np.flatnonzero(_kept(before.places[3].astype(np.int64), removed))
    keys = np.concatenate([before.places[0][stay], keys_of(new.lats, new.lons)])
    order = np.argsort(keys, kind="stable")
    options.check_stopped()
    with options.blocks.writer("places") as write:
        write(keys[order])
        del keys
        for number, values in ((1, new.lats), (2, new.lons)):
            write(np.concatenate([before.places[number][stay], values])[order])
            options.check_stopped()
        rows = np.concatenate([before.places[3][stay], new.rows.astype(np.float64)])[order]
        write(rows)
    count = len(order) - len(new.rows)
    with options.blocks.writer("codes") as write:
        for start in range(0, len(order), CHUNK):
            options.check_stopped()
            at = order[start : start + CHUNK]
            is_old = at < count
            part = np.empty((len(at), BITS // 8), np.uint8)
            part[is_old] = before.codes[at[is_old] if isinstance(stay, slice) else stay[at[is_old]]]
            part[~is_old] = new.codes[at[~is_old] - count]
            write(part)
    return rows.astype(np.int64)


def _new_lists(codes: Codes, rows: Rows, centroids: Codes, options: BuildOptions) -> Iterator[tuple[Codes, Rows]]:
    """Assign all sketches to lists. Yields the sketches and rows of each list."""
    numbers = np.empty(len(codes), np.int32)
    for start in range(0, len(codes), CHUNK):
        options.check_stopped()
        options.progress("sorting the index", start, len(codes))
        numbers[start : start + CHUNK] = inverted_lists.assign(codes[start : start + CHUNK], centroids)
    options.progress("sorting the index", len(codes), len(codes))
    yield from _split(codes, rows, numbers, len(centroids))


def _extended_lists(before: Lists, new: _NewRows, removed: Rows, options: BuildOptions) -> Iterator[tuple[Codes, Rows]]:
    """Update the earlier lists: drop removed photos and add new ones. Yields the sketches and rows of each list."""
    numbers = [
        inverted_lists.assign(new.codes[start : start + CHUNK], before.centroids)
        for start in range(0, len(new.rows), CHUNK)
    ]
    added = _split(new.codes, new.rows, np.concatenate([np.empty(0, np.int32), *numbers]), len(before.centroids))
    for (codes, rows), (more_codes, more_rows) in zip(before.each(), added, strict=True):
        options.check_stopped()
        if len(removed):
            there = _kept(rows, removed)
            codes, rows = codes[there], rows[there]
        yield np.concatenate([codes, more_codes]), np.concatenate([rows, more_rows])


def _split(codes: Codes, rows: Rows, numbers: npt.NDArray[np.int32], count: int) -> Iterator[tuple[Codes, Rows]]:
    order = np.argsort(numbers, kind="stable")
    ends = np.cumsum(np.bincount(numbers, minlength=count))
    for start, end in zip(np.concatenate([[0], ends[:-1]]).tolist(), ends.tolist(), strict=True):
        at = order[start:end]
        yield codes[at], rows[at]


def _write_lists(parts: Iterator[tuple[Codes, Rows]], options: BuildOptions) -> None:
    sizes = []
    with options.blocks.writer("lists") as write:
        for codes, rows in parts:
            options.check_stopped()
            write(codes)
            write(rows)
            sizes.append(len(rows))
    with options.blocks.writer("sizes") as write:
        write(np.array(sizes, np.int64))
