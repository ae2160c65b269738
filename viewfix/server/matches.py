"""The points of an uploaded photo and of a photo of the map that agree in geometry."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import UnreadablePhoto
from ..locate.verify import VerifiedCandidate
from ..locate.views import closest_view, describe_query, features_of
from ..map import Map
from ..models.local import LocalFeatures
from ..photos.panoramas import panoramic
from ..photos.sphere import WHOLE, places
from ..sources import PanoramaMode
from ..types import Candidate, Photo, View
from .errors import HttpError, not_found, unreadable
from .registry import ServedMap

Points = npt.NDArray[np.float32]


def matched(served: ServedMap, photo: Photo, data: bytes, panorama: PanoramaMode) -> dict[str, Any]:
    """x, y in the query and x, y in the photo, for each pair of points that agrees.

    Of a panorama, the view that is most similar to the photo is compared; the points are those of the panorama.

    Raises:
        HttpError: 422 where the upload is not a picture, 404 where the map's photo has no features, 501 where this
            machine has no geometry.
    """
    try:
        return served.ask(lambda city: _matched(city, photo, data, panorama))
    except UnreadablePhoto as error:
        raise unreadable(error) from None


def _matched(city: Map, photo: Photo, data: bytes, panorama: PanoramaMode) -> dict[str, Any]:
    verifier = city.context.verifier
    if verifier is None:
        raise HttpError(501, "no_geometry", "Photos cannot be compared on this server: it has no PoseLib.")
    about = panoramic(data)
    view = None
    if panorama != "no" and (about.is_told or panorama == "yes"):
        view = closest_view(describe_query(data, city.model, panorama), photo.id, city.store).view
    query = features_of(verifier, data, view).features
    verified = verifier.verify(query, [Candidate(photo, 0.0)], "accurate")
    if not verified:
        raise not_found("picture", f"The picture of {photo.id!r} is not available: its file is gone or has changed.")
    [one] = verified
    in_query, in_photo = _agreeing(query, one)
    width_px, height_px = int(query.width_px), int(query.height_px)
    if view is not None:
        in_query = places(view, in_query, about.extent or WHOLE)
        width_px, height_px = about.width_px, about.height_px
    sizes = (width_px, height_px, one.features.width_px, one.features.height_px)
    return {
        "query": {"width": width_px, "height": height_px},
        "photo": {"width": int(one.features.width_px), "height": int(one.features.height_px)},
        "view": None if view is None else _angles(view),
        "inliers": np.round(np.hstack([in_query, in_photo]) * sizes, 1).tolist(),
        "count": len(in_query),
    }


def _agreeing(query: LocalFeatures, one: VerifiedCandidate) -> tuple[Points, Points]:
    """(N, 2) each: the points that agree in geometry, as shares of the sides of the query and of the photo."""
    agree = np.empty((0, 2), np.int64) if one.geometry is None else one.pairs[one.geometry.agree]
    return query.keypoints[agree[:, 0]], one.features.keypoints[agree[:, 1]]


def _angles(view: View) -> dict[str, float | None]:
    return {
        "yaw_deg": view.yaw_deg,
        "pitch_deg": view.pitch_deg,
        "roll_deg": view.roll_deg,
        "field_of_view_deg": view.field_of_view_deg,
    }
