"""The chunks of a WebP file: its size, EXIF and XMP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO

from .formats import Damaged

MAX_CHUNKS = 100_000
MAX_EXIF_BYTES = 4_000_000


@dataclass(frozen=True, slots=True)
class WebP:
    """The content of the chunks. For an animation, the size is that of its canvas."""

    width_px: int
    height_px: int
    exif: bytes
    xmp: bytes


def read(file: IO[bytes]) -> WebP:
    """Read the chunks, without decoding pixels.

    Raises:
        Damaged: the first frame is damaged, or there are too many chunks.
        EOFError: the file ends before its size.
    """
    size: tuple[int, int] | None = None
    exif = xmp = b""
    at = 12
    for _ in range(MAX_CHUNKS):
        file.seek(at)
        head = file.read(8)
        if len(head) < 8:
            break
        kind, length = head[:4], int.from_bytes(head[4:], "little")
        if size is None:
            size = _size(kind, file.read(10))
        if kind in (b"EXIF", b"XMP ") and length <= MAX_EXIF_BYTES:
            content = file.read(length)
            exif, xmp = (exif or content, xmp) if kind == b"EXIF" else (exif, xmp or content)
        at += 8 + length + length % 2
    else:
        raise Damaged(f"it has more than {MAX_CHUNKS} chunks")
    if size is None:
        raise EOFError("it ends before its size")
    return WebP(*size, exif, xmp)


def _size(kind: bytes, start: bytes) -> tuple[int, int] | None:
    if len(start) < 10:
        raise EOFError("it ends inside its header")
    if kind == b"VP8X":
        return 1 + int.from_bytes(start[4:7], "little"), 1 + int.from_bytes(start[7:10], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(start[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        if start[3:6] != b"\x9d\x01\x2a":
            raise Damaged("its first frame has no beginning")
        return int.from_bytes(start[6:8], "little") & 0x3FFF, int.from_bytes(start[8:10], "little") & 0x3FFF
    return None
