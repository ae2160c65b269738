"""Arrays go in, a chunk at a time, and come out mapped into memory: files with a checksum for every block of them."""

from __future__ import annotations

import contextlib
import os
import random
import uuid
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

BLOCK_BYTES = 1 << 20  # checked as one: 10 million photos have 1,700 of them, and as many sums in current.json
CHUNK = 65_536  # sketches read or written at a time, 4 MB

Array = npt.NDArray[Any]
Put = Callable[[Array], None]


class Stopped(Exception):
    """Whoever wanted this made is closing: it is given up. Never leaves the threads of a search."""


def never() -> bool:
    """For work that nobody stops."""
    return False


class Furnished(Protocol):
    """Where the parts of a cache lie."""

    def read(self, kind: str) -> Array:
        """(bytes,) uint8 of a part."""
        ...

    def file(self, kind: str) -> Path | None:
        """The file of a part; None where there are no files."""
        ...


class BlockStore(Furnished, Protocol):
    """Where they are written, each from its beginning to its end."""

    def writing(self, kind: str) -> contextlib.AbstractContextManager[Put]:
        """Write one part, array by array."""
        ...

    def forget(self, kind: str) -> None:
        """That part was only needed meanwhile."""


class Memory:
    """A room for those who can write nowhere."""

    def __init__(self) -> None:
        self._parts: dict[str, bytearray] = {}

    @contextlib.contextmanager
    def writing(self, kind: str) -> Iterator[Put]:
        part = self._parts[kind] = bytearray()
        yield lambda array: part.extend(_flat(array))

    def read(self, kind: str) -> Array:
        return np.frombuffer(self._parts[kind], np.uint8)

    def file(self, kind: str) -> Path | None:
        return None

    def forget(self, kind: str) -> None:
        del self._parts[kind]


class Folder:
    """A room for files of a new generation: nobody knows of them before something names them. OSError when it is full.

    They are written and not mapped meanwhile: a full disk is then an error, and no signal that ends the process.
    """

    def __init__(self, path: Path) -> None:
        self._path, self.mark = path, uuid.uuid4().hex[:12]
        self.sums: dict[str, list[int]] = {}

    @contextlib.contextmanager
    def writing(self, kind: str) -> Iterator[Put]:
        sums = _Sums()
        with self.file(kind).open("wb") as file:

            def put(array: Array) -> None:
                data = _flat(array)
                sums.add(data)
                file.write(data)

            yield put
            file.flush()
            os.fsync(file.fileno())
        self.sums[kind] = sums.all()

    def read(self, kind: str) -> Array:
        return mapped(self.file(kind))

    def file(self, kind: str) -> Path:
        return self._path / f"{kind}-{self.mark}"

    def forget(self, kind: str) -> None:
        del self.sums[kind]
        with contextlib.suppress(OSError):  # Windows keeps a file that is mapped: it is swept away with the next one
            self.file(kind).unlink()


def mapped(file: Path) -> Array:
    """(bytes,) uint8 of a file, read where they are touched. A plain array: a memmap checks itself at every slice."""
    if not file.stat().st_size:
        return np.empty(0, np.uint8)
    return np.asarray(np.memmap(file, np.uint8, "r"))


def blocks_to_try(count: int, most: int) -> Sequence[int]:
    """Numbers of blocks that a look at `most` of `count` takes: the first, the last, and any between."""
    if count <= most:
        return range(count)
    return sorted({0, count - 1, *random.sample(range(count), max(0, most - 2))})


def whole(file: Path, sums: Sequence[int], numbers: Sequence[int], stopped: Callable[[], bool] = never) -> bool:
    """Whether those blocks of a file are what was written."""
    with file.open("rb") as opened:
        for number in numbers:
            if stopped():
                raise Stopped("the look at the cache")
            opened.seek(number * BLOCK_BYTES)
            if zlib.crc32(opened.read(BLOCK_BYTES)) != sums[number]:
                return False
    return True


class _Sums:
    def __init__(self) -> None:
        self._done: list[int] = []
        self._crc = self._filled = 0

    def add(self, data: memoryview) -> None:
        while len(data):
            part = data[: BLOCK_BYTES - self._filled]
            self._crc, self._filled = zlib.crc32(part, self._crc), self._filled + len(part)
            if self._filled == BLOCK_BYTES:
                self._done.append(self._crc)
                self._crc = self._filled = 0
            data = data[len(part) :]

    def all(self) -> list[int]:
        return [*self._done, self._crc] if self._filled else self._done


def _flat(array: Array) -> memoryview:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
