"""Verification of candidates: count the local features that agree with those of the query in geometry."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..models.local import LocalFeatures, LocalModel, Matcher, Pairs, shared
from ..store.local_features import Identity, LocalFeatureCache
from ..store.store import Store
from ..timing import stage
from ..types import Camera, Candidate, Photo, Progress, silent
from .features import PhotoFeatures
from .geometry import LONGEST_PX, Geometry, Size, estimate, relative_pose
from .relative_pose import LEAST_INLIERS, PoseObservation

FIELD_OF_VIEW_DEG = 70.0
"""The field of view along the longer side if the focal length is unknown: that of the main camera of most phones."""

EXTRACTION_S, PAIR_S = 0.1, 0.08
"""The first estimates of the time for the features of a photo and for matching a pair, on two cores of 2020."""


@dataclass(frozen=True, slots=True)
class QueryFeatures:
    """The local features of a query, and what is known about its camera."""

    features: LocalFeatures
    camera: Camera | None = None


@dataclass(frozen=True, slots=True)
class VerifiedCandidate:
    """A candidate after verification, with its `inliers`.

    `pairs` (M, 2) are indices into the features of the query and of the candidate. `geometry` is what most pairs agree
    on; None if they do not agree.
    """

    candidate: Candidate
    features: LocalFeatures
    pairs: Pairs
    geometry: Geometry | None


def observations(query: QueryFeatures, verified: Sequence[VerifiedCandidate]) -> list[PoseObservation]:
    """Compute the relative poses of the query to the verified candidates whose heading is known."""
    found = []
    query_size = _size(query.features, _field_of_view_deg(query.features, query.camera))
    for each in verified:
        photo, geometry = each.candidate.photo, each.geometry
        if photo.heading_deg is None or geometry is None or geometry.inliers < LEAST_INLIERS:
            continue
        pairs = each.pairs[geometry.agree]
        map_points = each.features.points_px(LONGEST_PX)[pairs[:, 1]]
        query_points = query.features.points_px(LONGEST_PX)[pairs[:, 0]]
        map_size = _size(each.features, _photo_field_of_view_deg(each.features, photo))
        pose = relative_pose(map_points, query_points, (map_size, query_size))
        if pose is not None:
            at = (photo.position, photo.heading_deg)
            found.append(PoseObservation(*at, pose.turn_deg, pose.towards_deg, geometry.inliers))
    return found


def _photo_field_of_view_deg(features: LocalFeatures, photo: Photo) -> float:
    if photo.view is not None and photo.view.field_of_view_deg is not None:
        return photo.view.field_of_view_deg
    return _field_of_view_deg(features, photo.camera)


def _field_of_view_deg(features: LocalFeatures, camera: Camera | None) -> float:
    known = None if camera is None else camera.field_of_view_deg(features.width_px, features.height_px)
    return FIELD_OF_VIEW_DEG if known is None else known


def _size(features: LocalFeatures, field_of_view_deg: float) -> Size:
    scale = LONGEST_PX / max(features.width_px, features.height_px)
    return Size(features.width_px * scale, features.height_px * scale, field_of_view_deg)


def _smoothed_s(before_s: float, measured_s: float) -> float:
    """The new estimate of a duration: the measured time, but at most twice the old estimate."""
    return min(measured_s, 2 * before_s)


class Verifier:
    """Verification of candidates of one map by local features and geometry. Thread-safe."""

    def __init__(
        self, store: Store, model: LocalModel | None = None, *, cache: LocalFeatureCache | None = None
    ) -> None:
        self.model = model or shared()
        self.features = PhotoFeatures(store, self.model, cache)
        self._extraction_s, self._pair_s = EXTRACTION_S, PAIR_S

    def query_features(self, picture: npt.NDArray[np.uint8], camera: Camera | None = None) -> QueryFeatures:
        """Extract the local features of (H, W, 3) uint8 RGB pixels."""
        self.model.load()  # before the clock starts, because the estimate is for a photo
        began = time.monotonic()
        with stage("features"):
            features = self.model.extract(picture)
        self._extraction_s = _smoothed_s(self._extraction_s, time.monotonic() - began)
        return QueryFeatures(features, camera)

    def photo_features(self, photo: Photo) -> QueryFeatures | None:
        """The features and camera of a photo of the map, as for a query; None if the features are not available."""
        found = next((features for _, features in self._with_features([Candidate(photo, 0.0)], None)), None)
        return None if found is None else QueryFeatures(found, photo.camera)

    def fits(self, candidate: Candidate, until: float | None) -> bool:
        """Whether the query can be compared with its first candidate before `time.monotonic()` reaches `until`."""
        if until is None:
            return True
        identities = self.features.identities([candidate.photo.id])
        extractions = 1 if self.features.known(identities.values()) else 2
        if time.monotonic() + extractions * self._extraction_s + self._pair_s <= until:
            return True
        # Each refusal lowers the estimates a little, so that one slow moment does not end verification for good.
        self._extraction_s, self._pair_s = 0.9 * self._extraction_s, 0.9 * self._pair_s
        return False

    def verify(
        self, query: LocalFeatures, candidates: Sequence[Candidate], matcher: Matcher, *, until: float | None = None
    ) -> list[VerifiedCandidate]:
        """Compare candidates with the query, in their order.

        Args:
            query: the local features of the query.
            candidates: photos of this map. A candidate whose features are not available is left out.
            matcher: "fast" or "accurate".
            until: start nothing that would end after `time.monotonic()` reaches this, in seconds; None for no limit.

        Returns:
            The verified candidates, in the order of `candidates`.
        """
        verified: list[VerifiedCandidate] = []
        for candidate, features in self._with_features(candidates, until):
            began = time.monotonic()
            with stage("match"):
                pairs = self.model.match(query, features, matcher)
            at = query.points_px(LONGEST_PX)[pairs[:, 0]], features.points_px(LONGEST_PX)[pairs[:, 1]]
            with stage("geometry"):
                geometry = estimate(*at)
            counted = replace(candidate, inliers=geometry.inliers if geometry else 0)
            verified.append(VerifiedCandidate(counted, features, pairs, geometry))
            self._pair_s = _smoothed_s(self._pair_s, time.monotonic() - began)
        return verified

    def store_all(self, *, progress: Progress = silent) -> int:
        """See `PhotoFeatures.store_all`."""
        return self.features.store_all(progress=progress)

    def _with_features(
        self, candidates: Sequence[Candidate], until: float | None
    ) -> Iterator[tuple[Candidate, LocalFeatures]]:
        with stage("features"):
            identities = self.features.identities([candidate.photo.id for candidate in candidates])
            known = self.features.known(identities.values())
        fresh: dict[Identity, LocalFeatures] = {}
        try:
            for candidate in candidates:
                identity = identities.get(candidate.photo.id)
                if identity is None:  # removed from the map since the search
                    continue
                features = known.get(identity)
                wanted_s = self._pair_s + (self._extraction_s if features is None else 0.0)
                if until is not None and time.monotonic() + wanted_s > until:
                    return
                if features is None:
                    with stage("features"):
                        features = self.features.compute(candidate.photo, identity)
                    if features is None:
                        continue
                    fresh[identity] = features
                yield candidate, features
        finally:
            self.features.keep(fresh)
