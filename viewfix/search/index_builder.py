"""A map and its cache of before go in; the cache of now comes out, written a chunk at a time: memory stays bounded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..store.records import Version, to_units
from ..store.sqlite.store import SqliteStore
from ..types import Progress, silent
from . import inverted_lists as lists
from .blocks import CHUNK, BlockStore, Stopped, never
from .index_file import Cache, Shape, assembled
from .inverted_lists import Lists
from .sketches import BITS, Codes, Sketcher, Sketches, keys_of

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_SAMPLE = 20_000  # descriptors that tell where their middle is
_READ = 8_192  # descriptors read from the store at a time: 8 MB, and 16 as float32


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """How a cache is made: where, with lists from which number of photos on, who is told, and who may stop it.

    `clean`: photos that are gone from the store are left out.
    """

    room: BlockStore
    lists_from: float
    progress: Progress = silent
    stopped: Callable[[], bool] = never
    clean: bool = True

    def go_on(self) -> None:
        """Stopped, when nobody wants it any more."""
        if self.stopped():
            raise Stopped("the making of the index")


@dataclass(frozen=True, slots=True)
class _Fresh:
    """What came after the old cache, in the order of rows: (n,) each, and (n, 64) sketches in a scratch file."""

    rows: Rows
    lats: Floats
    lons: Floats
    codes: Codes


def begun(store: SqliteStore, after: int = 0, sketcher: Sketcher | None = None) -> Cache:
    """A cache of nothing, for rows above `after`; without a sketcher, with one for descriptors like those."""
    if sketcher is None:
        rows = store.rows(after)
        chosen = np.sort(np.random.default_rng(0).choice(rows, min(_SAMPLE, len(rows)), replace=False))
        parts = [store.descriptors(part) for part in np.array_split(chosen, 1 + len(chosen) // _READ)]
        sketcher = Sketcher.of(np.concatenate(parts))
    return Cache(replace(store.version, last_row=after), Sketches.empty(sketcher), None, 0)


def grown(store: SqliteStore, old: Cache, how: BuildOptions) -> Cache:
    """The cache of what the map holds now: of an old one, the rows after it, and lists where it needs them.

    Descriptors are read of the new rows only; also new lists are made from sketches. At its peak it takes
    about 70 bytes of memory a photo, and as much room for files as the old and the new cache together.
    """
    version = store.version
    fresh = _sketched(store, old, version, how)
    kept = _kept(store, old, version, how)
    rows = _put_places(old, fresh, kept, how)
    codes = how.room.read("codes").reshape(-1, BITS // 8)
    found, trained_on = None, 0
    if len(rows) >= how.lists_from:
        again = old.lists is None or len(rows) > 2 * old.trained_on
        middles = lists.trained(codes, how.stopped) if old.lists is None or again else old.lists.middles
        trained_on = len(rows) if again else old.trained_on
        _put_middles(middles, how)
        if old.lists is None or again:
            _put_lists(_all_lists(codes, rows, middles, how), how)
        else:
            _put_lists(_longer_lists(old.lists, old, fresh, kept, how), how)
        found = len(middles)
    del codes
    with how.room.writing("turn") as put:
        put(old.sketches.sketcher.turn)
    how.room.forget("fresh")
    return assembled(how.room, Shape(store.model.dim, len(rows), found or 0), version, trained_on)


def _sketched(store: SqliteStore, old: Cache, version: Version, how: BuildOptions) -> _Fresh:
    """Another process may go on writing: only what both its positions and its descriptors show is taken."""
    rows, lats, lons = store.positions(old.version.last_row)
    seen, done = np.zeros(len(rows), bool), 0
    with how.room.writing("fresh") as put:
        for chunk, halves in store.iter_descriptors(_READ, after=old.version.last_row):
            how.go_on()
            at = np.searchsorted(rows, chunk)
            at[at == len(rows)] = 0
            known = (rows[at] == chunk if len(rows) else np.zeros(len(chunk), bool)) & (chunk <= version.last_row)
            seen[at[known]] = True
            put(old.sketches.sketcher.sketch(to_units(halves[known])))
            done += int(known.sum())
            how.progress("indexing", done, len(rows))
            if chunk[-1] >= version.last_row:
                break
    codes = how.room.read("fresh").reshape(-1, BITS // 8)
    if not seen.all():
        rows, lats, lons = rows[seen], lats[seen], lons[seen]
    return _Fresh(rows, lats, lons, codes)


def _kept(store: SqliteStore, old: Cache, version: Version, how: BuildOptions) -> npt.NDArray[np.bool_] | None:
    """(last row + 1,) whether a row of the old cache is still there; None where all count as such."""
    if not how.clean or version.removals == old.version.removals or not len(old.sketches):
        return None
    there = np.zeros(old.version.last_row + 1, bool)
    rows = store.rows()
    there[rows[rows <= old.version.last_row]] = True
    return there


def _put_places(old: Cache, fresh: _Fresh, kept: npt.NDArray[np.bool_] | None, how: BuildOptions) -> Rows:
    """Write positions and sketches in the order of places; (N,) rows in that order."""
    stay: Rows | slice = slice(None) if kept is None else np.flatnonzero(kept[old.sketches.places[3].astype(np.int64)])
    keys = np.concatenate([old.sketches.places[0][stay], keys_of(fresh.lats, fresh.lons)])
    order = np.argsort(keys, kind="stable")
    how.go_on()
    rows = np.empty(0, np.int64)
    with how.room.writing("places") as put:
        put(keys[order])
        del keys
        for number, values in enumerate((fresh.lats, fresh.lons, fresh.rows.astype(np.float64)), start=1):
            both = np.concatenate([old.sketches.places[number][stay], values])[order]
            put(both)
            rows = both.astype(np.int64) if number == 3 else rows  # noqa: PLR2004  the last line is the rows
            how.go_on()
    count = len(order) - len(fresh.rows)
    with how.room.writing("codes") as put:
        for start in range(0, len(order), CHUNK):
            how.go_on()
            at = order[start : start + CHUNK]
            before = at < count
            part = np.empty((len(at), BITS // 8), np.uint8)
            part[before] = old.sketches.codes[at[before] if isinstance(stay, slice) else stay[at[before]]]
            part[~before] = fresh.codes[at[~before] - count]
            put(part)
    return rows


def _all_lists(codes: Codes, rows: Rows, middles: Codes, how: BuildOptions) -> Iterator[tuple[Codes, Rows]]:
    """Every sketch to its list."""
    numbers = np.empty(len(codes), np.int32)
    for start in range(0, len(codes), CHUNK):
        how.go_on()
        how.progress("sorting the index", start, len(codes))
        numbers[start : start + CHUNK] = lists.assigned(codes[start : start + CHUNK], middles)
    how.progress("sorting the index", len(codes), len(codes))
    yield from _split(codes, rows, numbers, len(middles))


def _longer_lists(
    before: Lists, old: Cache, fresh: _Fresh, kept: npt.NDArray[np.bool_] | None, how: BuildOptions
) -> Iterator[tuple[Codes, Rows]]:
    """The lists of before, without what is gone and with what is new."""
    numbers = [
        lists.assigned(fresh.codes[start : start + CHUNK], before.middles) for start in range(0, len(fresh.rows), CHUNK)
    ]
    new = _split(fresh.codes, fresh.rows, np.concatenate([np.empty(0, np.int32), *numbers]), len(before.middles))
    for (codes, rows), (more_codes, more_rows) in zip(before.each(), new, strict=True):
        how.go_on()
        if kept is not None:
            there = kept[rows]
            codes, rows = codes[there], rows[there]
        yield np.concatenate([codes, more_codes]), np.concatenate([rows, more_rows])


def _split(codes: Codes, rows: Rows, numbers: npt.NDArray[np.int32], count: int) -> Iterator[tuple[Codes, Rows]]:
    order = np.argsort(numbers, kind="stable")
    ends = np.cumsum(np.bincount(numbers, minlength=count))
    for start, end in zip(np.concatenate([[0], ends[:-1]]).tolist(), ends.tolist(), strict=True):
        at = order[start:end]
        yield codes[at], rows[at]


def _put_middles(middles: Codes, how: BuildOptions) -> None:
    with how.room.writing("middles") as put:
        put(middles)


def _put_lists(parts: Iterator[tuple[Codes, Rows]], how: BuildOptions) -> None:
    sizes = []
    with how.room.writing("lists") as put:
        for codes, rows in parts:
            how.go_on()
            put(codes)
            put(rows)
            sizes.append(len(rows))
    with how.room.writing("sizes") as put:
        put(np.array(sizes, np.int64))
