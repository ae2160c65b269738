"""Loading of photos that are only a part of their file: views of a panorama."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ..errors import UnreadablePhoto
from ..types import View
from .header import read_header
from .pixels import Readable, load
from .sphere import FIELD_OF_VIEW_DEG, Extent, Pixels, cut, extent_of
from .xmp import panorama_in


def load_view(photo: Readable, view: View | None, *, least_side_px: int | None = None) -> Pixels:
    """Load a photo, or the part of it that a view shows.

    Args:
        photo: as for `load`.
        view: a direction cut out of an equirectangular panorama; None for the whole picture.
        least_side_px: the sides of the result need not be longer than this; None for the full resolution.

    Returns:
        (H, W, 3) uint8 RGB, upright; square for a view.

    Raises:
        UnreadablePhoto: the picture cannot be read, or the view cannot be cut out of it.
    """
    [picture] = load_views(photo, [view], least_side_px=least_side_px)
    return picture


def load_views(photo: Readable, views: Sequence[View | None], *, least_side_px: int | None = None) -> Iterator[Pixels]:
    """Load several views of one photo, which is decoded only once. Arguments and errors as for `load_view`."""
    if any(view is not None and view.time_s is not None for view in views):
        raise UnreadablePhoto("It is a moment of a video, and this version of viewfix does not read videos.")
    cuts = [view for view in views if view is not None]
    if not cuts:
        whole = load(photo, least_side_px=least_side_px)
        yield from (whole for _ in views)
        return
    if len(cuts) < len(views):
        yield from (load_view(photo, view, least_side_px=least_side_px) for view in views)
        return
    narrowest_deg = min(view.field_of_view_deg or FIELD_OF_VIEW_DEG for view in cuts)
    least = None if least_side_px is None else math.ceil(least_side_px * 180 / narrowest_deg)
    panorama, extent = _load_panorama(photo, least)
    yield from (cut(panorama, view, extent) for view in cuts)


def _load_panorama(photo: Readable, least_height_px: int | None) -> tuple[Pixels, Extent]:
    """Load a panorama, shrunk as far as the full sphere keeps this height: a view must not skip pixels."""
    about, least = None, least_height_px
    if isinstance(photo, str | Path | bytes):
        header = read_header(photo)
        about = panorama_in(header.xmp)
        extent = extent_of(about, *header.upright_px)
        if least is not None and extent is not None:
            width_px, height_px = header.upright_px
            least = max(1, math.ceil(least * extent.height * min(1.0, width_px / height_px)))
    pixels = load(photo, least_side_px=least)
    height_px, width_px = pixels.shape[:2]
    extent = extent_of(about, width_px, height_px)
    if extent is None:
        raise UnreadablePhoto(
            f"A view cannot be cut out of a picture with {width_px} x {height_px} pixels: an equirectangular panorama "
            "is twice as wide as it is high. Use a full panorama, or remove the view."
        )
    times = 1 if least_height_px is None else int(height_px / extent.height // least_height_px)
    return (np.asarray(Image.fromarray(pixels).reduce(times)) if times > 1 else pixels), extent
