"""Search for a photo of the map as if it were not in it, and record the answer of the rest of the map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..geo import distances_m
from ..locate.calibrate import OWN_PLACE_M, POOL
from ..locate.confidence import LEAST_CONFIDENCE
from ..locate.context import MapContext, density
from ..locate.decide import VOTERS
from ..locate.fuse import AGREE_M, fuse
from ..locate.retrieve import WIDEST, retrieve
from ..types import Candidate, Photo

FAR_M = 2 * AGREE_M
"""A candidate farther from the true position than this shows another place, not the other end of the same one."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer of the rest of the map for a photo that is left out, with everything within OWN_PLACE_M.

    `own_similarity` is the similarity of the best photo within AGREE_M of the true position, None if no candidate lies
    there; `rival` the best candidate farther than FAR_M from it, None if there is none.
    """

    photo: Photo
    probability: float
    error_m: float
    own_similarity: float | None
    rival: Candidate | None

    @property
    def answered(self) -> bool:
        """Whether viewfix would name a place."""
        return self.probability >= LEAST_CONFIDENCE


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome for one tested photo: its index, the index of its spot, and the prediction.

    `prediction` is None if no other photo is near enough to find it by. `facing_alike` counts the nearby photos taken
    in the same direction; None if the heading of this photo or of one of them is unknown.
    """

    photo: int
    spot: int
    found: bool
    facing_alike: int | None
    prediction: Prediction | None

    @property
    def misled(self) -> bool:
        """Whether a wrong place would be named."""
        return self.prediction is not None and not self.found and self.prediction.answered


def predict(context: MapContext, row: int) -> Prediction | None:
    """Leave one photo out and search for it by similarity alone, as calibration does; None if it has been removed."""
    store = context.store
    photos, descriptors = store.photos([row]), store.descriptors([row])
    if not photos or not len(descriptors):  # another process removed it a moment ago
        return None
    [photo], pool = photos, POOL
    while True:
        found = retrieve(store, context.search, descriptors[0], pool, None)
        kept, apart_m = _elsewhere(found, photo)
        # A spot with more photos than the pool would leave no other candidates: search for more.
        if len(kept) >= VOTERS or pool >= min(len(store), WIDEST):
            break
        pool *= 4
    consensus = fuse(kept[:VOTERS], elsewhere=kept[VOTERS:])
    if consensus is None:
        return Prediction(photo, 0.0, float("inf"), None, None)
    at = consensus.position
    error_m = distances_m(photo.position.lat, photo.position.lon, [at.lat], [at.lon])[0]
    return Prediction(
        photo,
        context.calibration.probability(consensus, density(store, consensus)),
        float(error_m),
        next((c.similarity for c, m in zip(kept, apart_m, strict=True) if m <= AGREE_M), None),
        next((c for c, m in zip(kept, apart_m, strict=True) if m > FAR_M), None),
    )


def _elsewhere(found: Sequence[Candidate], photo: Photo) -> tuple[list[Candidate], list[float]]:
    """The candidates from other spots, best first, and their distances from the photo, metres."""
    lats, lons = [c.photo.position.lat for c in found], [c.photo.position.lon for c in found]
    apart_m = distances_m(photo.position.lat, photo.position.lon, lats, lons)
    pairs = [(c, float(m)) for c, m in zip(found, apart_m, strict=True) if m > OWN_PLACE_M]
    return [c for c, _ in pairs], [m for _, m in pairs]
