"""The segments of a JPEG file: its size, EXIF, XMP and number of scans, and a copy without metadata."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import IO

from .formats import Damaged

EXIF_MARK, XMP_MARK = b"Exif\0", b"http://ns.adobe.com/xap/1.0/\0"
SOI, EOI, SOS, APP0, APP1, APP14, APP15, COMMENT = 0xD8, 0xD9, 0xDA, 0xE0, 0xE1, 0xEE, 0xEF, 0xFE
SIZES = frozenset([*range(0xC0, 0xD0)]) - {0xC4, 0xC8, 0xCC}
PROGRESSIVE = frozenset([0xC2, 0xC6, 0xCA, 0xCE])
ARITHMETIC = frozenset(range(0xC9, 0xD0))
WITHOUT_LENGTH = frozenset([0x01, *range(0xD0, 0xD9)])

MAX_SEGMENTS = 10_000
MAX_GARBAGE_BYTES = 1_000_000
MAX_EXIF_BYTES = 4_000_000

_NEXT_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")


@dataclass(frozen=True, slots=True)
class Jpeg:
    """The content of the segments before the first scan.

    `kept` are the spans of bytes before the first scan that a decoder needs; `scan` is the offset of that scan.
    `in_one_scan`: all colours are in the first scan, so any further scan is an error.
    """

    width_px: int
    height_px: int
    components: int
    progressive: bool
    arithmetic: bool
    in_one_scan: bool
    exif: bytes
    xmp: bytes
    kept: tuple[tuple[int, int], ...]
    scan: int


def read(file: IO[bytes]) -> Jpeg:
    """Read the segments up to the first scan.

    Raises:
        Damaged: the size or the first scan is missing, there are two sizes, or there are too many segments.
    """
    file.seek(2)
    at, garbage, size, size_marker = 2, 0, b"", 0
    exif: list[bytes] = []
    exif_bytes = 0
    xmp = b""
    kept: list[tuple[int, int]] = []
    for _ in range(MAX_SEGMENTS):
        marker, skipped = _marker(file, MAX_GARBAGE_BYTES - garbage)
        garbage += skipped
        at += skipped
        if marker in WITHOUT_LENGTH:
            at += 2
            continue
        if marker == EOI:
            raise Damaged("it ends before its pixels")
        length = int.from_bytes(_exactly(file, 2), "big")
        if length < 2:
            raise Damaged("a segment has no length")
        end = at + 2 + length
        if marker in SIZES:
            if size:
                raise Damaged("it has two sizes")
            size, size_marker = _exactly(file, length - 2), marker
        elif marker == SOS:
            return _found(size, size_marker, _exactly(file, 1)[0], (b"".join(exif), xmp), (tuple(kept), at))
        elif marker == APP1:
            content = _exactly(file, length - 2)
            if content.startswith(EXIF_MARK) and exif_bytes < MAX_EXIF_BYTES:
                exif.append(content[6:])  # EXIF over 64 KiB is spread over several segments
                exif_bytes += length
            elif content.startswith(XMP_MARK) and not xmp:
                xmp = content[len(XMP_MARK) :]
        if not (APP1 <= marker <= APP15 or marker == COMMENT) or marker == APP14:
            kept.append((at, end))
        file.seek(end)
        at = end
    raise Damaged(f"it has more than {MAX_SEGMENTS} segments")


def _found(
    size: bytes,
    marker: int,
    in_scan: int,
    metadata: tuple[bytes, bytes],
    spans: tuple[tuple[tuple[int, int], ...], int],
) -> Jpeg:
    if len(size) < 6:
        raise Damaged("it has no size")
    height, width, components = struct.unpack_from(">HHB", size, 1)
    return Jpeg(
        width,
        height,
        components,
        progressive=marker in PROGRESSIVE,
        arithmetic=marker in ARITHMETIC,
        in_one_scan=marker not in PROGRESSIVE and in_scan >= components,
        exif=metadata[0],
        xmp=metadata[1],
        kept=spans[0],
        scan=spans[1],
    )


def _marker(file: IO[bytes], most_garbage: int) -> tuple[int, int]:
    """Read the next marker; returns it and the number of stray bytes before it."""
    skipped = 0
    byte = _exactly(file, 1)
    while True:
        while byte != b"\xff":
            skipped += 1
            if skipped > most_garbage:
                raise Damaged("there is no segment where one must begin")
            byte = _exactly(file, 1)
        byte = _exactly(file, 1)
        if byte == b"\xff":  # padding
            skipped += 1
        elif byte == b"\0":
            skipped += 2
            byte = _exactly(file, 1)
        else:
            return byte[0], skipped


def _exactly(file: IO[bytes], size: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise EOFError("it ends inside its header")
    return data


def scans(data: bytes, jpeg: Jpeg, most: int) -> int:
    """Count the scans of a JPEG, up to one more than `most`.

    An honest file costs one search for two bytes. Only if that finds too many are the segments followed.
    """
    if jpeg.in_one_scan or data.count(b"\xff\xda", jpeg.scan) <= most:
        return 1 if jpeg.in_one_scan else data.count(b"\xff\xda", jpeg.scan)
    count, at = 0, jpeg.scan
    for _ in range(MAX_SEGMENTS):
        found = _NEXT_MARKER.search(data, at)
        if count > most or found is None:
            return count
        marker, at = found[1][0], found.end()
        if marker in (EOI, SOI):
            return count
        if marker not in WITHOUT_LENGTH:
            at += max(2, int.from_bytes(data[at : at + 2], "big"))
        count += marker == SOS
    return most + 1  # no photo needs so many segments


def without_metadata(data: bytes, jpeg: Jpeg) -> bytes:
    """Copy the parts of the file that a decoder needs: tables, colour transform and scans."""
    view = memoryview(data)
    return b"".join([view[:2], *(view[start:end] for start, end in jpeg.kept), view[jpeg.scan :]])
