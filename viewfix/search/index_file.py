"""The index of a map as files in a folder: published atomically, checked before use, and mapped into memory."""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..store.store import Store
from .blocks import Array, FolderBlocks, blocks_match, map_file, never, sample_blocks
from .index import Index, PartFile, UnusableIndex, assemble, flaw
from .manifest import FILE, OLD_NAMES, Manifest
from .search import Rows
from .sketches import Sketches

CHECKED_BLOCKS = 64  # 64 MB are read before an index is used: the whole index up to 400,000 photos, else a sample
_KINDS = ("projection", "places", "codes", "centroids", "sizes", "lists", "fresh", *OLD_NAMES.values())
_SMALL = ("projection", "centroids", "sizes")  # always checked to the last byte
_WITNESSES = 64


def folder_of(path: Path) -> Path:
    """The path of the index folder of a map file."""
    return path.with_name(path.name + ".index")


def publish(index: Index, store: Store, folder: Path, blocks: FolderBlocks) -> None:
    """Publish the files in `blocks` as the index of a map, by replacing the single file that lists them."""
    Manifest(
        version=index.version,
        model=store.model.fingerprint,
        rows=len(index.sketches),
        lists=len(index.lists.centroids) if index.lists else 0,
        trained_on=index.trained_on,
        witnesses=_witnesses(store, index.sketches),
        files={kind: (blocks.file(kind).name, tuple(sums)) for kind, sums in blocks.checksums.items()},
    ).write(folder)


def sweep(folder: Path) -> None:
    """Delete the files that current.json does not list. Only the process with the lock of the folder may call this."""
    named: set[str] = set()
    with contextlib.suppress(UnusableIndex):
        if (manifest := Manifest.read(folder)) is not None:
            named = {name for name, _ in manifest.files.values()}
    for path in folder.iterdir():
        part = path.name.split("-")[0] in (*_KINDS, "current") and "-" in path.name
        draft = path.name.startswith(f".{FILE}.")
        if (part or draft) and path.name not in named:
            with contextlib.suppress(OSError):
                path.unlink()


def newest_row(folder: Path) -> int:
    """The last row of the index in a folder; 0 if there is no readable index."""
    with contextlib.suppress(UnusableIndex):
        if (manifest := Manifest.read(folder)) is not None:
            return manifest.version.last_row
    return 0


def load(store: Store, folder: Path) -> Index | None:
    """Open the index of a map; None if there is none.

    Raises:
        UnusableIndex: it is damaged, or belongs to another map or to a later state of this one.
    """
    for last_try in (False, True):
        if (manifest := Manifest.read(folder)) is None:
            return None
        try:
            return _loaded(store, folder, manifest)
        except FileNotFoundError as error:
            if last_try:  # the first time, another process may just have published a new generation
                raise UnusableIndex(f"{error.filename} is missing") from error
        except OSError as error:
            raise UnusableIndex(f"it cannot be read ({error.strerror or error})") from error
    return None


def damage(index: Index, stopped: Callable[[], bool] = never) -> str | None:
    """Check the files that were not read completely when the index was opened. Returns what is wrong, or None."""
    for part in index.unchecked:
        try:
            if not blocks_match(part.file, part.checksums, range(len(part.checksums)), stopped):
                return f"{part.file.name} is damaged"
        except FileNotFoundError:
            pass  # another process published a newer index and deleted this file; mapped memory stays usable
        except OSError as error:
            return f"{part.file.name} cannot be read ({error.strerror or error})"
    return flaw(index) if index.unchecked else None


def _loaded(store: Store, folder: Path, manifest: Manifest) -> Index:
    version, now = manifest.version, store.version
    if version.map_id != now.map_id or manifest.model != store.model.fingerprint:
        raise UnusableIndex("it belongs to another map")
    newer = version.last_row > now.last_row or version.removals > now.removals
    if newer or not _agree(store, manifest.witnesses):
        raise UnusableIndex(
            "it contains photos that the map does not have, perhaps because the map was restored from a copy"
        )
    shape, parts = manifest.parts(folder, store.model.dim)
    large = [kind for kind in parts if kind not in _SMALL]
    share = CHECKED_BLOCKS / max(CHECKED_BLOCKS, sum(len(parts[kind].checksums) for kind in large))
    for kind, part in parts.items():
        count = len(part.checksums)
        if not blocks_match(
            part.file, part.checksums, sample_blocks(count, count if kind in _SMALL else int(share * count))
        ):
            raise UnusableIndex(f"{part.file.name} is damaged")
    unchecked = () if share == 1 else tuple(parts[kind] for kind in large)
    index = assemble(_Files(parts), shape, version, manifest.trained_on, unchecked)
    if not unchecked and (problem := flaw(index)) is not None:
        raise UnusableIndex(problem)
    return index


@dataclass(frozen=True, slots=True)
class _Files:
    """The parts that current.json lists."""

    parts: Mapping[str, PartFile]

    def read(self, kind: str) -> Array:
        return map_file(self.parts[kind].file)

    def file(self, kind: str) -> Path:
        return self.parts[kind].file


def _witnesses(store: Store, sketches: Sketches) -> dict[int, str]:
    """Checksums of the descriptors of some rows, the newest included.

    They reveal a map that was restored from a copy and has grown since: its row numbers belong to other photos.
    """
    rows = sketches.places[3].astype(np.int64)
    newest = np.partition(rows, -min(len(rows), _WITNESSES // 2))[-(_WITNESSES // 2) :]
    return _row_checksums(store, np.unique(np.concatenate([newest, rows[:: max(1, len(rows) * 2 // _WITNESSES)]])))


def _agree(store: Store, witnesses: Mapping[int, str]) -> bool:
    now = _row_checksums(store, witnesses)
    return all(witnesses[row] == seen for row, seen in now.items())


def _row_checksums(store: Store, rows: Iterable[int] | Rows) -> dict[int, str]:
    """The checksum of the stored descriptor of each row; removed rows are left out."""
    checksums = {}
    for row in map(int, rows):
        found, halves = next(store.iter_descriptors(1, after=row - 1), (None, None))
        if found is not None and halves is not None and found[0] == row:
            checksums[row] = f"{zlib.crc32(halves.tobytes()):08x}"
    return checksums
