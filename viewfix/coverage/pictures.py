"""A photo's file goes in and comes out small, as text for a page: what is shown of it, and nothing of its header."""

from __future__ import annotations

import base64
import io

from PIL import Image

from .. import photos
from ..errors import UnreadablePhoto

THUMBNAIL_PX = 320


def thumbnail(source: str) -> str | None:
    """A data URI of a JPEG; None where the file has gone, cannot be read, or lies on the network.

    It is made of pixels alone, so no position, owner or serial number of the photo leaves with it.
    """
    if photos.is_url(source):  # a page about a map must not go out for its pictures
        return None
    try:
        picture = Image.fromarray(photos.load(source, least_side_px=THUMBNAIL_PX))
    except UnreadablePhoto:
        return None
    picture.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
    packed = io.BytesIO()
    picture.save(packed, "JPEG", quality=78)
    return f"data:image/jpeg;base64,{base64.b64encode(packed.getvalue()).decode()}"
