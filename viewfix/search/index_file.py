"""The index of a map as files in a folder: published in one step, checked before it is used, mapped into memory."""

from __future__ import annotations

import contextlib
import json
import zlib
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..files import write_whole
from ..store.records import Version
from ..store.store import Store
from .blocks import BLOCK_BYTES, Array, FolderBlocks, blocks_match, map_file, never, sample_blocks
from .index import Index, PartFile, Shape, UnusableIndex, assemble
from .search import Rows
from .sketches import Sketches

FORMAT = 2
CHECKED_BLOCKS = 64  # 64 MB are read before an index is used: all of it up to 400,000 photos, a sample of a larger one
_CURRENT = "current.json"  # names the files of the one generation that counts
_OLD_NAMES = {"projection": "turn", "centroids": "middles"}  # of two parts, until 0.1.0
_KINDS = ("projection", "places", "codes", "centroids", "sizes", "lists", "fresh", *_OLD_NAMES.values())
_SMALL = ("projection", "centroids", "sizes")  # always checked to the last byte
_WITNESSES = 64


def folder_of(path: Path) -> Path:
    """The folder of the index of a map file."""
    return path.with_name(path.name + ".index")


def publish(index: Index, store: Store, folder: Path, blocks: FolderBlocks) -> None:
    """Make the files in `blocks` the index of a map, by replacing the one file that names them."""
    stamp = {
        "format": FORMAT,
        "version": asdict(index.version),
        "model": store.model.fingerprint,
        "rows": len(index.sketches),
        "lists": len(index.lists.centroids) if index.lists else 0,
        "trained_on": index.trained_on,
        "witnesses": _witnesses(store, index.sketches),
        "files": {kind: [blocks.file(kind).name, checksums] for kind, checksums in blocks.checksums.items()},
    }
    write_whole(folder / _CURRENT, json.dumps(stamp), durable=True)


def sweep(folder: Path) -> None:
    """Delete the files that current.json does not name. Only for the process that holds the lock of the folder."""
    named: set[str] = set()
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        named = {name for name, _ in json.loads((folder / _CURRENT).read_text())["files"].values()}
    for path in folder.iterdir():
        part = path.name.split("-")[0] in (*_KINDS, "current") and "-" in path.name
        draft = path.name.startswith(f".{_CURRENT}.")
        if (part or draft) and path.name not in named:
            with contextlib.suppress(OSError):
                path.unlink()


def newest_row(folder: Path) -> int:
    """The last row that the index in a folder holds; 0 if there is none that can be read."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        stamp = json.loads((folder / _CURRENT).read_text())
        return int(stamp["version"]["last_row"])
    return 0


def load(store: Store, folder: Path) -> Index | None:
    """Open the index of a map; None if there is none.

    Raises:
        UnusableIndex: it is damaged, or belongs to another map or to a later state of this one.
    """
    for last_try in (False, True):
        try:
            return _loaded(store, folder, json.loads((folder / _CURRENT).read_text()))
        except FileNotFoundError as error:
            if not (folder / _CURRENT).exists():
                return None
            if last_try:  # the first time, another process may just have published a new generation
                raise UnusableIndex(f"{error.filename} is missing") from error
        except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise UnusableIndex(f"it is damaged ({str(error).splitlines()[0]})") from error
    return None


def damage(index: Index, stopped: Callable[[], bool] = never) -> str | None:
    """Read the unchecked files of an index completely; what is wrong with them, or None."""
    for part in index.unchecked:
        try:
            if not blocks_match(part.file, part.checksums, range(len(part.checksums)), stopped):
                return f"{part.file.name} is damaged"
        except FileNotFoundError:
            pass  # another process published a newer index and deleted this one: what is mapped stays usable
        except OSError as error:
            return f"{part.file.name} cannot be read ({error.strerror or error})"
    return None


def _loaded(store: Store, folder: Path, stamp: dict[str, Any]) -> Index:
    if stamp["format"] != FORMAT:
        raise UnusableIndex("it was built by another version of viewfix")
    version, now = Version(**stamp["version"]), store.version
    if version.map_id != now.map_id or stamp["model"] != store.model.fingerprint:
        raise UnusableIndex("it belongs to another map")
    if version.last_row > now.last_row or version.removals > now.removals or not _agree(store, stamp["witnesses"]):
        raise UnusableIndex(
            "it holds photos that the map does not have, perhaps because the map was restored from a copy"
        )
    shape = Shape(store.model.dim, int(stamp["rows"]), int(stamp["lists"]))
    sizes = shape.bytes()
    parts = {}
    for kind in sizes:
        name, checksums = stamp["files"].get(kind) or stamp["files"][_OLD_NAMES[kind]]
        parts[kind] = PartFile(folder / Path(name).name, tuple(checksums))
    for kind, size in sizes.items():
        if parts[kind].file.stat().st_size != size or len(parts[kind].checksums) != -(-size // BLOCK_BYTES):
            raise UnusableIndex(f"{parts[kind].file.name} is damaged")
    large = [kind for kind in sizes if kind not in _SMALL]
    share = CHECKED_BLOCKS / max(CHECKED_BLOCKS, sum(len(parts[kind].checksums) for kind in large))
    for kind in sizes:
        file, checksums = parts[kind].file, parts[kind].checksums
        most = len(checksums) if kind in _SMALL else int(share * len(checksums))
        if not blocks_match(file, checksums, sample_blocks(len(checksums), most)):
            raise UnusableIndex(f"{file.name} is damaged")
    unchecked = () if share == 1 else tuple(parts[kind] for kind in large)
    return assemble(_Files(parts), shape, version, int(stamp["trained_on"]), unchecked)


@dataclass(frozen=True, slots=True)
class _Files:
    """The parts that current.json names."""

    parts: dict[str, PartFile]

    def read(self, kind: str) -> Array:
        return map_file(self.parts[kind].file)

    def file(self, kind: str) -> Path:
        return self.parts[kind].file


def _witnesses(store: Store, sketches: Sketches) -> dict[str, str]:
    """Checksums of the descriptors of some rows, the newest among them.

    A map that was restored from a copy and has grown since gives the same row numbers to other photos.
    """
    rows = sketches.places[3].astype(np.int64)
    newest = np.partition(rows, -min(len(rows), _WITNESSES // 2))[-(_WITNESSES // 2) :]
    return _row_checksums(store, np.unique(np.concatenate([newest, rows[:: max(1, len(rows) * 2 // _WITNESSES)]])))


def _agree(store: Store, witnesses: dict[str, str]) -> bool:
    now = _row_checksums(store, [int(row) for row in witnesses])
    return all(witnesses[row] == seen for row, seen in now.items())


def _row_checksums(store: Store, rows: Iterable[int] | Rows) -> dict[str, str]:
    """The checksum of the stored descriptor of each row; rows that are gone are left out."""
    checksums = {}
    for row in map(int, rows):
        found, halves = next(store.iter_descriptors(1, after=row - 1), (None, None))
        if found is not None and halves is not None and found[0] == row:
            checksums[str(row)] = f"{zlib.crc32(halves.tobytes()):08x}"
    return checksums
