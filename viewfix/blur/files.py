"""Blur a picture file: the same format and metadata, without the small copies that show what was blurred."""

from __future__ import annotations

import io
import warnings

from PIL import Image

from .. import photos
from ..errors import BadInput
from .blur import Blur

ORIENTATION, EXIF_TABLE, MAKER_NOTE = 0x0112, 0x8769, 0x927C
PICTURES_IN_XMP = (b"xmpGImg:image", b"GImage:Data", b"GDepth:Data")
WRITTEN = {"JPEG": {"quality": 92}, "PNG": {}, "WEBP": {"quality": 90}}
"""The formats that can be written again, and how."""


def blurred_file(data: bytes, blur: Blur) -> bytes:
    """Blur the bytes of a JPEG, PNG or WebP file. Bytes in which nothing is found are returned as they are.

    Position, direction, time and camera stay in EXIF and XMP. The embedded thumbnail, the maker note and pictures
    within XMP go: they may show what was blurred. The picture is stored upright.

    Raises:
        UnreadablePhoto: these bytes cannot be decoded.
        BadInput: the format cannot be written.
    """
    pixels = photos.load(data)
    blurred = blur(pixels)
    if blurred is pixels:
        return data
    # Pillow warns about damaged tables, which are left out here.
    with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(data)) as opened:
        form = opened.format or ""
        if form not in WRITTEN:
            raise BadInput(f"A {form or 'picture of this kind'} cannot be written after blurring. Convert it to JPEG.")
        kept = {name: value for name in ("icc_profile", "xmp") if (value := opened.info.get(name))}
        exif = _exif(opened)
    if any(each in kept.get("xmp", b"") for each in PICTURES_IN_XMP):
        del kept["xmp"]
    into = io.BytesIO()
    Image.fromarray(blurred).save(into, form, exif=exif, **WRITTEN[form], **kept)
    return into.getvalue()


def _exif(opened: Image.Image) -> bytes:
    """The EXIF of a picture for its upright copy; empty if it cannot be read."""
    try:
        exif = opened.getexif()
        if not exif:
            return b""
        exif[ORIENTATION] = 1
        exif.get_ifd(EXIF_TABLE).pop(MAKER_NOTE, None)
        return exif.tobytes()
    except Exception:  # damaged tables raise nearly anything, and the picture matters more
        return b""
