"""The supported picture formats, recognised by their first bytes, never by the ending of the file name."""

from __future__ import annotations

from typing import Literal

Form = Literal["JPEG", "PNG", "WebP", "HEIC", "AVIF", "TIFF"]

HEAD_BYTES = 512
"""The number of bytes from the beginning of a file that `form_of` needs."""

SUFFIXES = frozenset(
    [
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".pjpeg", ".pjp", ".mpo", ".insp"),
        *(".png", ".webp", ".heic", ".heif", ".hif", ".avif", ".tif", ".tiff"),
    ]
)
"""Endings, in lower case, of files in these formats."""

_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1", b"mif2"}
_AVIF_BRANDS = {b"avif", b"avis"}

# First bytes of files that people mistake for photos.
_OTHERS = (
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


class Damaged(ValueError):
    """A file begins like a picture, but is damaged further on; the message says where."""


def form_of(head: bytes) -> Form | None:
    """The format of a file by its first HEAD_BYTES bytes; None if it is not one of the supported formats."""
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
        # Test AVIF first, because an AVIF has the brand mif1 too.
        if brands & _AVIF_BRANDS:
            return "AVIF"
        if brands & _HEIC_BRANDS:
            return "HEIC"
    return None


def description_of(head: bytes) -> str:
    """Describe a file that is not a picture, worded to follow "is not a picture:"."""
    if not head:
        return "it is empty"
    if head[4:8] == b"ftyp":
        return "it is a video"
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for magic, what in _OTHERS:
        if start.startswith(magic):
            return f"it is {what}"
    if all(32 <= byte < 127 or byte in b"\t\r\n" for byte in head[:64]):
        return f"it is text that begins with {head[:24].decode('ascii')!r}"
    return f"it begins with the bytes {head[:8].hex(' ')}"
