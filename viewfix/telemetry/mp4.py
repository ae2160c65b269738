"""The boxes of MP4 and QuickTime files, as far as telemetry needs them: bounded in time and memory."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

MOST_INDEX_BYTES = 128_000_000
"""The size of the index (moov) that is read. That of a film of two hours has a few megabytes."""

MOST_BOXES = 10_000
MOST_SAMPLES = 5_000_000
MOST_SAMPLE_BYTES = 4_000_000

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Region:
    """A box at the top of a file: where its content begins, and its length in bytes."""

    kind: bytes
    start: int
    size: int


@dataclass(frozen=True, slots=True)
class DataTrack:
    """A track of samples that are neither pictures nor sound. `form` is its four-letter code, such as b"gpmd".

    The arrays are (N,): the byte offset and the size of each sample, and its time and duration in seconds.
    """

    form: bytes
    offsets: Ints
    sizes: Ints
    times_s: npt.NDArray[np.float64]
    durations_s: npt.NDArray[np.float64]

    def samples(self, file: IO[bytes]) -> Iterator[tuple[float, float, bytes]]:
        """Time, duration and content of each sample, as far as the file goes."""
        for offset, size, time_s, duration_s in zip(
            self.offsets, self.sizes, self.times_s, self.durations_s, strict=True
        ):
            if size > MOST_SAMPLE_BYTES or offset < 0:
                continue
            file.seek(int(offset))
            content = file.read(int(size))
            if len(content) < size:  # the file was cut off
                return
            yield float(time_s), float(duration_s), content


@dataclass(frozen=True, slots=True)
class Movie:
    """The index of a film, its data tracks, and the other boxes at the top of the file."""

    index: bytes
    top: tuple[Region, ...]
    tracks: tuple[DataTrack, ...]


def read_movie(path: Path) -> Movie | None:
    """Read the index of a film; None if it has none, or is not an MP4 or QuickTime file.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        top = tuple(_top(file))
        found = next((region for region in top if region.kind == b"moov"), None)
        if found is None or found.size > MOST_INDEX_BYTES:
            return None
        file.seek(found.start)
        index = file.read(found.size)
    tracks = []
    for trak in children(index, b"trak"):
        try:
            tracks.append(_track(trak, _time_scale(child(index, b"mvhd"))))
        except (ValueError, struct.error, IndexError):  # a damaged track costs only itself
            continue
    return Movie(index, top, tuple(track for track in tracks if track is not None))


def _top(file: IO[bytes]) -> Iterator[Region]:
    file.seek(0, 2)
    end, at = file.tell(), 0
    for _ in range(MOST_BOXES):
        if at >= end:
            return
        file.seek(at)
        head = file.read(16)
        if len(head) < 8:
            return
        size, kind, start = int.from_bytes(head[:4], "big"), head[4:8], 8
        if size == 1 and len(head) == 16:
            size, start = int.from_bytes(head[8:16], "big"), 16
        elif size == 0:
            size = end - at
        if size < start:
            return
        yield Region(kind, at + start, min(size, end - at) - start)
        at += size


def boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The kind and content of each box in the content of another."""
    at = 0
    for _ in range(MOST_BOXES):
        if at + 8 > len(content):
            return
        size, start = int.from_bytes(content[at : at + 4], "big"), 8
        if size == 1:
            size, start = int.from_bytes(content[at + 8 : at + 16], "big"), 16
        elif size == 0:
            size = len(content) - at
        if size < start:
            return
        yield content[at + 4 : at + 8], content[at + start : at + size]
        at += size


def children(content: bytes, *path: bytes) -> list[bytes]:
    """The contents of all boxes at a path below this one, such as b"mdia", b"minf"."""
    found = [content]
    for kind in path:
        found = [inner for outer in found for name, inner in boxes(outer) if name == kind]
    return found


def child(content: bytes, *path: bytes) -> bytes:
    """The content of the first box at a path.

    Raises:
        ValueError: there is none.
    """
    found = children(content, *path)
    if not found:
        raise ValueError(f"there is no box {b'/'.join(path)!r}")
    return found[0]


def _track(trak: bytes, film_scale: int) -> DataTrack | None:
    """The samples of a track; None for pictures and sound."""
    media = child(trak, b"mdia")
    if child(media, b"hdlr")[8:12] in (b"vide", b"soun"):
        return None
    scale = _time_scale(child(media, b"mdhd"))
    table = child(media, b"minf", b"stbl")
    form = child(table, b"stsd")[12:16]
    sizes = _sizes(child(table, b"stsz"))
    durations = _runs(child(table, b"stts"), len(sizes))
    offsets = _offsets(table, sizes)
    count = min(len(sizes), len(durations), len(offsets))
    times = np.concatenate([[0], np.cumsum(durations[:count])[:-1]]) if count else np.zeros(0)
    return DataTrack(
        form, offsets[:count], sizes[:count], times / scale + _delay_s(trak, film_scale), durations[:count] / scale
    )


def _time_scale(header: bytes) -> int:
    [scale] = struct.unpack(">I", header[20:24] if header[0] == 1 else header[12:16])
    if not scale:
        raise ValueError("its time scale is 0")
    return int(scale)


def _delay_s(trak: bytes, film_scale: int) -> float:
    """How much later than the film this track begins: an empty edit. 0 if there is none; other edits are ignored."""
    found = children(trak, b"edts", b"elst")
    if not found or found[0][0] != 0 or len(found[0]) < 20:
        return 0.0
    duration, start = struct.unpack(">Ii", found[0][8:16])
    return float(duration / film_scale) if start == -1 else 0.0


def _numbers(content: bytes, kind: str) -> Ints:
    width = np.dtype(kind).itemsize
    return np.frombuffer(content[: len(content) // width * width], kind).astype(np.int64)


def _sizes(content: bytes) -> Ints:
    same, count = struct.unpack(">II", content[4:12])
    if count > MOST_SAMPLES:
        raise ValueError("it has too many samples")
    return np.full(count, same, np.int64) if same else _numbers(content[12:], ">u4")[:count]


def _runs(content: bytes, most: int) -> Ints:
    """A run-length table as one number for each sample."""
    runs = _numbers(content[8:], ">u4")
    runs = runs[: len(runs) // 2 * 2].reshape(-1, 2)
    return np.repeat(runs[:, 1], np.minimum(runs[:, 0], most))[:most]


def _offsets(table: bytes, sizes: Ints) -> Ints:
    found = children(table, b"stco")
    chunks = _numbers(found[0][8:], ">u4") if found else _numbers(child(table, b"co64")[8:], ">i8")
    runs = _numbers(child(table, b"stsc")[8:], ">u4")
    runs = runs[: len(runs) // 3 * 3].reshape(-1, 3)
    offsets = np.zeros(len(sizes), np.int64)
    sample = 0
    for number, (first, each, _) in enumerate(runs):
        last = runs[number + 1][0] - 1 if number + 1 < len(runs) else len(chunks)
        for chunk in range(max(int(first), 1) - 1, min(int(last), len(chunks))):
            count = min(int(each), len(sizes) - sample)
            if count <= 0:
                return offsets[:sample]
            inside = sizes[sample : sample + count]
            offsets[sample : sample + count] = chunks[chunk] + np.cumsum(inside) - inside
            sample += count
    return offsets[:sample]
