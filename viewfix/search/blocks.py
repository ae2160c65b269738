"""Storage for the arrays of an index: in memory, or in files with a checksum for every block."""

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

BLOCK_BYTES = 1 << 20  # one checksum each: the index of 10 million photos has 1,700 blocks
CHUNK = 65_536  # sketches to read or write at a time, 4 MB

Array = npt.NDArray[Any]
Write = Callable[[Array], None]


class Stopped(Exception):
    """The search was closed while its index was being built. Never raised to the caller of a search."""


def never() -> bool:
    """The `stopped` callback of work that cannot be stopped."""
    return False


class PartReader(Protocol):
    """The finished parts of an index."""

    def read(self, kind: str) -> Array:
        """Read the bytes of one part: (n,) uint8."""
        ...

    def file(self, kind: str) -> Path | None:
        """The file of one part; None if the parts are in memory."""
        ...


class BlockStore(PartReader, Protocol):
    """Storage for the parts of a new index, each written once from beginning to end."""

    def writer(self, kind: str) -> contextlib.AbstractContextManager[Write]:
        """Open one part for writing. The context is a function that appends an array."""
        ...

    def discard(self, kind: str) -> None:
        """Delete a part that was needed only while building."""


class MemoryBlocks:
    """Parts in memory, for a map whose folder cannot be written."""

    def __init__(self) -> None:
        self._parts: dict[str, bytearray] = {}

    @contextlib.contextmanager
    def writer(self, kind: str) -> Iterator[Write]:
        part = self._parts[kind] = bytearray()
        yield lambda array: part.extend(_flat(array))

    def read(self, kind: str) -> Array:
        return np.frombuffer(self._parts[kind], np.uint8)

    def file(self, kind: str) -> Path | None:
        return None

    def discard(self, kind: str) -> None:
        del self._parts[kind]


class FolderBlocks:
    """Parts as files of a new generation, which no process uses until current.json names them.

    The files are written, not mapped, because on a full disk a mapped file would end the process by a signal.
    """

    def __init__(self, path: Path) -> None:
        self._path, self.generation = path, uuid.uuid4().hex[:12]
        self.checksums: dict[str, list[int]] = {}

    @contextlib.contextmanager
    def writer(self, kind: str) -> Iterator[Write]:
        checksums = _Checksums()
        with self.file(kind).open("wb") as file:

            def write(array: Array) -> None:
                data = _flat(array)
                checksums.add(data)
                file.write(data)

            yield write
            file.flush()
            os.fsync(file.fileno())
        self.checksums[kind] = checksums.all()

    def read(self, kind: str) -> Array:
        return map_file(self.file(kind))

    def file(self, kind: str) -> Path:
        return self._path / f"{kind}-{self.generation}"

    def discard(self, kind: str) -> None:
        del self.checksums[kind]
        with contextlib.suppress(OSError):  # Windows keeps a mapped file: the next sweep deletes it
            self.file(kind).unlink()


def map_file(file: Path) -> Array:
    """Map a file into memory as (n,) uint8. Returns a plain array, because np.memmap is slower at every slice."""
    if not file.stat().st_size:
        return np.empty(0, np.uint8)
    return np.asarray(np.memmap(file, np.uint8, "r"))


def sample_blocks(count: int, most: int) -> Sequence[int]:
    """Choose at most `most` of `count` blocks: the first, the last, and random ones between."""
    if count <= most:
        return range(count)
    return sorted({0, count - 1, *random.sample(range(count), max(0, most - 2))})


def blocks_match(
    file: Path, checksums: Sequence[int], numbers: Sequence[int], stopped: Callable[[], bool] = never
) -> bool:
    """Whether the blocks with these numbers still have their checksums.

    Raises:
        Stopped: `stopped` became true.
    """
    with file.open("rb") as opened:
        for number in numbers:
            if stopped():
                raise Stopped("the check of the index")
            opened.seek(number * BLOCK_BYTES)
            if zlib.crc32(opened.read(BLOCK_BYTES)) != checksums[number]:
                return False
    return True


class _Checksums:
    """CRC-32 of every block of a stream of bytes."""

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
