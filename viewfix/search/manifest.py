"""The manifest current.json: the files of an index, and the version of the map that they were built from.

Everything in it is checked before it is used, because the file may be damaged, or crafted with valid checksums, and
wrong sizes would make FAISS read beyond its memory.
"""

from __future__ import annotations

import json
import re
import stat
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..files import write_whole
from ..store.records import Version
from .blocks import BLOCK_BYTES
from .index import PartFile, Shape, UnusableIndex

FILE = "current.json"
FORMAT = 2
OLD_NAMES = {"projection": "turn", "centroids": "middles"}  # names of two parts in indexes built before 0.1.0
_MOST_BYTES = 64 << 20  # the size limit of current.json; for ten million photos it has 20 kB
_MOST_ROW = 2**53  # rows are stored as float64
_MOST_WITNESSES = 1_000
_REPLACE_TRIES = 10


@dataclass(frozen=True, slots=True)
class Manifest:
    """The contents of current.json.

    `witnesses` maps some rows to the checksums of their descriptors. `files` maps each kind of part to the name of its
    file and its checksums.
    """

    version: Version
    model: str  # fingerprint
    rows: int
    lists: int
    trained_on: int
    witnesses: Mapping[int, str]
    files: Mapping[str, tuple[str, tuple[int, ...]]]

    @classmethod
    def read(cls, folder: Path) -> Manifest | None:
        """Read and check the manifest in a folder; None if there is none.

        Raises:
            UnusableIndex: it is damaged, or was written by another version of viewfix.
        """
        file = folder / FILE
        try:
            status = file.lstat()
            if not stat.S_ISREG(status.st_mode) or status.st_size > _MOST_BYTES:
                raise ValueError(f"{FILE} is not a file of at most {_MOST_BYTES >> 20} MB")
            return cls._of(json.loads(file.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise UnusableIndex(f"it is damaged ({' '.join(str(error).split()) or type(error).__name__})") from error

    @classmethod
    def _of(cls, found: Mapping[str, Any]) -> Manifest:
        if found["format"] != FORMAT:
            raise UnusableIndex("it was built by another version of viewfix")
        version = found["version"]
        last_row = _number("last_row", version["last_row"], _MOST_ROW)
        if len(found["witnesses"]) > _MOST_WITNESSES:
            raise ValueError("too many witnesses")
        return cls(
            version=Version(_text(version["map_id"]), last_row, _number("removals", version["removals"], _MOST_ROW)),
            model=_text(found["model"]),
            rows=_number("rows", found["rows"], last_row),
            lists=_number("lists", found["lists"], _MOST_ROW),
            trained_on=_number("trained_on", found["trained_on"], _MOST_ROW),
            witnesses={
                _number("witness", int(row), last_row): _text(checksum) for row, checksum in found["witnesses"].items()
            },
            files={kind: _file(*named) for kind, named in found["files"].items()},
        )

    def write(self, folder: Path) -> None:
        """Replace the manifest in a folder atomically."""
        content = json.dumps({"format": FORMAT, **asdict(self)})
        for tries_left in reversed(range(_REPLACE_TRIES)):
            try:
                write_whole(folder / FILE, content, durable=True)
                return
            except PermissionError:  # on Windows, while another process is reading the old one
                if not tries_left:
                    raise
                time.sleep(0.02)

    def parts(self, folder: Path, dim: int) -> tuple[Shape, dict[str, PartFile]]:
        """The shape of the index, and the files of its parts by kind, after a check of their sizes.

        Raises:
            UnusableIndex: a file is missing or has the wrong size.
        """
        shape = Shape(dim, self.rows, self.lists)
        found = {}
        for kind, size in shape.bytes().items():
            name, checksums = self.files.get(kind) or self.files.get(OLD_NAMES.get(kind, "")) or ("", ())
            if not name:
                raise UnusableIndex(f"it is damaged ({FILE} does not name the {kind})")
            status = (folder / name).lstat()
            if not stat.S_ISREG(status.st_mode) or status.st_size != size or len(checksums) != -(-size // BLOCK_BYTES):
                raise UnusableIndex(f"{name} is damaged")
            found[kind] = PartFile(folder / name, checksums)
        return shape, found


def _number(name: str, value: object, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise ValueError(f"{name} is not a number from 0 to {most}")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("a text is missing")
    return value


def _file(name: object, checksums: Sequence[object]) -> tuple[str, tuple[int, ...]]:
    if not re.fullmatch(r"[a-z]{1,20}-[0-9a-f]{12}", _text(name)):
        raise ValueError("a file has an unusual name")
    return _text(name), tuple(_number("checksum", each, 2**32 - 1) for each in checksums)
