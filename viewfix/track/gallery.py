"""Small pictures of some frames of a recording, evenly spread, however many frames it has."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..blur import Blur
from ..errors import UnreadablePhoto
from ..photos.views import load_view
from ..reports.pictures import Picture, embed
from .recording import Frame

MOST_PICTURES = 96
WIDTH_PX, HEIGHT_PX = 192, 144
BLURRED_PX = 640
"""Faces are looked for in a picture of this size: in a small one they would not be found."""


@dataclass(slots=True)
class Gallery:
    """Keeps at most MOST_PICTURES small pictures, of every n-th frame. `blur` is applied to them first.

    `pictures` are by the name and time of the frame. `credits` are to be shown with them.
    """

    blur: Blur | None = None
    pictures: dict[tuple[str, float], Picture] = field(default_factory=dict)
    credits: dict[str, None] = field(default_factory=dict)
    _each: int = 1
    _seen: int = 0

    def add(self, frame: Frame) -> None:
        """Keep a picture of a frame, if it is its turn; frames come in their order."""
        is_due = self._seen % self._each == 0
        self._seen += 1
        if not is_due:
            return
        if len(self.pictures) == MOST_PICTURES:
            self.pictures = dict(list(self.pictures.items())[::2])
            self._each *= 2
            if (self._seen - 1) % self._each:
                return
        try:
            pixels = load_view(frame.picture, None, least_side_px=BLURRED_PX if self.blur else WIDTH_PX)
        except UnreadablePhoto:  # described a moment ago, and gone since
            return
        picture = embed(pixels if self.blur is None else self.blur(pixels), WIDTH_PX, HEIGHT_PX)
        self.pictures[frame.name, frame.time_s] = picture
        if frame.credit:
            self.credits[frame.credit] = None
