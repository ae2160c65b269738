"""Turn one panorama into several photos, one for each view that is cut out of it."""

from __future__ import annotations

from dataclasses import replace

from ..geo import wrap_heading_deg
from ..photos.sphere import FIELD_OF_VIEW_DEG, WHOLE, Extent, level_view
from ..types import Camera, Photo, View
from .options import VIEWS

LEAST_SHOWN = 0.98
"""The least share of a view that a cropped panorama must show. A view that shows less is narrowed, or left out."""

TOO_LITTLE = "it is a panorama that shows too little of the sphere to cut out a view. Use one that is cropped less."
LEAST_FIELD_DEG = 45.0
STEP_DEG = 5.0


def views_of_panorama(
    photo: Photo,
    *,
    count: int = VIEWS,
    field_of_view_deg: float = FIELD_OF_VIEW_DEG,
    extent: Extent = WHOLE,
) -> list[Photo]:
    """Turn one panorama into several photos, all around and level with the horizon.

    Args:
        photo: the panorama. Its `heading_deg` is the direction of the panorama's centre; its camera's `pitch_deg` and
            `roll_deg` say how far the panorama was from level. For a frame of a film, its view has a `time_s`.
        count: the number of views; the first shows the centre, the others follow clockwise at equal angles.
        field_of_view_deg: the horizontal and vertical angle of each view.
        extent: the part of the sphere that the picture shows. Views beyond it are narrowed, or left out.

    Returns:
        Photos with the same source, position, time and credit. Each has its own `view`, and its own heading if that of
        the panorama is known. Its id is that of the panorama with "#yaw=45", the angle from the panorama's centre.
    """
    camera, at_s = photo.camera or Camera(), None if photo.view is None else photo.view.time_s
    flat = None if camera.altitude_m is None else Camera(altitude_m=camera.altitude_m)
    found = []
    for number in range(count):
        yaw_deg = number * 360 / count
        view = _fitting(yaw_deg, camera, field_of_view_deg, extent)
        if view is None:
            continue
        heading = None if photo.heading_deg is None else wrap_heading_deg(photo.heading_deg + yaw_deg)
        name = f"{photo.id}{'&' if '#' in photo.id else '#'}yaw={yaw_deg:g}"
        found.append(replace(photo, id=name, heading_deg=heading, view=replace(view, time_s=at_s), camera=flat))
    return found


def _fitting(yaw_deg: float, camera: Camera, field_deg: float, extent: Extent) -> View | None:
    """The view in this direction, as wide as the picture shows it; None if it shows too little."""
    pitch_deg, roll_deg = camera.pitch_deg or 0.0, camera.roll_deg or 0.0
    while True:
        view = level_view(yaw_deg, pitch_deg, roll_deg, field_deg)
        if extent.shows(view) >= LEAST_SHOWN:
            return view
        if field_deg - STEP_DEG < LEAST_FIELD_DEG:
            return None
        field_deg -= STEP_DEG


def question(width_px: int, height_px: int) -> str:
    """What to answer for a picture that may be a panorama."""
    return (
        f"it has {width_px} x {height_px} pixels, like a panorama, but no GPano metadata that says so. Pass "
        "--panorama yes to cut it into views, or --panorama no to use it as it is"
    )
