"""What the metadata of a photo says: where, which way, when and by whom it was taken, and with what camera."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import datetime

from ..types import Camera, Position


@dataclass(frozen=True, slots=True)
class Panorama:
    """Which part of a whole panorama a picture shows, as Google's Photo Sphere metadata (GPano) says. Unknown is None.

    `projection` is "equirectangular" or another word of that standard. The whole panorama has `full_width_px` by
    `full_height_px`, of which the picture is a part of `width_px` by `height_px` at `left_px`, `top_px`.
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
    """What the metadata of a photo says. Unknown is None.

    `position` is WGS84, and its `radius_m` the camera's own estimate of its error. `heading_deg` is where the camera
    looked, clockwise from north, [0, 360); as the compass showed it, declination not added, if `heading_magnetic`.
    `taken_at` has a time zone only if the metadata names one. `no_position` says what is wrong with a position that
    cannot be used.
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
        """This, with what is unknown here taken from `other`."""
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
        # A focal length in pixels means nothing without the size that it belongs to.
        unknown |= {name: getattr(other, name) for name in ("focal_px", "width_px", "height_px")}
    return replace(camera, **unknown)
