"""Bytes become a Pillow picture whose header has been read and whose pixels have not: the guard at the door.

Pillow's own `Image.open` is not used, for three reasons. It warns (in any thread, through
global state) about pictures over 89 million pixels and refuses them over 179 million, which
is less than a phone of 200 megapixels takes. It warns about multi-picture files with a
damaged index, of which we need only the first picture. And it tries all of its formats, with
decoders for fonts, PostScript and medicine that a server has no reason to expose.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

from ..errors import UnreadablePhoto
from .reading import unreadable_file

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

SUFFIXES = frozenset([".jpg", ".jpeg", ".jpe", ".png", ".webp", ".heic", ".heif", ".hif", ".avif", ".tif", ".tiff"])
"""Endings, in lower case, by which a folder's pictures are found. What a file is, its first bytes say."""

MAX_PIXELS = 200_000_000
"""0.6 GB of RGB. The largest phone cameras take 199.8 million pixels (16320 x 12240)."""

# format: where the class is that reads it; HEIC without registering, which would change Pillow for everybody
_READERS = {
    "JPEG": ("PIL.JpegImagePlugin", "JpegImageFile"),
    "PNG": ("PIL.PngImagePlugin", "PngImageFile"),
    "WebP": ("PIL.WebPImagePlugin", "WebPImageFile"),
    "TIFF": ("PIL.TiffImagePlugin", "TiffImageFile"),
    "AVIF": ("PIL.AvifImagePlugin", "AvifImageFile"),
    "HEIC": ("pillow_heif.as_plugin", "HeifImageFile"),
}
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1", b"mif2"}
_AVIF_BRANDS = {b"avif", b"avis"}

# How files begin that people take for photos.
_STRANGERS = (
    (b"GIF8", "a GIF"),
    (b"BM", "a BMP"),
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"<", "a web page or XML"),
    (b"{", "JSON"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000"),
    (b"8BPS", "a Photoshop document"),
    (b"\x1aE\xdf\xa3", "a video"),
)

_quiet = threading.Lock()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """No warnings inside: Pillow warns where EXIF is damaged, which is nothing a caller can act on.

    Before Python 3.14 `catch_warnings` changes global state, so one thread at a time.
    """
    with _quiet, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def form_of(head: bytes) -> str | None:
    """The format that the first 64 bytes of a file announce; None when it is none of ours."""
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "TIFF"
    if head[4:8] == b"ftyp":
        end = min(int.from_bytes(head[:4], "big"), len(head))
        brands = {head[8:12], *(head[i : i + 4] for i in range(16, end, 4))}
        # An AVIF names mif1 too, so AVIF is asked first.
        if brands & _AVIF_BRANDS:
            return "AVIF"
        if brands & _HEIC_BRANDS:
            return "HEIC"
    return None


@contextlib.contextmanager
def opened(source: bytes | Path, name: str) -> Iterator[ImageFile]:
    """A picture whose header is read: size, mode and `info` are known, pixels are not decoded.

    Raises:
        UnreadablePhoto: empty, no picture, damaged, or over MAX_PIXELS. Also for whatever a
            decoder raises inside the `with`.
    """
    try:
        # Not a `with`: Pillow may take over the file, and closes what it has taken.
        file: IO[bytes] = io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")
    except (OSError, ValueError) as error:
        raise unreadable_file(Path(name), error) from error
    try:
        picture = _header(file, name)
        check_size(picture.size, name)
        yield picture
    except UnreadablePhoto:
        raise
    except Exception as error:  # decoders raise whatever hostile bytes lead them to: OSError, struct.error, KeyError...
        raise damaged(name, error) from error
    finally:
        file.close()


def _header(file: IO[bytes], name: str) -> ImageFile:
    head = file.read(64)
    file.seek(0)
    form = form_of(head)
    if form is None:
        raise UnreadablePhoto(f"{name} is not a picture: {_what(head)}. Give JPEG, PNG, WebP, HEIC, AVIF or TIFF.")
    module, reader = _READERS[form]
    with quiet():
        picture: ImageFile = getattr(importlib.import_module(module), reader)(file, name)
    return picture


def _what(head: bytes) -> str:
    if not head:
        return "it is empty"
    if head[4:8] == b"ftyp":
        return "it is a video"
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for magic, what in _STRANGERS:
        if start.startswith(magic):
            return f"it is {what}"
    if all(32 <= byte < 127 or byte in b"\t\r\n" for byte in head):
        return f"it is text that begins with {head[:24].decode('ascii')!r}"
    return f"it begins with the bytes {head[:8].hex(' ')}"


def check_size(size: tuple[int, int], name: str) -> None:
    """Refuse, before anything is decoded, what would fill the memory."""
    width, height = size
    if width * height > MAX_PIXELS:
        raise UnreadablePhoto(
            f"{name} says that it is {width} x {height} pixels, and over {MAX_PIXELS // 1_000_000} million are not "
            "decoded. Save it smaller."
        )


def damaged(name: str, error: Exception) -> UnreadablePhoto:
    """The one line for bytes that begin like a picture and do not go on like one."""
    why = " ".join(str(error).split()) or type(error).__name__
    early = isinstance(error, EOFError) or any(
        clue in why.lower() for clue in ("trunc", "end of file", "outside of file")
    )
    what = "ends too early" if early else "is damaged"
    return UnreadablePhoto(f"{name} {what} ({why[:120]}). Copy it again from where it came, or leave it out.")
