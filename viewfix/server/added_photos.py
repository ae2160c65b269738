"""An uploaded photo as the photos of a map that it becomes: one, or the views of a panorama."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import get_args

from ..photos import metadata
from ..photos.panoramas import panoramic
from ..sources import PanoramaMode, views_of_panorama
from ..sources.options import VIEWS
from ..types import Photo, Position
from .errors import HttpError

FIELDS = ("lat", "lon", "heading_deg", "attribution", "licence", "id", "map", "panorama")


def photos_of(photo_id: str, source: str, data: bytes, fields: Mapping[str, str]) -> list[Photo]:
    """The photos to store for an upload, as `viewfix build` would make them from its file.

    Raises:
        HttpError: 400 for a field that cannot be used, a photo without a position, or one that may be a panorama;
            422 for a panorama that cannot be cut into views.
    """
    mode = fields.get("panorama", "ask")
    if mode not in get_args(PanoramaMode):
        raise _bad("panorama", f"must be ask, yes or no; got {mode[:40]!r}")
    photo = _photo(photo_id, source, data, fields)
    if mode == "no":
        return [photo]
    about = panoramic(data)
    size = f"{about.width_px} x {about.height_px} pixels"
    if not about.is_told and mode == "ask":
        if about.is_likely:
            line = (
                f"The photo has {size}, like a panorama, but no GPano metadata that says so. Send panorama=yes or no."
            )
            raise HttpError(400, "is_it_a_panorama", line)
        return [photo]
    if about.extent is None:
        line = f"The photo has {size}, but a panorama is twice as wide as high. Leave out panorama=yes."
        raise HttpError(422, "not_a_panorama", line)
    views = views_of_panorama(photo, extent=about.extent)
    if not views:
        raise HttpError(422, "not_a_panorama", "The panorama shows too little of the sphere to cut out a view.")
    return views


def ids_under(photo_id: str) -> list[str]:
    """The ids that a map may have under the id of an upload: that id, and those of the views of a panorama."""
    nowhere = Photo(photo_id, "", Position(0.0, 0.0))
    return [photo_id, *(view.id for view in views_of_panorama(nowhere, count=VIEWS))]


def _photo(photo_id: str, source: str, data: bytes, fields: Mapping[str, str]) -> Photo:
    about = metadata(data)
    position = about.position
    if "lat" in fields or "lon" in fields:
        lat, lon = _number(fields, "lat"), _number(fields, "lon")
        if not (abs(lat) <= 90 and abs(lon) <= 180):
            raise HttpError(400, "bad_field", f"lat and lon must be WGS84 degrees; got {lat:g}, {lon:g}.")
        position = Position(lat, lon)
    if position is None:
        line = "The photo has no GPS position. Send the fields lat and lon."
        raise HttpError(400, "no_position", line)
    heading_deg = _number(fields, "heading_deg") % 360.0 if "heading_deg" in fields else about.heading_deg
    return Photo(
        photo_id,
        source,
        position,
        heading_deg=heading_deg,
        taken_at=about.taken_at,
        camera=about.camera,
        attribution=fields.get("attribution") or about.attribution,
        licence=fields.get("licence") or about.licence,
    )


def _number(fields: Mapping[str, str], name: str) -> float:
    try:
        value = float(fields.get(name, ""))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise _bad(name, f"must be a number of degrees; got {fields.get(name, '')[:40]!r}")
    return value


def _bad(name: str, why: str) -> HttpError:
    return HttpError(400, "bad_field", f"The field {name} {why}.")
