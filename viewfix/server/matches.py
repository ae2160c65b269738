"""The points of an uploaded photo and of a photo of the map that agree in geometry."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import photos
from ..errors import UnreadablePhoto
from ..map import Map
from ..models.local import SEEN
from ..types import Candidate, Photo
from .errors import HttpError, not_found, unreadable
from .registry import ServedMap
from .uploaded import checked


def matched(served: ServedMap, photo: Photo, data: bytes, most_pixels: int) -> dict[str, Any]:
    """x, y in the query and x, y in the photo, for each pair of points that agrees.

    Raises:
        HttpError: 422 where the upload is not a picture, 404 where the map's photo has no features, 501 where this
            machine has no geometry.
    """
    return served.ask(lambda city: _matched(city, photo, checked(data, most_pixels)))


def _matched(city: Map, photo: Photo, data: bytes) -> dict[str, Any]:
    verifier = city.context.verifier
    if verifier is None:
        raise HttpError(501, "no_geometry", "Photos cannot be compared on this server: it has no PoseLib.")
    try:
        picture = photos.load(data, least_side_px=SEEN.least_side_px)
    except UnreadablePhoto as error:
        raise unreadable(error) from None
    query = verifier.query_features(picture).features
    verified = verifier.verify(query, [Candidate(photo, 0.0)], "accurate")
    if not verified:
        raise not_found("picture", f"The picture of {photo.id!r} is not available: its file is gone or has changed.")
    [one] = verified
    features = one.features
    agree = np.empty((0, 2), np.int64) if one.geometry is None else one.pairs[one.geometry.agree]
    in_query = query.keypoints[agree[:, 0]] * (query.width_px, query.height_px)
    in_photo = features.keypoints[agree[:, 1]] * (features.width_px, features.height_px)
    return {
        "query": {"width": int(query.width_px), "height": int(query.height_px)},
        "photo": {"width": int(features.width_px), "height": int(features.height_px)},
        "inliers": np.round(np.hstack([in_query, in_photo]), 1).tolist(),
        "count": len(agree),
    }
