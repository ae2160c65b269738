"""Pictures inside a page: small JPEGs as data URIs, made from pixels alone, so that no EXIF is passed on."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from .. import photos
from ..blur import Blur, load_shown
from ..errors import UnreadablePhoto
from ..types import View

THUMBNAIL_PX = 320


@dataclass(frozen=True, slots=True)
class Picture:
    """An embedded picture. `uri` contains the JPEG; the size is that of the picture from which it was made."""

    uri: str
    width_px: int
    height_px: int


def embed(pixels: npt.NDArray[np.uint8], width_px: int, height_px: int) -> Picture:
    """Shrink (H, W, 3) uint8 RGB pixels to fit into a box of `width_px` by `height_px`, and embed them."""
    small = Image.fromarray(pixels)
    small.thumbnail((width_px, height_px))
    packed = io.BytesIO()
    small.save(packed, "JPEG", quality=80, optimize=True)
    data = base64.b64encode(packed.getvalue()).decode("ascii")
    return Picture(f"data:image/jpeg;base64,{data}", pixels.shape[1], pixels.shape[0])


def thumbnail(source: str, view: View | None = None, blur: Blur | None = None) -> Picture | None:
    """A small copy of a photo file, or of the part of it that a view shows, after blurring.

    Returns:
        None if the file is missing, unreadable, or on the web: a report does not use the network.
    """
    if photos.is_url(source):
        return None
    try:
        pixels = load_shown(source, view, THUMBNAIL_PX, blur)
    except UnreadablePhoto:
        return None
    return embed(pixels, THUMBNAIL_PX, THUMBNAIL_PX)
