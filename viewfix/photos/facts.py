"""The metadata of a photo: position, heading, time, author, licence and camera."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import datetime

from ..types import Camera, Position


@dataclass(frozen=True, slots=True)
class Panorama:
    """The part of a full panorama that a picture shows, from Google's Photo Sphere metadata (GPano). None is unknown.

    `projection` is "equirectangular" or another term of that standard. The full panorama has `full_width_px` x
    `full_height_px` pixels; the picture is the part of `width_px` x `height_px` at (`left_px`, `top_px`).
    """

    projection: str | None = None
    full_width_px: int | None = None
    full_height_px: int | None = None
    width_px: int | None = None
    height_px: int | None = None
    left_px: int | None = None
    top_px: int | None = None


@dataclass(frozen=True, slots=True)
class Metadata:
    """The metadata of a photo. None is unknown.

    `position` is in WGS84; its `radius_m` is the camera's own estimate of the error. `heading_deg`, [0, 360), is the
    direction of the camera, clockwise from north. If `heading_magnetic` is set, it is the compass reading, without the
    declination. `taken_at` has a time zone only if the metadata has one. `no_position` is the reason why a position in
    the metadata cannot be used.
    """

    position: Position | None = None
    heading_deg: float | None = None
    heading_magnetic: bool = False
    taken_at: datetime | None = None
    attribution: str | None = None
    licence: str | None = None
    no_position: str | None = None
    camera: Camera | None = None
    panorama: Panorama | None = None

    def filled(self, other: Metadata) -> Metadata:
        """Fill unknown fields with those of `other`."""
        mine = {f.name: getattr(self, f.name) for f in fields(self)}
        unknown = {name: getattr(other, name) for name, value in mine.items() if value is None}
        if self.heading_deg is None:
            unknown["heading_magnetic"] = other.heading_magnetic
        if self.camera is not None and other.camera is not None:
            unknown["camera"] = _filled_camera(self.camera, other.camera)
        both = replace(self, **unknown)
        return both if both.position is None else replace(both, no_position=None)


def _filled_camera(camera: Camera, other: Camera) -> Camera:
    unknown = {
        name: getattr(other, name)
        for name in ("focal_35mm", "pitch_deg", "roll_deg", "altitude_m")
        if getattr(camera, name) is None
    }
    if camera.focal_px is None and (camera.width_px is None or other.focal_px is not None):
        # A focal length in pixels is meaningless without the size of its picture, so take all three together.
        unknown |= {name: getattr(other, name) for name in ("focal_px", "width_px", "height_px")}
    return replace(camera, **unknown)
