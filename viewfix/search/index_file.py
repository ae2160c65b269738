"""A finished index lies in a folder beside its map, and comes out mapped into memory, if it is whole and fits."""

from __future__ import annotations

import contextlib
import json
import os
import zlib
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..store.records import Version
from ..store.sqlite.store import SqliteStore
from .blocks import BLOCK_BYTES, Array, Folder, Furnished, blocks_to_try, mapped, never, whole
from .inverted_lists import RECORD_BYTES, Lists
from .sketches import BITS, Sketcher, Sketches

FORMAT = 2
LOOKED_AT = 64  # blocks of a cache that are checked before it is used, 64 MB: all of one of 400,000 photos
_CURRENT = "current.json"  # names the files of the one generation that counts
_KINDS = ("turn", "places", "codes", "middles", "sizes", "lists", "fresh")
_SMALL = ("turn", "middles", "sizes")  # always checked to the last byte
_WITNESSES = 64


class Unfit(Exception):
    """Why the cache at hand cannot be used: half a sentence for the notice."""


@dataclass(frozen=True, slots=True)
class Part:
    """A file of a cache and the CRC-32 of every MiB of it."""

    file: Path
    sums: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Cache:
    """An index of the rows of one version. `lists` is None where the map does not need them yet.

    `unchecked` is what of its files was not looked at when it was opened.
    """

    version: Version
    sketches: Sketches
    lists: Lists | None
    trained_on: int  # how many photos there were when `lists` was trained
    unchecked: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class Shape:
    """How many numbers a descriptor has, and how many photos and lists there are: the size of every part."""

    dim: int
    rows: int
    lists: int

    def bytes(self) -> dict[str, int]:
        sizes = {
            "turn": 4 * BITS * (self.dim + 1),
            "places": 4 * 8 * self.rows,
            "codes": BITS // 8 * self.rows,
        }
        if self.lists:
            sizes |= {"middles": BITS // 8 * self.lists, "sizes": 8 * self.lists, "lists": RECORD_BYTES * self.rows}
        return sizes


def folder_of(path: Path) -> Path:
    return path.with_name(path.name + ".index")


def assembled(
    made: Furnished, shape: Shape, version: Version, trained_on: int, unchecked: tuple[Part, ...] = ()
) -> Cache:
    """The cache whose parts lie in a room.

    Raises:
        Unfit: they do not fit together.
    """
    parts = {kind: made.read(kind) for kind in shape.bytes()}
    if any(len(parts[kind]) != size for kind, size in shape.bytes().items()):
        raise Unfit("its parts do not fit together")
    places = parts["places"].view(np.float64).reshape(4, shape.rows)
    sketcher = Sketcher(parts["turn"].view(np.float32).reshape(shape.dim + 1, BITS))
    sketches = Sketches(sketcher, places, parts["codes"].reshape(shape.rows, BITS // 8))
    lists = None
    if shape.lists:
        middles, sizes = parts["middles"].reshape(shape.lists, BITS // 8), parts["sizes"].view(np.int64)
        if sizes.min() < 0 or sizes.sum() != shape.rows:
            raise Unfit("its lists do not hold as many photos as it has")
        lists = Lists.of(middles, sizes, parts["lists"], made.file("lists"))
    return Cache(version, sketches, lists, trained_on, unchecked)


def publish(cache: Cache, store: SqliteStore, made: Folder) -> None:
    """Make what was written into the folder the cache of a map: the file that names it changes in one move."""
    folder = folder_of(store.path)
    stamp = {
        "format": FORMAT,
        "version": asdict(cache.version),
        "model": store.model.fingerprint,
        "rows": len(cache.sketches),
        "lists": len(cache.lists.middles) if cache.lists else 0,
        "trained_on": cache.trained_on,
        "witnesses": _witnesses(store, cache.sketches),
        "files": {kind: [made.file(kind).name, sums] for kind, sums in made.sums.items()},
    }
    draft = folder / f"current-{made.mark}"
    draft.write_text(json.dumps(stamp))
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    draft.replace(folder / _CURRENT)


def sweep(folder: Path) -> None:
    """Delete what no process uses: all but what is named. Only for whoever holds the lock of the folder."""
    named: set[str] = set()
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        named = {name for name, _ in json.loads((folder / _CURRENT).read_text())["files"].values()}
    for path in folder.iterdir():
        if path.name.split("-")[0] in (*_KINDS, "current") and "-" in path.name and path.name not in named:
            with contextlib.suppress(OSError):
                path.unlink()


def newest(store: SqliteStore) -> int:
    """The last row that the cache beside a map knows; 0 where there is none that can be read."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        stamp = json.loads((folder_of(store.path) / _CURRENT).read_text())
        return int(stamp["version"]["last_row"])
    return 0


def load(store: SqliteStore) -> Cache | None:
    """The cache beside a map; None when there is none.

    Raises:
        Unfit: it is damaged, or of another map, or of an older backup's future.
    """
    folder = folder_of(store.path)
    for last_try in (False, True):
        try:
            return _loaded(store, folder, json.loads((folder / _CURRENT).read_text()))
        except FileNotFoundError as error:
            if not (folder / _CURRENT).exists():
                return None
            if last_try:  # the first time, somebody may just have put a new generation in its place
                raise Unfit(f"{error.filename} is missing") from error
        except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise Unfit(f"it is damaged ({str(error).splitlines()[0]})") from error
    return None


def damage(cache: Cache, stopped: Callable[[], bool] = never) -> str | None:
    """What is wrong with the files of a cache, where they are read to the last byte; None when they are whole."""
    for part in cache.unchecked:
        try:
            if not whole(part.file, part.sums, range(len(part.sums)), stopped):
                return f"{part.file.name} is damaged"
        except FileNotFoundError:
            pass  # another process has made a newer one and swept this away: what is mapped stays
        except OSError as error:
            return f"{part.file.name} cannot be read ({error.strerror or error})"
    return None


def _loaded(store: SqliteStore, folder: Path, stamp: dict[str, Any]) -> Cache:
    if stamp["format"] != FORMAT:
        raise Unfit("another version of viewfix made it")
    version, now = Version(**stamp["version"]), store.version
    if version.map_id != now.map_id or stamp["model"] != store.model.fingerprint:
        raise Unfit("it belongs to another map")
    if version.last_row > now.last_row or version.removals > now.removals or not _agree(store, stamp["witnesses"]):
        raise Unfit("it knows photos that the map does not have: was the map put back from a copy?")
    shape = Shape(store.model.dim, int(stamp["rows"]), int(stamp["lists"]))
    parts = {kind: Part(folder / Path(name).name, tuple(sums)) for kind, (name, sums) in stamp["files"].items()}
    sizes = shape.bytes()
    for kind, size in sizes.items():
        if parts[kind].file.stat().st_size != size or len(parts[kind].sums) != -(-size // BLOCK_BYTES):
            raise Unfit(f"{parts[kind].file.name} is damaged")
    large = [kind for kind in sizes if kind not in _SMALL]
    share = LOOKED_AT / max(LOOKED_AT, sum(len(parts[kind].sums) for kind in large))
    for kind in sizes:
        file, sums = parts[kind].file, parts[kind].sums
        if not whole(file, sums, blocks_to_try(len(sums), len(sums) if kind in _SMALL else int(share * len(sums)))):
            raise Unfit(f"{file.name} is damaged")
    unchecked = () if share == 1 else tuple(parts[kind] for kind in large)
    return assembled(_Opened(parts), shape, version, int(stamp["trained_on"]), unchecked)


@dataclass(frozen=True, slots=True)
class _Opened:
    """A room that was furnished before."""

    parts: dict[str, Part]

    def read(self, kind: str) -> Array:
        return mapped(self.parts[kind].file)

    def file(self, kind: str) -> Path:
        return self.parts[kind].file


def _witnesses(store: SqliteStore, sketches: Sketches) -> dict[str, str]:
    """Some rows, the newest among them, and a checksum of their descriptors: a map put back from a copy and
    grown since gives the same row numbers to other photos."""
    rows = sketches.places[3].astype(np.int64)
    newest_rows = np.partition(rows, -min(len(rows), _WITNESSES // 2))[-(_WITNESSES // 2) :]
    return _sums(store, np.unique(np.concatenate([newest_rows, rows[:: max(1, len(rows) * 2 // _WITNESSES)]])))


def _agree(store: SqliteStore, witnesses: dict[str, str]) -> bool:
    now = _sums(store, [int(row) for row in witnesses])
    return all(witnesses[row] == seen for row, seen in now.items())


def _sums(store: SqliteStore, rows: Iterable[int] | npt.NDArray[np.int64]) -> dict[str, str]:
    """The checksum of each row's stored bytes; rows that are gone are left out."""
    sums = {}
    for row in map(int, rows):
        found, halves = next(store.iter_descriptors(1, after=row - 1), (None, None))
        if found is not None and halves is not None and found[0] == row:
            sums[str(row)] = f"{zlib.crc32(halves.tobytes()):08x}"
    return sums
