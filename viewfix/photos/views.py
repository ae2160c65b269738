"""Perspective views, cut out of equirectangular panoramas."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from ..errors import UnreadablePhoto
from ..types import View
from .pixels import Readable, load

Pixels = npt.NDArray[np.uint8]

FIELD_OF_VIEW_DEG = 90.0
"""The default horizontal angle of a view."""


def load_view(photo: Readable, view: View | None, *, least_side_px: int | None = None) -> Pixels:
    """Load a photo, or the part of it that a view shows.

    Args:
        photo: as for `load`.
        view: a direction cut out of an equirectangular panorama of 360 x 180 degrees; None for the whole picture.
        least_side_px: the sides of the result need not be longer than this; None for the full resolution.

    Returns:
        (H, W, 3) uint8 RGB, upright; square for a view.

    Raises:
        UnreadablePhoto: the picture cannot be read, or the view cannot be cut out of it.
    """
    if view is None:
        return load(photo, least_side_px=least_side_px)
    if view.time_s is not None:
        raise UnreadablePhoto("It is a moment of a video, and this version of viewfix does not read videos.")
    field_deg = view.field_of_view_deg or FIELD_OF_VIEW_DEG
    least = None if least_side_px is None else math.ceil(least_side_px * 180 / field_deg)
    sphere = load(photo, least_side_px=least)
    height_px, width_px = sphere.shape[:2]
    if abs(width_px - 2 * height_px) > 0.02 * width_px:
        raise UnreadablePhoto(
            f"A view cannot be cut out of a picture with {width_px} x {height_px} pixels: an equirectangular panorama "
            "is twice as wide as it is high. Use a full panorama, or remove the view."
        )
    return cut(sphere, view)


def cut(sphere: Pixels, view: View) -> Pixels:
    """Cut a square perspective picture out of a panorama, as a camera at its centre would take it.

    Args:
        sphere: (H, 2H, 3) uint8 RGB, equirectangular. Its middle column is yaw 0, its middle row the horizon.
        view: the direction and the field of view.

    Returns:
        (S, S, 3) uint8 RGB, where S is the number of pixels that the panorama has over that angle at its horizon.
    """
    height_px, width_px = sphere.shape[:2]
    field = math.radians(view.field_of_view_deg or FIELD_OF_VIEW_DEG)
    side_px = max(1, round(width_px * field / (2 * math.pi)))
    # Pixel centres on the plane at distance 1, in the camera's frame: x right, y down, z forward.
    steps = ((np.arange(side_px) + 0.5) / side_px * 2 - 1) * math.tan(field / 2)
    x, y = np.meshgrid(steps, steps)
    pitch, yaw = math.radians(view.pitch_deg or 0.0), math.radians(view.yaw_deg or 0.0)
    down, forward = y * math.cos(pitch) - math.sin(pitch), y * math.sin(pitch) + math.cos(pitch)
    lon = np.arctan2(x, forward) + yaw
    lat = np.arctan2(-down, np.hypot(x, forward))
    column = (lon / (2 * math.pi) + 0.5) * width_px - 0.5
    row = np.clip((0.5 - lat / math.pi) * height_px - 0.5, 0, height_px - 1)
    return _sampled(sphere, column, row)


def _sampled(sphere: Pixels, column: npt.NDArray[np.float64], row: npt.NDArray[np.float64]) -> Pixels:
    """Sample bilinearly; columns wrap around the sphere."""
    height_px, width_px = sphere.shape[:2]
    left, top = np.floor(column).astype(np.int64), np.floor(row).astype(np.int64)
    across, down = (column - left)[..., None].astype(np.float32), (row - top)[..., None].astype(np.float32)
    below = np.minimum(top + 1, height_px - 1)
    left, right = left % width_px, (left + 1) % width_px
    upper = sphere[top, left] * (1 - across) + sphere[top, right] * across
    lower = sphere[below, left] * (1 - across) + sphere[below, right] * across
    return np.asarray(np.round(upper * (1 - down) + lower * down), np.uint8)
