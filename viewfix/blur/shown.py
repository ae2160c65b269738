"""The pixels of a photo to show: decoded as large as a detector needs, and blurred."""

from __future__ import annotations

from ..photos import Readable
from ..photos.views import load_view
from ..types import View
from .blur import Blur, Pixels, least_side_px


def load_shown(photo: Readable, view: View | None, shown_px: int, blur: Blur | None) -> Pixels:
    """Load a photo, or the part of it that a view shows, for a picture whose longer side is `shown_px`.

    Args:
        photo: as for `load`.
        view: as for `load_view`.
        shown_px: the size of the picture that is made from the result.
        blur: applied before anything is shown; None for no blurring.

    Returns:
        (H, W, 3) uint8 RGB, at least as large as needed, to be shrunk by the caller.

    Raises:
        UnreadablePhoto: the photo cannot be read.
    """
    pixels = load_view(photo, view, least_side_px=least_side_px(shown_px, blur))
    return pixels if blur is None else blur(pixels)
