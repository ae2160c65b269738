"""The chunks of a PNG file: its size, EXIF and XMP, and a copy without metadata."""

from __future__ import annotations

import binascii
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from .formats import Damaged

SIGNATURE = b"\x89PNG\r\n\x1a\n"
NEEDED = frozenset([b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"])
METADATA = frozenset([b"eXIf", b"tEXt", b"zTXt", b"iTXt"])
XMP_KEY = b"XML:com.adobe.xmp"

MAX_CHUNKS = 100_000
MAX_TEXT_BYTES = 1 << 20
MAX_UNPACKED = 16
MAX_EXIF_BYTES = 4_000_000


@dataclass(frozen=True, slots=True)
class Png:
    """The content of the chunks, also of those after the pixels.

    `deep_grey`: the pixels are 16-bit grey. `kept` are the spans of bytes that a decoder needs.
    """

    width_px: int
    height_px: int
    exif: bytes
    xmp: bytes
    deep_grey: bool
    kept: tuple[tuple[int, int], ...]


def read(file: IO[bytes]) -> Png:
    """Read the chunks to the end of the file, without decoding pixels.

    A text chunk over 1 MiB, or one with a wrong checksum, is ignored.

    Raises:
        Damaged: the first chunk is not a header, or there are too many chunks.
    """
    size: tuple[int, int] | None = None
    exif = xmp = b""
    kept: list[tuple[int, int]] = []
    unpacked, deep_grey = 0, False
    for kind, start, length in _chunks(file):
        if size is None:
            if kind != b"IHDR" or length != 13:
                raise Damaged("its first chunk is not a header")
            width, height, depth, colours = struct.unpack(">IIBB", file.read(10))
            size, deep_grey = (width, height), (depth, colours) == (16, 0)
        if kind in NEEDED:
            if kept and kept[-1][1] == start - 8:
                kept[-1] = kept[-1][0], start + length + 4
            else:
                kept.append((start - 8, start + length + 4))
        elif kind in METADATA and length <= MAX_EXIF_BYTES and unpacked < MAX_UNPACKED and not (exif and xmp):
            found = _metadata_in(kind, _content(file, kind, length))
            unpacked += found is not None
            exif, xmp = exif or (found or {}).get("exif", b""), xmp or (found or {}).get("xmp", b"")
    if size is None:
        raise EOFError("it ends inside its header")
    return Png(*size, exif, xmp, deep_grey, tuple(kept))


def _chunks(file: IO[bytes]) -> Iterator[tuple[bytes, int, int]]:
    """Iterate over the chunks: kind, start and length of the content of each. The file is positioned at the content."""
    at = len(SIGNATURE)
    for _ in range(MAX_CHUNKS):
        file.seek(at)
        head = file.read(8)
        if len(head) < 8:
            return
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        yield kind, at + 8, length
        if kind == b"IEND":
            return
        at += 12 + length
    raise Damaged(f"it has more than {MAX_CHUNKS} chunks")


def _content(file: IO[bytes], kind: bytes, length: int) -> bytes:
    content, checksum = file.read(length), file.read(4)
    return content if int.from_bytes(checksum, "big") == zlib.crc32(kind + content) else b""


def _metadata_in(kind: bytes, content: bytes) -> dict[str, bytes] | None:
    """The EXIF or XMP in a chunk; None if its key is for something else."""
    if kind == b"eXIf":
        return {"exif": content}
    key, _, rest = content.partition(b"\0")
    if key != XMP_KEY and not key.startswith(b"Raw profile type "):
        return None
    text = _text(kind, rest)
    if text is None:
        return {}
    if key == XMP_KEY:
        return {"xmp": text}
    return _profile(text)


def _text(kind: bytes, rest: bytes) -> bytes | None:
    """The decompressed text after the key of a chunk; None if it is damaged or too long."""
    packed = kind == b"zTXt"
    if packed:
        rest = rest[1:]
    elif kind == b"iTXt":
        if len(rest) < 2:
            return None
        packed, parts = rest[0] == 1, rest[2:].split(b"\0", 2)  # language, key in that language, text
        rest = parts[2] if len(parts) == 3 else b""
    if packed:
        unpacker = zlib.decompressobj()
        try:
            rest = unpacker.decompress(rest, MAX_TEXT_BYTES + 1)
        except zlib.error:
            return None
    return rest if len(rest) <= MAX_TEXT_BYTES else None


def _profile(text: bytes) -> dict[str, bytes]:
    """Parse a raw profile of ImageMagick: a name, the number of bytes, and the bytes in hexadecimal."""
    lines = text.strip().split(b"\n", 2)
    if len(lines) < 3 or not lines[1].strip().isdigit():
        return {}
    try:
        content = binascii.unhexlify(b"".join(lines[2].split()))
    except binascii.Error:
        return {}
    if content.startswith(b"http://ns.adobe.com/xap/1.0/\0"):
        return {"xmp": content.partition(b"\0")[2]}
    return {"xmp": content} if content.lstrip()[:1] == b"<" else {"exif": content}


def without_metadata(data: bytes, png: Png) -> bytes:
    """Copy the parts of the file that a decoder needs: header, palette, transparency and pixels."""
    view = memoryview(data)
    return b"".join([SIGNATURE, *(view[start:end] for start, end in png.kept)])
