"""A finished index goes into a folder beside its map, and comes out mapped into memory, if it is whole and fits."""

from __future__ import annotations

import contextlib
import json
import os
import uuid
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .records import Version
from .sketch import BITS, Sketcher, Sketches
from .sqlite.store import SqliteStore

FORMAT = 1
_CURRENT = "current.json"  # names the files of the one generation that counts
_KINDS = ("turn", "places", "codes", "lists")
_WITNESSES = 64


class Unfit(Exception):
    """Why the cache at hand cannot be used: half a sentence for the notice."""


@dataclass(frozen=True, slots=True)
class Cache:
    """An index of the rows of one version. `lists` is a FAISS index, None where the map does not need one yet."""

    version: Version
    sketches: Sketches
    lists: Any
    trained_on: int  # how many photos there were when `lists` was trained


def folder_of(path: Path) -> Path:
    return path.with_name(path.name + ".index")


def save(cache: Cache, store: SqliteStore) -> None:
    """Write a cache beside its map: new files first, then the one that names them, in one move. OSError if it fails."""
    import faiss

    folder = folder_of(store.path)
    folder.mkdir(exist_ok=True)
    mark = uuid.uuid4().hex[:12]
    names = {kind: f"{kind}-{mark}" for kind in _KINDS if kind != "lists" or cache.lists is not None}
    arrays: dict[str, npt.NDArray[Any]] = {
        "turn": cache.sketches.sketcher.turn,
        "places": cache.sketches.places,
        "codes": cache.sketches.codes,
    }
    try:
        for kind, array in arrays.items():
            with (folder / names[kind]).open("wb") as file:
                np.save(file, array, allow_pickle=False)
        if cache.lists is not None:
            try:
                faiss.write_index(cache.lists, str(folder / names["lists"]))
            except RuntimeError as error:  # how FAISS says that the disk is full
                raise OSError(str(error).splitlines()[0]) from error
        for name in names.values():
            _sync(folder / name)
        stamp = {
            "format": FORMAT,
            "version": asdict(cache.version),
            "model": store.model.fingerprint,
            "trained_on": cache.trained_on,
            "witnesses": _witnesses(store, cache.sketches),
            "files": {
                kind: [name, (folder / name).stat().st_size, _crc(folder / name)] for kind, name in names.items()
            },
        }
        draft = folder / f"current-{mark}"
        draft.write_text(json.dumps(stamp))
        _sync(draft)
        draft.replace(folder / _CURRENT)
    except BaseException:
        _sweep(folder, lambda name: name.endswith(mark))
        raise
    _sweep(folder, lambda name: name.split("-")[0] in (*_KINDS, "current") and "-" in name and not name.endswith(mark))


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
        except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
            raise Unfit(f"it is damaged ({str(error).splitlines()[0]})") from error
    return None


def _loaded(store: SqliteStore, folder: Path, stamp: dict[str, Any]) -> Cache:
    import faiss

    version = Version(**stamp["version"])
    now = store.version
    if stamp["format"] != FORMAT:
        raise Unfit("another version of viewfix made it")
    if version.map_id != now.map_id or stamp["model"] != store.model.fingerprint:
        raise Unfit("it belongs to another map")
    if version.last_row > now.last_row or version.removals > now.removals or not _agree(store, stamp["witnesses"]):
        raise Unfit("it knows photos that the map does not have: was the map put back from a copy?")
    files: dict[str, Path] = {}
    for kind, (name, size, crc) in stamp["files"].items():
        files[kind] = folder / Path(name).name
        # FAISS trusts what it reads, so nothing but what was written may reach it. 25 ms for 100 MB.
        if files[kind].stat().st_size != size or _crc(files[kind]) != crc:
            raise Unfit(f"{name} is damaged")
    turn = np.load(files["turn"], allow_pickle=False)
    places = np.load(files["places"], mmap_mode="r", allow_pickle=False)
    codes = np.load(files["codes"], mmap_mode="r", allow_pickle=False)
    rows = places.shape[1]
    if turn.shape != (store.model.dim + 1, BITS) or places.shape != (4, rows) or codes.shape != (rows, BITS // 8):
        raise Unfit("its parts do not fit together")
    lists = faiss.read_index(str(files["lists"])) if "lists" in files else None
    # As plain arrays: a memmap checks itself at every slice, which costs more than the slice.
    sketches = Sketches(Sketcher(turn), np.asarray(places), np.asarray(codes))
    return Cache(version, sketches, lists, int(stamp["trained_on"]))


def _witnesses(store: SqliteStore, sketches: Sketches) -> dict[str, str]:
    """Some rows, the newest among them, and a checksum of their descriptors: a map put back from a copy and
    grown since gives the same row numbers to other photos."""
    rows = np.sort(sketches.places[3]).astype(np.int64)
    chosen = np.unique(np.concatenate([rows[-_WITNESSES // 2 :], rows[:: max(1, len(rows) * 2 // _WITNESSES)]]))
    return _sums(store, chosen.tolist())


def _agree(store: SqliteStore, witnesses: dict[str, str]) -> bool:
    now = _sums(store, [int(row) for row in witnesses])
    return all(witnesses[row] == seen for row, seen in now.items())


def _sums(store: SqliteStore, rows: list[int]) -> dict[str, str]:
    """The checksum of each row's stored bytes; rows that are gone are left out."""
    sums = {}
    for row in rows:
        found, halves = next(store.iter_descriptors(1, after=row - 1), (None, None))
        if found is not None and halves is not None and found[0] == row:
            sums[str(row)] = f"{zlib.crc32(halves.tobytes()):08x}"
    return sums


def _crc(path: Path) -> int:
    crc = 0
    with path.open("rb") as file:
        while part := file.read(1 << 20):
            crc = zlib.crc32(part, crc)
    return crc


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _sweep(folder: Path, unwanted: Callable[[str], bool]) -> None:
    for path in folder.iterdir():
        if unwanted(path.name):
            with contextlib.suppress(OSError):
                path.unlink()
