"""The views of a query: one for an ordinary photo, several for a panorama, each with its own candidates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..embed.describe import content_hash
from ..errors import UnreadablePhoto
from ..geo import wrap_heading_deg
from ..models.local import SEEN
from ..models.model import Model
from ..photos import Readable, is_url, load, metadata, read_bytes
from ..photos.panoramas import Panoramic, panoramic
from ..photos.sphere import WHOLE, is_whole_sphere
from ..photos.views import load_view, load_views
from ..sources import PanoramaMode, views_of_panorama
from ..store.store import Store
from ..timing import stage
from ..types import Camera, Candidate, Photo, Position, View
from .relative_pose import PoseObservation
from .verify import QueryFeatures, Verifier


@dataclass(frozen=True, slots=True)
class QueryView:
    """One direction of a query: its (dim,) float32 descriptor of length 1, and the view to cut out of the photo.

    `yaw_deg` is the direction of the view, clockwise from that of the photo; 0 for an ordinary photo, with no `view`.
    """

    descriptor: npt.NDArray[np.float32]
    yaw_deg: float = 0.0
    view: View | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """A picture to locate: its (dim,) float32 descriptor of length 1, and the photo itself if there is one.

    A panorama has several `views`, each with a descriptor of its own; `descriptor` is then that of the first. `remark`
    is what the answer should tell about how the photo was read.
    """

    descriptor: npt.NDArray[np.float32]
    photo: Readable | None = None
    views: tuple[QueryView, ...] = ()
    remark: str | None = None

    @property
    def asked(self) -> tuple[QueryView, ...]:
        """The views to ask the map about; an ordinary photo has one."""
        return self.views or (QueryView(self.descriptor),)


def describe_query(photo: Readable, model: Model, panorama: PanoramaMode = "ask") -> Query:
    """Describe a photo, or every view of a panorama.

    Args:
        photo: as for `load`.
        model: the model of the map.
        panorama: whether the photo is a panorama; "ask" for what its metadata says.

    Raises:
        UnreadablePhoto: it cannot be read, or it was said to be a panorama and does not have the shape of one.
    """
    about = None if panorama == "no" else _panoramic(photo)
    if about is None or not (about.is_told or panorama == "yes"):
        with stage("decode"):
            pixels = load(photo, least_side_px=model.least_side_px)
        with stage("embed"):
            [descriptor] = model.embed([pixels])
        remark = _QUESTION if about is not None and about.is_likely else None
        return Query(descriptor, photo, remark=remark)
    if about.extent is None:
        raise UnreadablePhoto(
            f"The photo has {about.width_px} x {about.height_px} pixels, but a panorama is twice as wide as high. "
            "Leave out --panorama yes, or pass a full panorama."
        )
    sphere = Photo("", "", Position(0, 0), 0.0, camera=_camera(photo))
    photos = [each for each in views_of_panorama(sphere, extent=about.extent) if each.view is not None]
    with stage("decode"):
        pictures = list(load_views(photo, [each.view for each in photos], least_side_px=model.least_side_px))
    with stage("embed"):
        views = tuple(
            QueryView(model.embed([picture])[0], each.heading_deg or 0.0, each.view)
            for each, picture in zip(photos, pictures, strict=True)
        )
    if not views:
        raise UnreadablePhoto("The photo is a panorama that shows too little of the sphere to cut out a view.")
    return Query(views[0].descriptor, photo, views)


_QUESTION = "the photo has the shape of a panorama; if it is one, pass --panorama yes (panorama=yes)"


def _panoramic(photo: Readable) -> Panoramic | None:
    """What is known about a photo as a panorama; None if `load` will refuse it."""
    if isinstance(photo, str) and is_url(photo):
        return None
    if isinstance(photo, str | Path | bytes):
        return panoramic(photo)
    size = photo.shape[1::-1] if isinstance(photo, np.ndarray) else getattr(photo, "size", ())
    if len(size) != 2 or not all(size):
        return None
    width_px, height_px = size
    extent = WHOLE if is_whole_sphere(width_px, height_px) else None
    return Panoramic(width_px, height_px, extent, is_told=False, is_likely=False)


def _camera(photo: Readable) -> Camera | None:
    if not isinstance(photo, str | Path | bytes):
        return None
    try:
        return metadata(photo).camera
    except UnreadablePhoto:
        return None


def features_of(verifier: Verifier, photo: Readable, view: View | None) -> QueryFeatures:
    """The local features of a query, or of one view of it, and its camera."""
    with stage("decode"):
        picture = load_view(photo, view, least_side_px=SEEN.least_side_px)
        camera = _camera(photo)
    if view is not None and view.field_of_view_deg is not None:
        side_px = picture.shape[0]
        focal_px = side_px / 2 / math.tan(math.radians(view.field_of_view_deg) / 2)
        camera = Camera(focal_px=focal_px, width_px=side_px, height_px=side_px)
    return verifier.query_features(picture, camera)


def closest_view(query: Query, photo_id: str | None, store: Store) -> QueryView:
    """The view of a query that is most similar to a photo of the map; the first if the map does not have the photo."""
    rows = {} if photo_id is None or not query.views else store.rows_of([photo_id])
    descriptors = store.descriptors(list(rows.values()))
    if not len(descriptors):
        return query.asked[0]
    return max(query.asked, key=lambda view: float(view.descriptor @ descriptors[0]))


@dataclass(frozen=True, slots=True)
class Seen:
    """A candidate, and the view of the query that found it."""

    candidate: Candidate
    by: QueryView

    def turned(self) -> Candidate:
        """The candidate as if it looked where the query's own direction is, so that headings can be averaged."""
        photo = self.candidate.photo
        if photo.heading_deg is None or not self.by.yaw_deg:
            return self.candidate
        heading_deg = wrap_heading_deg(photo.heading_deg - self.by.yaw_deg)
        return replace(self.candidate, photo=replace(photo, heading_deg=heading_deg))


def merged(found: Sequence[tuple[QueryView, Sequence[Candidate]]], most: int) -> list[Seen]:
    """The candidates of all views, most similar first; each photo once, by the view that it is most similar to."""
    every = [Seen(candidate, view) for view, candidates in found for candidate in candidates]
    best: dict[str, Seen] = {}
    for seen in sorted(every, key=lambda seen: -seen.candidate.similarity):
        best.setdefault(seen.candidate.photo.id, seen)
    return list(best.values())[:most]


def turned_back(observation: PoseObservation, view: QueryView) -> PoseObservation:
    """The pose of the whole query from that of one of its views."""
    return replace(observation, turn_deg=observation.turn_deg - view.yaw_deg)


def hashes_of(photo: Readable | None, views: Sequence[View | None]) -> list[str | None]:
    """The content hashes that photos of a map have if they are these views of this file; None if it is not a file."""
    if not isinstance(photo, str | Path | bytes):
        return [None] * len(views)
    data = photo if isinstance(photo, bytes) else read_bytes(photo)
    return [content_hash(data, view) for view in views]
