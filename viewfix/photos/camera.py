"""The camera of a photo, derived from its metadata. Values that are 0 or implausible count as unknown."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..types import Camera
from .values import between

MM_PER_UNIT = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}
"""FocalPlaneResolutionUnit: inch, centimetre, millimetre, micrometre."""

SENSOR_MM = (1.0, 120.0)
FOCAL_MM = (0.3, 5000.0)
FOCAL_35MM = (3.0, 5000.0)
FIELD_OF_VIEW_DEG = (0.3, 175.0)
ALTITUDE_M = (-500.0, 20_000.0)
MOST_SIDE_PX = 100_000

AGREE = 0.2
"""The largest relative difference between two focal lengths. Above it, the one in pixels is dropped, because photo
editors often make it wrong."""


@dataclass(frozen=True, slots=True)
class CameraNumbers:
    """The raw numbers of the metadata, before any check. Missing ones are None.

    `width_px` and `height_px` are as stored; `sideways` tells whether upright means a quarter turn. `plane_per_unit` is
    FocalPlaneXResolution in pixels per `plane_unit`.
    """

    focal_mm: float | None = None
    focal_35mm: float | None = None
    focal_px: float | None = None
    plane_per_unit: float | None = None
    plane_unit: float | None = None
    width_px: float | None = None
    height_px: float | None = None
    sideways: bool = False
    pitch_deg: float | None = None
    roll_deg: float | None = None
    altitude_m: float | None = None


def camera_of(numbers: CameraNumbers) -> Camera | None:
    """Derive the camera from the plausible ones among these numbers; None if there are none."""
    width, height = between(numbers.width_px, 1, MOST_SIDE_PX), between(numbers.height_px, 1, MOST_SIDE_PX)
    size = None if width is None or height is None else (int(width), int(height))
    focal_35mm = between(numbers.focal_35mm, *FOCAL_35MM)
    focal_px = None if size is None else _focal_px(numbers, size, focal_35mm)
    pitch, roll = between(numbers.pitch_deg, -90, 90), between(numbers.roll_deg, -180, 180)
    altitude = between(numbers.altitude_m, *ALTITUDE_M) or None  # cameras write 0 if it is unknown
    if all(value is None for value in (focal_35mm, focal_px, pitch, roll, altitude)):
        return None
    across, down = size or (None, None)
    if numbers.sideways:
        across, down = down, across
    return Camera(focal_px, focal_35mm, across, down, pitch, 180.0 if roll == -180 else roll, altitude)


def _focal_px(numbers: CameraNumbers, size: tuple[int, int], focal_35mm: float | None) -> float | None:
    focal = numbers.focal_px
    if focal is None:
        mm = between(numbers.focal_mm, *FOCAL_MM)
        unit = MM_PER_UNIT.get(int(numbers.plane_unit or 2))
        if mm is None or unit is None or not numbers.plane_per_unit or numbers.plane_per_unit <= 0:
            return None
        per_mm = numbers.plane_per_unit / unit
        if between(max(size) / per_mm, *SENSOR_MM) is None:
            return None
        focal = mm * per_mm
    if not focal > 0 or between(2 * math.degrees(math.atan(max(size) / 2 / focal)), *FIELD_OF_VIEW_DEG) is None:
        return None
    if focal_35mm is not None:
        from_film = focal_35mm * math.hypot(*size) / math.hypot(36.0, 24.0)
        if abs(focal - from_film) > AGREE * from_film:
            return None
    return focal
