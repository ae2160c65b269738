"""The tags of a TIFF structure: a TIFF file, or the EXIF block of any other picture.

Only the tags that are needed are read, each once. In a crafted file, thousands of tags may point to the same megabytes,
and a reader that keeps them all would need gigabytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, NamedTuple, TypeAlias

Tags: TypeAlias = dict[int, Any]
"""Tag number to value: bytes for text and opaque data, else a number or Ratio, or a tuple of them."""

EXIF_IFD, GPS_IFD, XMP, JPEG_TABLES = 0x8769, 0x8825, 700, 347
ORIENTATION, ARTIST, COPYRIGHT = 0x0112, 0x013B, 0x8298
WIDTH, HEIGHT, BITS, COMPRESSION, STRIP_OFFSETS, SAMPLES, ROWS_PER_STRIP = 256, 257, 258, 259, 273, 277, 278
TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS = 322, 323, 324
TAKEN, TAKEN_OFFSET, DIGITIZED, DIGITIZED_OFFSET = 0x9003, 0x9011, 0x9004, 0x9012
FOCAL_MM, FOCAL_35MM, ELEVATION_DEG, EXIF_WIDTH, EXIF_HEIGHT = 0x920A, 0xA405, 0x9405, 0xA002, 0xA003
PLANE_X, PLANE_Y, PLANE_UNIT = 0xA20E, 0xA20F, 0xA210

MAIN_TAGS = frozenset(
    [
        *(EXIF_IFD, GPS_IFD, XMP, ORIENTATION, ARTIST, COPYRIGHT, WIDTH, HEIGHT, BITS, COMPRESSION, SAMPLES),
        *(ROWS_PER_STRIP, TILE_WIDTH, TILE_HEIGHT, TAKEN, TAKEN_OFFSET, DIGITIZED, DIGITIZED_OFFSET, FOCAL_MM),
        *(FOCAL_35MM, ELEVATION_DEG, EXIF_WIDTH, EXIF_HEIGHT, PLANE_X, PLANE_Y, PLANE_UNIT),
    ]
)
GPS_TAGS = frozenset(range(32))

MAX_VALUE_BYTES = 65_536
MAX_XMP_BYTES = 4_000_000
MAX_ENTRIES = 65_535

# type: (struct code, bytes of one value)
_TYPES = {
    1: ("B", 1),
    2: ("s", 1),
    3: ("H", 2),
    4: ("I", 4),
    5: ("II", 8),
    6: ("b", 1),
    7: ("s", 1),
    8: ("h", 2),
    9: ("i", 4),
    10: ("ii", 8),
    11: ("f", 4),
    12: ("d", 8),
    13: ("I", 4),
    16: ("Q", 8),
    17: ("q", 8),
    18: ("Q", 8),
}


@dataclass(frozen=True, slots=True)
class Ratio:
    """A rational number as stored, because 0/0 (not used) differs from 1/0 (damaged)."""

    top: int
    bottom: int

    def __float__(self) -> float:
        return self.top / self.bottom


class Structure(NamedTuple):
    """The layout of a TIFF structure: its byte order, whether it is a BigTIFF, and the offset of its first table."""

    order: str
    big: bool
    first: int


def read_tags(file: IO[bytes], start: int = 0) -> tuple[Tags, Tags]:
    """Read the tags of the picture and its camera, and the tags of its GPS table. Damaged tags are left out.

    Args:
        file: a seekable file that contains a TIFF structure.
        start: the offset at which the structure begins.
    """
    structure = _structure(file, start)
    if structure is None:
        return {}, {}
    tags = _table(file, start, structure, structure.first, MAIN_TAGS)
    exif_at, gps_at = tags.pop(EXIF_IFD, None), tags.pop(GPS_IFD, None)
    gps: Tags = {}
    if isinstance(exif_at, int):
        exif = _table(file, start, structure, exif_at, MAIN_TAGS)
        gps_at = exif.pop(GPS_IFD, gps_at) if gps_at is None else gps_at
        # The size of the picture, its tiles and its orientation come from the first table only.
        tags = {tag: value for tag, value in exif.items() if tag >= 0x829A} | tags
    if isinstance(gps_at, int):
        gps = _table(file, start, structure, gps_at, GPS_TAGS)
    return tags, gps


def _structure(file: IO[bytes], start: int) -> Structure | None:
    file.seek(start)
    head = file.read(16)
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None or len(head) < 8:
        return None
    magic = struct.unpack(order + "H", head[2:4])[0]
    if magic == 43 and len(head) == 16:
        return Structure(order, True, struct.unpack(order + "Q", head[8:16])[0])
    return Structure(order, False, struct.unpack(order + "I", head[4:8])[0])


def _table(file: IO[bytes], start: int, structure: Structure, at: int, wanted: frozenset[int]) -> Tags:
    found: Tags = {}
    order, big, _ = structure
    for tag, kind, count, field in _entries(file, start, structure, at):
        if tag not in wanted or tag in found or kind not in _TYPES:
            continue
        code, width = _TYPES[kind]
        size = count * width
        if not 0 < size <= (MAX_XMP_BYTES if tag == XMP else MAX_VALUE_BYTES):
            continue
        data = field[:size]
        if size > len(field):
            offset = struct.unpack(order + ("Q" if big else "I"), field)[0]
            data = _read_at(file, start + offset, size)
        if len(data) == size:
            found[tag] = _value(data, order, code, kind, count)
    return found


def _entries(file: IO[bytes], start: int, structure: Structure, at: int) -> Iterator[tuple[int, int, int, bytes]]:
    """Iterate over the entries of a table: tag, type, count, and the field with the value or its offset."""
    order, big, _ = structure
    width, header = (20, 8) if big else (12, 2)
    counted = _read_at(file, start + at, header)
    if len(counted) < header:
        return
    entries = min(struct.unpack(order + ("Q" if big else "H"), counted)[0], MAX_ENTRIES)
    block = _read_at(file, start + at + header, entries * width)
    for i in range(0, len(block) - width + 1, width):
        tag, kind, count = struct.unpack_from(order + ("HHQ" if big else "HHI"), block, i)
        yield tag, kind, count, block[i + width - (8 if big else 4) : i + width]


def _value(data: bytes, order: str, code: str, kind: int, count: int) -> Any:
    if code == "s" or kind in (1, 6):
        return data
    numbers = struct.unpack(order + code * count, data)
    values: tuple[Any, ...] = numbers
    if kind in (5, 10):
        values = tuple(Ratio(*numbers[i : i + 2]) for i in range(0, len(numbers), 2))
    return values[0] if count == 1 else values


def _read_at(file: IO[bytes], at: int, size: int) -> bytes:
    if not 0 <= at < 1 << 62:
        return b""
    file.seek(at)
    return file.read(size)
