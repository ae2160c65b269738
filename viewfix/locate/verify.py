"""A query and candidates go in; each candidate comes out with the local features that agree with the query's."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from .. import photos
from ..embed.describe import cores, hash_content
from ..errors import BadInput, UnreadablePhoto
from ..models.local import SEEN, LocalFeatures, LocalModel, Matcher, Pairs
from ..store.local_features import Identity, LocalFeatureCache
from ..store.store import Store
from ..types import Candidate, Photo, Progress, silent
from .geometry import LONGEST_PX, Geometry, Size, agreed, way
from .relative_pose import LEAST_INLIERS, PoseObservation

FIELD_DEG = 70.0
"""The field of view along the longer side that photos are taken to have: that of the main camera of most phones."""

EXTRACTION_S, PAIR_S = 0.1, 0.08
"""What features of a photo and a pair take before any was measured: two cores of 2020."""

REMEMBERED = 512
"""Photos whose features stay in memory: 70 MB, and the next query of the same street finds them there."""


@dataclass(frozen=True, slots=True)
class VerifiedCandidate:
    """One candidate held against the query; its `inliers` are counted now.

    `pairs` (M, 2) are indices into the features of the query and of the candidate; `geometry` is what most of them
    agree on, None where nothing does.
    """

    candidate: Candidate
    features: LocalFeatures
    pairs: Pairs
    geometry: Geometry | None


def sights(query: LocalFeatures, held: Sequence[VerifiedCandidate]) -> list[PoseObservation]:
    """What the held candidates whose heading is known saw of the query's camera."""
    found = []
    for each in held:
        photo, geometry = each.candidate.photo, each.geometry
        if photo.heading_deg is None or geometry is None or geometry.inliers < LEAST_INLIERS:
            continue
        pairs = each.pairs[geometry.agree]
        of_map, of_query = each.features.points_px(LONGEST_PX)[pairs[:, 1]], query.points_px(LONGEST_PX)[pairs[:, 0]]
        moved = way(of_map, of_query, (_size(each.features), _size(query)))
        if moved is not None:
            at = (photo.position, photo.heading_deg)
            found.append(PoseObservation(*at, moved.turn_deg, moved.towards_deg, geometry.inliers))
    return found


def _size(features: LocalFeatures) -> Size:
    scale = LONGEST_PX / max(features.width_px, features.height_px)
    return Size(features.width_px * scale, features.height_px * scale, FIELD_DEG)


def _learned_s(before_s: float, measured_s: float) -> float:
    """One slow moment doubles what is expected, and no more."""
    return min(measured_s, 2 * before_s)


class Verifier:
    """Local features and geometry for the candidates of one map. Thread-safe.

    Features of map photos come from memory, from the map, or from the photo's file, in this order; what was
    computed is kept in the map when that can be done without waiting.
    """

    def __init__(
        self, store: Store, model: LocalModel | None = None, *, cache: LocalFeatureCache | None = None
    ) -> None:
        self._store = store
        self.model = model or LocalModel()
        self.cache = cache or store.local_features(self.model.fingerprint)
        self._memory: OrderedDict[Identity, LocalFeatures] = OrderedDict()
        self._lock = threading.Lock()
        self._extraction_s, self._pair_s = EXTRACTION_S, PAIR_S

    def of_query(self, picture: npt.NDArray[np.uint8]) -> LocalFeatures:
        """The local features of (H, W, 3) uint8 RGB pixels."""
        self.model.load()  # not a part of what the next one takes
        began = time.monotonic()
        features = self.model.extract(picture)
        self._extraction_s = _learned_s(self._extraction_s, time.monotonic() - began)
        return features

    def of_photo(self, photo: Photo) -> LocalFeatures | None:
        """The local features of a photo of the map; None where they cannot be had."""
        return next((features for _, features in self._with_features([Candidate(photo, 0.0)], None)), None)

    def fits(self, candidate: Candidate, until: float | None) -> bool:
        """Whether a query and its first candidate will have been compared when `time.monotonic()` is `until`."""
        if until is None:
            return True
        extractions = 1 if self._known([candidate.photo.id])[1] else 2
        if time.monotonic() + extractions * self._extraction_s + self._pair_s <= until:
            return True
        # One slow moment must not switch verification off for ever: what is not tried is thought a little faster.
        self._extraction_s, self._pair_s = 0.9 * self._extraction_s, 0.9 * self._pair_s
        return False

    def hold(
        self, query: LocalFeatures, candidates: Sequence[Candidate], how: Matcher, *, until: float | None = None
    ) -> list[VerifiedCandidate]:
        """Hold candidates against the query, in their order.

        Args:
            query: its local features.
            candidates: of this map. One whose features cannot be had (no file, another file) is left out.
            how: "fast" or "accurate".
            until: what would not be done when `time.monotonic()` is this is not begun; None to hold all.
        """
        held: list[VerifiedCandidate] = []
        for candidate, features in self._with_features(candidates, until):
            began = time.monotonic()
            pairs = self.model.match(query, features, how)
            held.append(self._held(query, candidate, features, pairs))
            self._pair_s = _learned_s(self._pair_s, time.monotonic() - began)
        return held

    @staticmethod
    def _held(query: LocalFeatures, candidate: Candidate, features: LocalFeatures, pairs: Pairs) -> VerifiedCandidate:
        geometry = agreed(
            query.points_px(LONGEST_PX)[pairs[:, 0]],
            features.points_px(LONGEST_PX)[pairs[:, 1]],
        )
        return VerifiedCandidate(
            replace(candidate, inliers=geometry.inliers if geometry else 0), features, pairs, geometry
        )

    def _with_features(
        self, candidates: Sequence[Candidate], until: float | None
    ) -> Iterator[tuple[Candidate, LocalFeatures]]:
        identities, known = self._known([candidate.photo.id for candidate in candidates])
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
                    features = self._computed(candidate.photo, identity)
                    if features is None:
                        continue
                    fresh[identity] = features
                yield candidate, features
        finally:
            self._remember(fresh)
            self.cache.keep({identity: features.pack() for identity, features in fresh.items()})

    def _known(self, ids: Sequence[str]) -> tuple[dict[str, Identity], dict[Identity, LocalFeatures]]:
        """What the photos of these ids hold now, and the features of those that need no computing."""
        identities = self._identities(ids)
        with self._lock:
            known = {identity: self._memory[identity] for identity in identities.values() if identity in self._memory}
            for identity in known:
                self._memory.move_to_end(identity)
        stored = self.cache.load([identity for identity in identities.values() if identity not in known])
        loaded: dict[Identity, LocalFeatures] = {}
        for identity, packed in stored.items():
            try:
                loaded[identity] = LocalFeatures.unpack(packed)
            except BadInput:  # damaged: computed anew
                continue
        self._remember(loaded)
        return identities, {**known, **loaded}

    def _identities(self, ids: Sequence[str]) -> dict[str, Identity]:
        return {photo_id: (photo_id, record.content_hash) for photo_id, record in self._store.known(ids).items()}

    def _remember(self, features: dict[Identity, LocalFeatures]) -> None:
        with self._lock:
            self._memory.update(features)
            while len(self._memory) > REMEMBERED:
                self._memory.popitem(last=False)

    def _computed(self, photo: Photo, identity: Identity) -> LocalFeatures | None:
        """From the file, if it is here and still holds what was added; a query waits for no download."""
        return None if photos.is_url(photo.source) else self._from_source(photo, identity)

    def _from_source(self, photo: Photo, identity: Identity) -> LocalFeatures | None:
        try:
            data = photos.read_bytes(photo.source)
            if hash_content(data) != identity[1]:
                return None
            # Packed and unpacked, so that an answer does not depend on whether the map had them.
            picture = photos.load(data, least_side_px=SEEN.least_side_px)
            return LocalFeatures.unpack(self.model.extract(picture).pack())
        except UnreadablePhoto:
            return None

    def store_all(self, *, progress: Progress = silent) -> int:
        """Store the features of every photo that has none; how many could not be had. The map must be open for writing.

        A kill loses the batch in the making; the next call goes on.
        """
        batches: Iterable[list[Photo]] = self.cache.missing(chunk=64)
        self.cache.keep_all({})  # all are wanted from now on, also where none is missing now
        done = missed = 0
        with ThreadPoolExecutor(cores(), thread_name_prefix="features") as pool:
            for batch in batches:
                known = self._identities([photo.id for photo in batch])
                identities = [known[photo.id] for photo in batch]  # open for writing: nobody takes one out
                found = dict(zip(identities, pool.map(self._from_source, batch, identities), strict=True))
                self.cache.keep_all({identity: each.pack() for identity, each in found.items() if each is not None})
                missed += sum(each is None for each in found.values())
                done += len(batch)
                progress("local features", done, None)
        return missed
