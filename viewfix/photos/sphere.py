"""Equirectangular panoramas: which part of the sphere a picture shows, and perspective views cut out of it."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..types import View
from .facts import Panorama

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

FIELD_OF_VIEW_DEG = 90.0
"""The default horizontal angle of a view."""

SAME_SHAPE = 0.02
"""The largest relative difference of two aspect ratios that count as equal."""

GRIDS = 16
"""The number of grids that are kept. All level views of all panoramas of a size share one, whatever their yaw."""

PROBES = 9
"""Directions along each side of a view that are tested for whether the picture shows them."""


@dataclass(frozen=True, slots=True)
class Extent:
    """The part of the full sphere that a picture shows, as shares of its width and height, from its top left corner."""

    left: float = 0.0
    top: float = 0.0
    width: float = 1.0
    height: float = 1.0

    @property
    def is_whole(self) -> bool:
        """Whether it is the full sphere, 360 x 180 degrees."""
        return self == WHOLE

    def shows(self, view: View) -> float:
        """The share of a view, [0, 1], that lies within this part of the sphere."""
        if self.is_whole:
            return 1.0
        column, row = _directions(PROBES, *_angles(view))
        # 1e-9: the centre of a view must not fall off the edge by rounding.
        across = (column + (view.yaw_deg or 0.0) / 360 - self.left + 1e-9) % 1.0
        inside = (across <= self.width + 2e-9) & (row >= self.top - 1e-9) & (row <= self.top + self.height + 1e-9)
        return float(inside.mean())


WHOLE = Extent()


def is_whole_sphere(width_px: int, height_px: int) -> bool:
    """Whether a picture has the shape of a full panorama: twice as wide as it is high."""
    return abs(width_px - 2 * height_px) <= SAME_SHAPE * width_px


def extent_of(about: Panorama | None, width_px: int, height_px: int) -> Extent | None:
    """The part of the sphere that a picture of this size shows, by its metadata, or else by its shape.

    Metadata that does not fit the picture is ignored: programs that crop or shrink a panorama often leave it as it was.

    Returns:
        None if the picture cannot be an equirectangular panorama.
    """
    cropped = None if about is None else _cropped(about, width_px / height_px)
    return cropped or (WHOLE if is_whole_sphere(width_px, height_px) else None)


def _cropped(about: Panorama, shape: float) -> Extent | None:
    full_width, full_height = about.full_width_px, about.full_height_px
    width, height = about.width_px, about.height_px
    if not full_width or not width or not height:
        return None
    full_height = full_height or full_width // 2
    left, top = about.left_px or 0, about.top_px or 0
    fits = left + width <= full_width * (1 + SAME_SHAPE) and top + height <= full_height * (1 + SAME_SHAPE)
    if not fits or not is_whole_sphere(full_width, full_height) or abs(width / height - shape) > SAME_SHAPE * shape:
        return None
    return Extent(left / full_width, top / full_height, min(width / full_width, 1.0), min(height / full_height, 1.0))


def level_view(
    yaw_deg: float, pose_pitch_deg: float, pose_roll_deg: float, field_of_view_deg: float = FIELD_OF_VIEW_DEG
) -> View:
    """The view that is level in the world, in a panorama that was not.

    Args:
        yaw_deg: the direction of the view, clockwise from that of the panorama's centre, as seen from above.
        pose_pitch_deg: the angle of the panorama's centre above the horizon.
        pose_roll_deg: the clockwise rotation of the panorama's camera.
        field_of_view_deg: the horizontal angle of the view.

    Returns:
        The view with its direction and rotation in the frame of the panorama.
    """
    yaw = yaw_deg % 360.0 % 360.0
    if not pose_pitch_deg and not pose_roll_deg:
        return View(yaw, 0.0, field_of_view_deg)
    camera = _about_x(pose_pitch_deg) @ _about_z(pose_roll_deg)
    turned = camera.T @ _about_y(yaw)
    pitch = math.degrees(math.asin(min(1.0, max(-1.0, -turned[1, 2]))))
    roll = math.degrees(math.atan2(turned[1, 0], turned[1, 1]))
    yaw = math.degrees(math.atan2(turned[0, 2], turned[2, 2]))
    # Rounded to a millionth of a degree, because the view identifies the photo, and platforms differ in the last bits.
    yaw, pitch, roll = round(yaw, 6) % 360.0 % 360.0, round(pitch, 6) + 0.0, round(roll, 6) + 0.0
    return View(yaw, pitch, field_of_view_deg, roll_deg=180.0 if roll == -180 else roll)


def cut(panorama: Pixels, view: View, extent: Extent = WHOLE) -> Pixels:
    """Cut a square perspective picture out of a panorama, as a camera at its centre would take it.

    Args:
        panorama: (H, W, 3) uint8 RGB, equirectangular. The middle column of the full sphere is yaw 0, its middle row
            the horizon.
        view: the direction and the field of view.
        extent: the part of the sphere that the panorama shows. Beyond it, its edge is repeated.

    Returns:
        (S, S, 3) uint8 RGB, where S is the number of pixels that the panorama has over that angle at its horizon.
    """
    height_px, width_px = panorama.shape[:2]
    full_width, full_height = width_px / extent.width, height_px / extent.height
    field_deg, pitch_deg, roll_deg = _angles(view)
    side_px = max(1, round(full_width * field_deg / 360))
    grid = _directions(side_px, field_deg, pitch_deg, roll_deg)
    turned = (view.yaw_deg or 0.0) / 360 - extent.left
    column = (grid[0] + np.float32(turned)) % np.float32(1.0) * np.float32(full_width) - np.float32(0.5)
    row = (grid[1] - np.float32(extent.top)) * np.float32(full_height) - np.float32(0.5)
    if not extent.is_whole:
        beyond = column - (width_px - 1)
        column = np.where((beyond > 0) & (beyond > (full_width - width_px) / 2), np.float32(0), column)
        column = np.clip(column, 0, width_px - 1)
    return _sampled(panorama, column, np.clip(row, 0, height_px - 1))


def places(view: View, points: npt.ArrayLike, extent: Extent = WHOLE) -> Floats:
    """Where points of a view are in its panorama.

    Args:
        view: the direction and the field of view.
        points: (N, 2) x and y as shares of the side of the view, from its top left corner.
        extent: the part of the sphere that the panorama shows.

    Returns:
        (N, 2) float32 x and y as shares of the width and height of the panorama.
    """
    field_deg, pitch_deg, roll_deg = _angles(view)
    steps = (np.asarray(points, np.float64).reshape(-1, 2) * 2 - 1) * math.tan(math.radians(field_deg) / 2)
    column, row = _looks(steps[:, 0], steps[:, 1], pitch_deg, roll_deg)
    across = (column + (view.yaw_deg or 0.0) / 360 - extent.left) % 1.0 / extent.width
    down = (row - extent.top) / extent.height
    return np.clip(np.column_stack([across, down]), 0.0, 1.0).astype(np.float32)


def _angles(view: View) -> tuple[float, float, float]:
    return view.field_of_view_deg or FIELD_OF_VIEW_DEG, view.pitch_deg or 0.0, view.roll_deg or 0.0


@functools.lru_cache(maxsize=GRIDS)
def _directions(side_px: int, field_deg: float, pitch_deg: float, roll_deg: float) -> tuple[Floats, Floats]:
    """Where a view with yaw 0 looks: (S, S) columns and rows each, as shares of the full width and height."""
    # Pixel centres on the plane at distance 1, in the camera's frame: x right, y down, z forward.
    steps = ((np.arange(side_px) + 0.5) / side_px * 2 - 1) * math.tan(math.radians(field_deg) / 2)
    column, row = _looks(*np.meshgrid(steps, steps), pitch_deg, roll_deg)
    return column.astype(np.float32), row.astype(np.float32)


def _looks(x: Doubles, y: Doubles, pitch_deg: float, roll_deg: float) -> tuple[Doubles, Doubles]:
    """Where points on the plane at distance 1 of a view with yaw 0 are, as shares of the full width and height."""
    roll, pitch = math.radians(roll_deg), math.radians(pitch_deg)
    x, y = x * math.cos(roll) - y * math.sin(roll), x * math.sin(roll) + y * math.cos(roll)
    down, forward = y * math.cos(pitch) - math.sin(pitch), y * math.sin(pitch) + math.cos(pitch)
    column = np.arctan2(x, forward) / (2 * math.pi) + 0.5
    row = 0.5 - np.arctan2(-down, np.hypot(x, forward)) / math.pi
    return column, row


def _sampled(panorama: Pixels, column: Floats, row: Floats) -> Pixels:
    """Sample bilinearly; columns wrap around the sphere."""
    height_px, width_px = panorama.shape[:2]
    left, top = np.floor(column).astype(np.int32), np.floor(row).astype(np.int32)
    across, down = (column - left)[..., None], (row - top)[..., None]
    below = np.minimum(top + 1, height_px - 1) * width_px
    top *= width_px
    left, right = left % width_px, (left + 1) % width_px
    pixels = panorama.reshape(-1, 3)
    upper = _between(pixels, top + left, top + right, across)
    lower = _between(pixels, below + left, below + right, across)
    return np.asarray(np.rint(upper + (lower - upper) * down), np.uint8)


def _between(pixels: Pixels, left: npt.NDArray[np.int32], right: npt.NDArray[np.int32], across: Floats) -> Floats:
    first = pixels[left].astype(np.float32)
    return first + (pixels[right] - first) * across


def _about_x(degrees: float) -> npt.NDArray[np.float64]:
    """A rotation that lifts the forward direction above the horizon; y points down."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def _about_y(degrees: float) -> npt.NDArray[np.float64]:
    """A clockwise rotation as seen from above."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def _about_z(degrees: float) -> npt.NDArray[np.float64]:
    """A clockwise rotation as seen from behind the camera."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
