"""An uploaded photo and one of the map go in; the points of both that agree in geometry come out, in their pixels."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import photos
from ..models.local import SEEN
from ..types import Candidate, Photo
from .answers import checked
from .served import Served
from .trouble import no_such


def matched(served: Served, photo: Photo, data: bytes, most_pixels: int) -> dict[str, Any]:
    """x, y in the query and x, y in the photo, for each pair that agrees.

    Raises:
        UnreadablePhoto: the upload is no picture that is taken.
        Trouble: 404 where the features of the map's photo are not to be had.
    """
    verifier = served.verifier()
    picture = photos.load(checked(data, most_pixels), least_side_px=SEEN.least_side_px)
    query = verifier.query_features(picture).features
    held = verifier.verify(query, [Candidate(photo, 0.0)], "accurate")
    if not held:
        raise no_such("picture", f"The picture of {photo.id!r} is not here any more: its file is gone or has changed.")
    [one] = held
    features = one.features
    agree = np.empty((0, 2), np.int64) if one.geometry is None else one.pairs[one.geometry.agree]
    of_query = query.keypoints[agree[:, 0]] * (query.width_px, query.height_px)
    of_photo = features.keypoints[agree[:, 1]] * (features.width_px, features.height_px)
    return {
        "query": {"width": int(query.width_px), "height": int(query.height_px)},
        "photo": {"width": int(features.width_px), "height": int(features.height_px)},
        "inliers": np.round(np.hstack([of_query, of_photo]), 1).tolist(),
        "count": len(agree),
    }
