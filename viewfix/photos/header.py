"""The header of a photo: its format, size, EXIF, GPS and XMP, read without decoding pixels.

Pillow's `Image.open` is not used, for three reasons. It warns about damaged EXIF and large pictures through state that
all threads share, and refuses some pictures of 200-megapixel phones. It trusts lengths that a crafted file may repeat a
thousand times. And it offers decoders for fonts, PostScript and medical formats, which a server should not expose.
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from ..errors import UnreadablePhoto, ViewfixError
from . import isobmff, jpeg, png, tiff, webp
from .content import unreadable_file
from .formats import HEAD_BYTES, Form, description_of, form_of
from .tiff import Tags

MAX_PIXELS = 200_000_000
"""The largest size of a picture: 0.6 GB of RGB. The largest phone cameras take 199.8 million pixels (16320 x 12240)."""

MAX_TILE_PIXELS = 4_000_000
"""A larger tile or strip of a TIFF is refused if it also has more than four times the pixels of the picture."""

_TIFF = re.compile(rb"II\*\0|MM\0\*")
_XMP_ORIENTATION = re.compile(rb"tiff:Orientation(?:=[\"']|>)\s*([1-8])\s*[\"'<]")


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a photo.

    `width_px` and `height_px` are as stored, before the picture is turned upright. `orientation` is the EXIF number,
    1 to 8, of the rotation that the decoded pixels still need; 1 if the decoder of the format already applies it.
    `tags` are the EXIF tags, `gps` the tags of its GPS table, and `xmp` the raw XMP packet.
    """

    form: Form
    width_px: int
    height_px: int
    orientation: int = 1
    tags: Tags = field(default_factory=dict)
    gps: Tags = field(default_factory=dict)
    xmp: bytes = b""
    jpeg: jpeg.Jpeg | None = None
    png: png.Png | None = None

    @property
    def pixels(self) -> int:
        """The number of pixels."""
        return self.width_px * self.height_px

    @property
    def upright_px(self) -> tuple[int, int]:
        """The width and height of the upright picture."""
        return (self.height_px, self.width_px) if self.orientation >= 5 else (self.width_px, self.height_px)


def read_header(photo: bytes | str | Path, name: str | None = None) -> Header:
    """Read the header of a photo, from its bytes or its path.

    Args:
        photo: the bytes of a file, or its path.
        name: the name of the photo in messages; by default its path, or "The photo".

    Raises:
        UnreadablePhoto: it is empty, not a picture, damaged, or has more than MAX_PIXELS.
    """
    name = name or ("The photo" if isinstance(photo, bytes) else str(photo))
    with _opened(photo, name) as file, damage_named(name):
        head = file.read(HEAD_BYTES)
        form = form_of(head)
        if form is None:
            what = description_of(head)
            raise UnreadablePhoto(f"{name} is not a picture: {what}. Use JPEG, PNG, WebP, HEIC, AVIF or TIFF.")
        header = _READERS[form](file, form)
        if header.pixels == 0:
            raise UnreadablePhoto(f"{name} is damaged (its size is 0). Copy it again from its origin, or leave it out.")
        check_size((header.width_px, header.height_px), name)
    return header


@contextlib.contextmanager
def _opened(photo: bytes | str | Path, name: str) -> Iterator[IO[bytes]]:
    if isinstance(photo, bytes):
        yield io.BytesIO(photo)
        return
    try:
        file = Path(photo).open("rb")  # noqa: SIM115  closed below, so that this catches only errors of opening
    except (OSError, ValueError) as error:
        raise unreadable_file(Path(name), error) from error
    with file:
        yield file


@contextlib.contextmanager
def damage_named(name: str) -> Iterator[None]:
    """Turn any exception that damaged bytes cause in a reader or decoder into an UnreadablePhoto."""
    try:
        yield
    except ViewfixError:
        raise
    except Exception as error:  # OSError, struct.error, KeyError, SyntaxError, MemoryError...
        raise damaged(name, " ".join(str(error).split()) or type(error).__name__) from error


def damaged(name: str, why: str) -> UnreadablePhoto:
    """The error for a file that begins like a picture, but is damaged further on."""
    early = any(clue in why.lower() for clue in ("trunc", "end of file", "outside of file", "it ends", "eoferror"))
    what = "ends too early" if early else "is damaged"
    return UnreadablePhoto(f"{name} {what} ({why[:120]}). Copy it again from its origin, or leave it out.")


def check_size(size: tuple[int, int], name: str) -> None:
    """Refuse a picture that would fill the memory, before anything is decoded.

    Raises:
        UnreadablePhoto: it has more than MAX_PIXELS.
    """
    width, height = size
    if width * height > MAX_PIXELS:
        raise UnreadablePhoto(
            f"{name} has {width} x {height} pixels, but pictures over {MAX_PIXELS // 1_000_000} million pixels are not "
            "decoded. Save it smaller."
        )


def _of_jpeg(file: IO[bytes], form: Form) -> Header:
    found = jpeg.read(file)
    tags, gps = exif_tags(found.exif)
    turn = _orientation(tags, found.xmp)
    return Header(form, found.width_px, found.height_px, turn, tags, gps, found.xmp, jpeg=found)


def _of_png(file: IO[bytes], form: Form) -> Header:
    found = png.read(file)
    tags, gps = exif_tags(found.exif)
    turn = _orientation(tags, found.xmp)
    return Header(form, found.width_px, found.height_px, turn, tags, gps, found.xmp, png=found)


def _of_webp(file: IO[bytes], form: Form) -> Header:
    found = webp.read(file)
    tags, gps = exif_tags(found.exif)
    return Header(form, found.width_px, found.height_px, _orientation(tags, found.xmp), tags, gps, found.xmp)


def _of_boxes(file: IO[bytes], form: Form) -> Header:
    found = isobmff.read(file)
    for size in found.sizes:
        check_size(size, "A part of the picture")
    tags, gps = exif_tags(found.exif)
    # These pictures are rotated by the boxes irot and imir, which the decoder applies. EXIF and XMP may be stale.
    return Header(form, found.width_px, found.height_px, 1, tags, gps, found.xmp)


def _of_tiff(file: IO[bytes], form: Form) -> Header:
    tags, gps = tiff.read_tags(file)
    width, height = tags.get(tiff.WIDTH), tags.get(tiff.HEIGHT)
    if not isinstance(width, int) or not isinstance(height, int):
        raise EOFError("it ends before its size")
    across, down = tags.get(tiff.TILE_WIDTH, width), tags.get(tiff.TILE_HEIGHT)
    if down is None:
        rows = tags.get(tiff.ROWS_PER_STRIP, height)
        down = min(rows, height) if isinstance(rows, int) else height  # a number above the height means a single strip
    if not isinstance(across, int) or not isinstance(down, int):
        raise ValueError("the size of its tiles is not a number")
    if across * down > max(MAX_TILE_PIXELS, 4 * width * height):
        raise UnreadablePhoto(
            f"The TIFF is not decoded, because its tiles have {across} x {down} pixels, far more than the picture with "
            f"its {width} x {height}. Save it again with tiles of 256 x 256, or as a JPEG."
        )
    packet = tags.pop(tiff.XMP, b"")
    return Header(form, width, height, 1, tags, gps, packet if isinstance(packet, bytes) else b"")


_READERS = {
    "JPEG": _of_jpeg,
    "PNG": _of_png,
    "WebP": _of_webp,
    "HEIC": _of_boxes,
    "AVIF": _of_boxes,
    "TIFF": _of_tiff,
}


def exif_tags(block: bytes) -> tuple[Tags, Tags]:
    """Read the tags of an EXIF block and of its GPS table. The block may begin with a preamble of up to 64 bytes."""
    begins = _TIFF.search(block[:72])
    return tiff.read_tags(io.BytesIO(block), begins.start()) if begins else ({}, {})


def _orientation(tags: Tags, xmp: bytes) -> int:
    turn = tags.get(tiff.ORIENTATION)
    if turn is None and (match := _XMP_ORIENTATION.search(xmp)):
        return int(match[1])
    return turn if isinstance(turn, int) and 1 <= turn <= 8 else 1
