"""Loading of photos that are only a part of their file: views of a panorama, frames of a film."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ..errors import UnreadablePhoto
from ..types import View
from .content import read_bytes
from .film import Film, Frame, film_identity
from .header import read_header
from .pixels import Readable, load
from .recent_frames import RECENT
from .sphere import FIELD_OF_VIEW_DEG, Extent, Pixels, cut, extent_of, is_whole_sphere
from .xmp import panorama_in

MOST_MISSED_S = 1.0
"""A frame that begins this much later than the wanted one is another one: what is between is damaged."""


def load_view(photo: Readable, view: View | None, *, least_side_px: int | None = None) -> Pixels:
    """Load a photo, or the part of it that a view shows.

    Args:
        photo: as for `load`.
        view: a direction cut out of an equirectangular panorama, a moment of a film, or both; None for the whole
            picture. A film must be passed by its path.
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
        yield from _moments(photo, views, least_side_px)
        return
    cuts = [view for view in views if view is not None]
    if not cuts:
        whole = load(photo, least_side_px=least_side_px)
        yield from (whole for _ in views)
        return
    if len(cuts) < len(views):
        yield from (load_view(photo, view, least_side_px=least_side_px) for view in views)
        return
    least = None if least_side_px is None else _least_height_px(least_side_px, cuts)
    panorama, extent = _load_panorama(photo, least)
    yield from (cut(panorama, view, extent) for view in cuts)


def _moments(photo: Readable, views: Sequence[View | None], least_side_px: int | None) -> Iterator[Pixels]:
    """Moments of a film; consecutive views of one moment share its frame."""
    if not isinstance(photo, str | Path):
        raise UnreadablePhoto("A moment of a film can only be read from its file. Pass the path of the film.")
    cuts = [view for view in views if view is not None and not _is_whole(view)]
    least = least_side_px if least_side_px is None or not cuts else _least_height_px(least_side_px, cuts)
    frame, at_s = None, None
    with contextlib.ExitStack() as opened:
        film: Film | None = None
        for view in views:
            if view is None or view.time_s is None:
                raise UnreadablePhoto(f"{photo} is a film. Pass the time of a frame: View(time_s=...).")
            if view.time_s != at_s:
                found = RECENT.take(str(photo), view.time_s)
                if not isinstance(found, Frame):
                    film = film or opened.enter_context(Film(photo))
                    found = _frame(film, view.time_s)
                frame, at_s = found.pixels(least), view.time_s
            assert frame is not None, "decoded for the first view of a moment"
            yield _part(frame, view)


def _is_whole(view: View) -> bool:
    return view.yaw_deg is None and view.pitch_deg is None and view.field_of_view_deg is None


def _least_height_px(least_side_px: int, cuts: Sequence[View]) -> int:
    """The height of a panorama from which each of these views can be cut with sides of this length."""
    return math.ceil(least_side_px * 180 / min(view.field_of_view_deg or FIELD_OF_VIEW_DEG for view in cuts))


def _frame(film: Film, time_s: float) -> Frame:
    found = film.at(time_s)
    if found is None or abs(found.time_s - time_s) > MOST_MISSED_S:
        raise UnreadablePhoto(f"{film.path} has no frame at {time_s:.2f} s: it ends before, or is damaged.")
    return found


def _part(frame: Pixels, view: View) -> Pixels:
    if _is_whole(view):
        return frame
    height_px, width_px = frame.shape[:2]
    if not is_whole_sphere(width_px, height_px):
        raise UnreadablePhoto(f"A frame with {width_px} x {height_px} pixels is not a panorama. Remove the view.")
    return cut(frame, view)


def identity_bytes(source: str, view: View | None) -> bytes:
    """What identifies the content of a photo together with its view: the bytes of its file, or what stands for a film.

    Raises:
        UnreadablePhoto: the file cannot be read.
    """
    return read_bytes(source) if view is None or view.time_s is None else film_identity(source)


def _load_panorama(photo: Readable, least_height_px: int | None) -> tuple[Pixels, Extent]:
    """Load a panorama, shrunk as far as the full sphere keeps this height: a view must not skip pixels."""
    about, least, whole_px = None, least_height_px, None
    if isinstance(photo, str | Path | bytes):
        header = read_header(photo)
        about = panorama_in(header.xmp)
        whole_px = header.upright_px
        extent = extent_of(about, *whole_px)
        if least is not None and extent is not None:
            width_px, height_px = whole_px
            least = max(1, math.ceil(least * extent.height * min(1.0, width_px / height_px)))
    pixels = load(photo, least_side_px=least)
    height_px, width_px = pixels.shape[:2]
    extent = extent_of(about, width_px, height_px)
    if extent is None:
        width_px, height_px = whole_px or (width_px, height_px)
        raise UnreadablePhoto(
            f"A view cannot be cut out of a picture with {width_px} x {height_px} pixels: an equirectangular panorama "
            "is twice as wide as it is high. Use a full panorama, or remove the view."
        )
    share = 1.0 if least_height_px is None else least_height_px / (height_px / extent.height)
    if share >= 1.0:
        return pixels, extent
    size = max(1, math.ceil(width_px * share)), max(1, math.ceil(height_px * share))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR)), extent
