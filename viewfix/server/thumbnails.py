"""Small pictures of the photos of a map, where their licence or the operator allows that they are shown."""

from __future__ import annotations

import hashlib
import io
import threading
from collections import OrderedDict
from enum import IntEnum
from typing import Any

from .. import photos
from ..blur import Blur, load_shown
from ..errors import UnreadablePhoto
from ..photos.licences import Thumbnails, may_show
from ..types import Photo
from .errors import not_found


class Px(IntEnum):
    """The longer side of a small picture, pixels."""

    SMALL = 128
    USUAL = 256
    LARGE = 640


MOST_BYTES = 64 * 2**20
"""Of small pictures that stay in memory."""


class Thumbnailer:
    """Makes small pictures, and keeps the latest ones in memory. Thread-safe."""

    def __init__(self, thumbnails: Thumbnails, most_bytes: int = MOST_BYTES, blur: Blur | None = None) -> None:
        self._thumbnails, self._most_bytes, self._blur = thumbnails, most_bytes, blur
        self._pictures: OrderedDict[tuple[Photo, int], bytes] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def check_shown(self, photo: Photo) -> None:
        """Do nothing where the photo may be shown.

        Raises:
            HttpError: 404 where it may not; clients learn no more than that.
        """
        if not may_show(photo.licence, self._thumbnails):
            raise not_found("picture", f"The picture of {photo.id!r} is not shown: its licence does not allow it.")

    def of(self, photo: Photo, longest_px: int) -> tuple[bytes, str]:
        """The JPEG, and its ETag.

        Raises:
            HttpError: 404 where it may not be shown, or its file is gone.
        """
        self.check_shown(photo)
        key = (photo, longest_px)  # with its view: two photos of one file differ
        with self._lock:
            picture = self._pictures.get(key)
            if picture is not None:
                self._pictures.move_to_end(key)
        if picture is None:
            picture = self._make(photo, longest_px)
            self._keep(key, picture)
        return picture, f'"{hashlib.sha256(picture).hexdigest()[:32]}"'

    def _make(self, photo: Photo, longest_px: int) -> bytes:
        if photos.is_url(photo.source):
            raise not_found("picture", f"The picture of {photo.id!r} is on the web and is not fetched from there.")
        try:
            return small_jpeg(load_shown(photo.source, photo.view, longest_px, self._blur), longest_px)
        except UnreadablePhoto:  # its message has a path of this machine
            line = f"The picture of {photo.id!r} is not available: its file is gone or cannot be read."
            raise not_found("picture", line) from None

    def _keep(self, key: tuple[Photo, int], picture: bytes) -> None:
        with self._lock:
            self._bytes += len(picture) - len(self._pictures.pop(key, b""))
            self._pictures[key] = picture
            while self._bytes > self._most_bytes:
                _, gone = self._pictures.popitem(last=False)
                self._bytes -= len(gone)


def small_jpeg(pixels: Any, longest_px: int) -> bytes:
    """Make a JPEG of (H, W, 3) uint8 RGB, its longer side at most `longest_px`; pixels have no EXIF, so it has none."""
    from PIL import Image

    picture = Image.fromarray(pixels)
    picture.thumbnail((longest_px, longest_px))
    into = io.BytesIO()
    picture.save(into, "JPEG", quality=80, optimize=True)
    return into.getvalue()
