"""Thumbnails of a map's photos in one file, with their start and end offsets."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .. import photos
from ..blur import Blur, load_shown
from ..errors import UnreadablePhoto
from ..photos.licences import Thumbnails as Rule
from ..photos.licences import may_show
from ..types import Photo, Progress

QUALITY = 60


@dataclass(frozen=True, slots=True)
class Thumbnails:
    """The content of thumbnails.bin: that of photo n is content[ends[n]:ends[n + 1]], empty if it has none.

    `ends` is (N + 1,). `shown` photos have a thumbnail; `unread` have none because the file is gone, or on the web.
    """

    content: bytes
    ends: npt.NDArray[np.uint32]
    shown: int
    unread: int


def thumbnails_of(
    every: Sequence[Photo], side_px: int, rule: Rule, progress: Progress, blur: Blur | None = None
) -> Thumbnails:
    """Make thumbnails of the photos that the rule allows, with `side_px` as the longer side and no metadata."""
    pieces: list[bytes] = []
    unread = 0
    for done, photo in enumerate(every):
        progress("thumbnails", done, len(every))
        piece = _small(photo, side_px, blur) if may_show(photo.licence, rule) else b""
        unread += piece is None
        pieces.append(piece or b"")
    progress("thumbnails", len(every), len(every))
    ends = np.concatenate([[0], np.cumsum([len(piece) for piece in pieces])]).astype(np.uint32)
    return Thumbnails(b"".join(pieces), ends, sum(map(bool, pieces)), unread)


def _small(photo: Photo, side_px: int, blur: Blur | None) -> bytes | None:
    """The photo as WebP, which every browser that can run the app reads, a third smaller than JPEG."""
    from PIL import Image

    if photos.is_url(photo.source):
        return None
    try:
        pixels = load_shown(photo.source, photo.view, side_px, blur)
    except UnreadablePhoto:
        return None
    picture = Image.fromarray(pixels)
    picture.thumbnail((side_px, side_px))
    written = io.BytesIO()
    picture.save(written, "WEBP", quality=QUALITY, method=6)
    return written.getvalue()
