"""The boxes of a HEIC or AVIF file (ISO base media file format): the size of its picture, EXIF and XMP."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, TypeAlias

from .formats import Damaged

MAX_BOXES = 10_000
MAX_META_BYTES = 16_000_000
MAX_ITEM_BYTES = 4_000_000
MAX_EXTENTS = 100_000

Extents: TypeAlias = list[tuple[int, int]]
"""Offset and length of each piece of an item."""


@dataclass(frozen=True, slots=True)
class Boxes:
    """The content of the boxes.

    `exif` begins, as the format requires, with the length of the preamble before the EXIF block. `sizes` are those of
    all pictures in the file, tiles and thumbnails included.
    """

    width_px: int
    height_px: int
    exif: bytes
    xmp: bytes
    sizes: tuple[tuple[int, int], ...]


@dataclass
class _Meta:
    """The content of the box `meta`, filled step by step."""

    primary: int | None = None
    exif: int | None = None
    xmp: int | None = None
    places: dict[int, tuple[int, Extents]] = field(default_factory=dict)  # item: construction method, extents
    sizes: dict[int, tuple[int, int]] = field(default_factory=dict)  # number of the property: width, height
    properties: dict[int, list[int]] = field(default_factory=dict)  # item: numbers of its properties
    data: bytes = b""


def read(file: IO[bytes]) -> Boxes:
    """Read the box `meta`, and the EXIF and XMP that it refers to, without decoding pixels.

    Raises:
        Damaged: the file has no still picture, or its size is missing.
    """
    for kind, start, end in _top(file):
        if kind == b"meta":
            if end - start > MAX_META_BYTES:
                raise Damaged("the table of its content is too large")
            file.seek(start)
            found = _meta(file.read(end - start))
            break
    else:
        raise Damaged("there is no still picture in it")
    size = next((found.sizes[p] for p in found.properties.get(found.primary or 0, ()) if p in found.sizes), None)
    if size is None:
        raise Damaged("it does not say its size")
    exif, xmp = _item(file, found, found.exif), _item(file, found, found.xmp)
    return Boxes(*size, exif, xmp, tuple(found.sizes.values()))


def _top(file: IO[bytes]) -> Iterator[tuple[bytes, int, int]]:
    """Iterate over the boxes of the file: the kind of each, and the start and end of its content."""
    at = 0
    for _ in range(MAX_BOXES):
        file.seek(at)
        head = file.read(16)
        if len(head) < 8:
            return
        length, kind, header = int.from_bytes(head[:4], "big"), head[4:8], 8
        if length == 1 and len(head) == 16:
            length, header = int.from_bytes(head[8:], "big"), 16
        end = 1 << 62 if length == 0 else at + length  # 0: to the end of the file
        if end < at + header:
            return
        yield kind, at + header, min(end, at + header + MAX_META_BYTES + 1) if kind == b"meta" and length == 0 else end
        at = end
        if at >= 1 << 62:
            return


def _inside(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Iterate over the boxes inside another box: the kind and the content of each."""
    at = 0
    while at + 8 <= len(content):
        length, kind, header = int.from_bytes(content[at : at + 4], "big"), content[at + 4 : at + 8], 8
        if length == 1:
            length, header = int.from_bytes(content[at + 8 : at + 16], "big"), 16
        end = len(content) if length == 0 else at + length
        if not at + header <= end <= len(content):
            return
        yield kind, content[at + header : end]
        at = end


def _meta(content: bytes) -> _Meta:
    meta = _Meta()
    for kind, body in _inside(content[4:]):
        try:
            if kind == b"pitm":
                meta.primary = int.from_bytes(body[4 : 6 if body[0] == 0 else 8], "big")
            elif kind == b"iinf":
                _items(body, meta)
            elif kind == b"iloc":
                _places(body, meta)
            elif kind == b"iprp":
                _item_properties(body, meta)
            elif kind == b"idat":
                meta.data = body
        except (IndexError, struct.error):
            raise Damaged("the table of its content is cut short") from None
    return meta


def _items(body: bytes, meta: _Meta) -> None:
    for kind, entry in _inside(body[6 if body[0] == 0 else 8 :]):
        if kind != b"infe" or entry[0] < 2:
            continue
        wide = entry[0] > 2
        number, rest = int.from_bytes(entry[4 : 8 if wide else 6], "big"), entry[10 if wide else 8 :]
        if rest[:4] == b"Exif" and meta.exif is None:
            meta.exif = number
        elif rest[:4] == b"mime" and meta.xmp is None and rest[4:].split(b"\0")[1:2] == [b"application/rdf+xml"]:
            meta.xmp = number


def _places(body: bytes, meta: _Meta) -> None:
    version = body[0]
    offset_size, length_size, base_size = body[4] >> 4, body[4] & 15, body[5] >> 4
    index_size = body[5] & 15 if version in (1, 2) else 0
    at, left = 6, MAX_EXTENTS

    def number(size: int) -> int:
        nonlocal at
        if at + size > len(body):
            raise IndexError
        at += size
        return int.from_bytes(body[at - size : at], "big")

    for _ in range(number(2 if version < 2 else 4)):
        item = number(2 if version < 2 else 4)
        method = number(2) & 15 if version in (1, 2) else 0
        number(2)  # the number of the file, always this one
        base = number(base_size)
        extents: Extents = []
        count = number(2)
        left -= count
        if left < 0:
            raise Damaged("its content lies in too many pieces")
        for _ in range(count):
            number(index_size)
            extents.append((base + number(offset_size), number(length_size)))
        meta.places[item] = method, extents


def _item_properties(body: bytes, meta: _Meta) -> None:
    for kind, content in _inside(body):
        if kind == b"ipco":
            for place, (name, value) in enumerate(_inside(content), start=1):
                if name == b"ispe" and len(value) >= 12:
                    width, height = struct.unpack_from(">II", value, 4)
                    meta.sizes[place] = width, height
        elif kind == b"ipma":
            _associations(content, meta)


def _associations(body: bytes, meta: _Meta) -> None:
    wide, id_size = body[3] & 1, 2 if body[0] == 0 else 4
    at = 8
    for _ in range(int.from_bytes(body[4:8], "big")):
        item, count = int.from_bytes(body[at : at + id_size], "big"), body[at + id_size]
        at += id_size + 1
        size = 2 if wide else 1
        mask = 0x7FFF if wide else 0x7F
        meta.properties[item] = [
            int.from_bytes(body[i : i + size], "big") & mask for i in range(at, at + count * size, size)
        ]
        at += count * size


def _item(file: IO[bytes], meta: _Meta, number: int | None) -> bytes:
    """Read the bytes of an item; empty if it is missing or has more than MAX_ITEM_BYTES."""
    method, extents = meta.places.get(number, (0, [])) if number is not None else (0, [])
    if method > 1 or sum(length for _, length in extents) > MAX_ITEM_BYTES:
        return b""
    pieces = []
    for offset, length in extents:
        if method == 1:
            pieces.append(meta.data[offset : offset + length])
        elif offset < 1 << 62:
            file.seek(offset)
            pieces.append(file.read(length))
    return b"".join(pieces)
