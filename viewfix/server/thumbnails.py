"""A photo of a map goes in; a small JPEG of it comes out, if its licence and owner allow that it is shown."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from enum import IntEnum

from .. import photos
from ..errors import UnreadablePhoto
from ..photos.licences import Thumbnails, may_show
from ..types import Photo
from .answers import small_jpeg
from .trouble import HttpError, no_such


class Px(IntEnum):
    """The longer side of a small picture, pixels."""

    SMALL = 128
    USUAL = 256
    LARGE = 640


MOST_BYTES = 64 * 2**20


class Thumbnailer:
    """Makes small pictures and keeps the last ones in memory. Thread-safe."""

    def __init__(self, thumbnails: Thumbnails, most_bytes: int = MOST_BYTES) -> None:
        self._thumbnails, self._most_bytes = thumbnails, most_bytes
        self._made: OrderedDict[tuple[str, str, int], bytes] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def allow(self, photo: Photo) -> None:
        """Nothing where it may be shown.

        Raises:
            Trouble: 404 where it may not; no client learns more than that.
        """
        if not may_show(photo.licence, self._thumbnails):
            raise no_such(
                "picture", f"The picture of {photo.id!r} is not shown: its licence does not say that it may be."
            )

    def of(self, photo: Photo, longest_px: int) -> tuple[bytes, str]:
        """The JPEG, and its ETag.

        Raises:
            Trouble: 404 where it may not be shown, or its file is gone.
        """
        self.allow(photo)
        key = (photo.id, photo.source, longest_px)
        with self._lock:
            made = self._made.get(key)
            if made is not None:
                self._made.move_to_end(key)
        if made is None:
            made = self._fresh(photo, longest_px)
            self._keep(key, made)
        return made, f'"{hashlib.sha256(made).hexdigest()[:32]}"'

    def _fresh(self, photo: Photo, longest_px: int) -> bytes:
        if photos.is_url(photo.source):
            raise no_such("picture", f"The picture of {photo.id!r} is on the web, and is not fetched from there.")
        try:
            return small_jpeg(photos.load(photo.source, least_side_px=longest_px), longest_px)
        except UnreadablePhoto:  # what it says names paths of this machine
            line = f"The picture of {photo.id!r} is not here any more: its file is gone or cannot be read."
            raise HttpError(404, "no_such_picture", line) from None

    def _keep(self, key: tuple[str, str, int], made: bytes) -> None:
        with self._lock:
            self._bytes += len(made) - len(self._made.pop(key, b""))
            self._made[key] = made
            while self._bytes > self._most_bytes:
                _, gone = self._made.popitem(last=False)
                self._bytes -= len(gone)
