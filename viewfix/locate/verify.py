"""Verify candidates: count the local features of each that agree with the query's in geometry."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..models.local import LocalFeatures, LocalModel, Matcher, Pairs
from ..store.local_features import Identity, LocalFeatureCache
from ..store.store import Store
from ..types import Camera, Candidate, Photo, Progress, silent
from .features import PhotoFeatures
from .geometry import LONGEST_PX, Geometry, Size, estimate, relative_pose
from .relative_pose import LEAST_INLIERS, PoseObservation

FIELD_OF_VIEW_DEG = 70.0
"""Along the longer side, where a photo does not say its focal length: the main camera of most phones."""

EXTRACTION_S, PAIR_S = 0.1, 0.08
"""What features of a photo and a pair take before any was measured: two cores of 2020."""


@dataclass(frozen=True, slots=True)
class QueryFeatures:
    """The local features of a query, and what is known about its camera."""

    features: LocalFeatures
    camera: Camera | None = None


@dataclass(frozen=True, slots=True)
class VerifiedCandidate:
    """One candidate after verification; its `inliers` are counted.

    `pairs` (M, 2) are indices into the features of the query and of the candidate; `geometry` is what most of them
    agree on, None where nothing does.
    """

    candidate: Candidate
    features: LocalFeatures
    pairs: Pairs
    geometry: Geometry | None


def observations(query: QueryFeatures, verified: Sequence[VerifiedCandidate]) -> list[PoseObservation]:
    """The relative poses of the query to those verified candidates whose heading is known."""
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
    """One slow moment doubles the estimate, and no more."""
    return min(measured_s, 2 * before_s)


class Verifier:
    """Local features and geometry for the candidates of one map. Thread-safe."""

    def __init__(
        self, store: Store, model: LocalModel | None = None, *, cache: LocalFeatureCache | None = None
    ) -> None:
        self.model = model or LocalModel()
        self.features = PhotoFeatures(store, self.model, cache)
        self._extraction_s, self._pair_s = EXTRACTION_S, PAIR_S

    def query_features(self, picture: npt.NDArray[np.uint8], camera: Camera | None = None) -> QueryFeatures:
        """The local features of (H, W, 3) uint8 RGB pixels."""
        self.model.load()  # its time must not count as that of a photo
        began = time.monotonic()
        features = self.model.extract(picture)
        self._extraction_s = _smoothed_s(self._extraction_s, time.monotonic() - began)
        return QueryFeatures(features, camera)

    def photo_features(self, photo: Photo) -> QueryFeatures | None:
        """A photo of the map as if it were a query; None where its features cannot be had."""
        found = next((features for _, features in self._with_features([Candidate(photo, 0.0)], None)), None)
        return None if found is None else QueryFeatures(found, photo.camera)

    def fits(self, candidate: Candidate, until: float | None) -> bool:
        """Whether a query and its first candidate will have been compared when `time.monotonic()` is `until`."""
        if until is None:
            return True
        identities = self.features.identities([candidate.photo.id])
        extractions = 1 if self.features.known(identities.values()) else 2
        if time.monotonic() + extractions * self._extraction_s + self._pair_s <= until:
            return True
        # One slow moment must not switch verification off for ever: each refusal lowers the estimates a little.
        self._extraction_s, self._pair_s = 0.9 * self._extraction_s, 0.9 * self._pair_s
        return False

    def verify(
        self, query: LocalFeatures, candidates: Sequence[Candidate], matcher: Matcher, *, until: float | None = None
    ) -> list[VerifiedCandidate]:
        """Compare candidates with the query, in their order.

        Args:
            query: its local features.
            candidates: of this map. One whose features cannot be had (no file, another file) is left out.
            matcher: "fast" or "accurate".
            until: nothing is begun that would not be done when `time.monotonic()` is this; None to compare all.
        """
        verified: list[VerifiedCandidate] = []
        for candidate, features in self._with_features(candidates, until):
            began = time.monotonic()
            pairs = self.model.match(query, features, matcher)
            geometry = estimate(query.points_px(LONGEST_PX)[pairs[:, 0]], features.points_px(LONGEST_PX)[pairs[:, 1]])
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
        identities = self.features.identities([candidate.photo.id for candidate in candidates])
        known = self.features.known(identities.values())
        fresh: dict[Identity, LocalFeatures] = {}
        try:
            for candidate in candidates:
                identity = identities.get(candidate.photo.id)
                if identity is None:  # taken out of the map since it was found
                    continue
                features = known.get(identity)
                wanted_s = self._pair_s + (self._extraction_s if features is None else 0.0)
                if until is not None and time.monotonic() + wanted_s > until:
                    return
                if features is None:
                    features = self.features.compute(candidate.photo, identity)
                    if features is None:
                        continue
                    fresh[identity] = features
                yield candidate, features
        finally:
            self.features.keep(fresh)
