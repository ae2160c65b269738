"""A photo of the map is asked for as if it were not there: the one place that touches search, vote and probability."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..geo import distances_m
from ..locate.calibrate import OWN_PLACE_M, POOL
from ..locate.confidence import LEAST_CONFIDENCE, Calibration
from ..locate.context import density
from ..locate.decide import VOTERS
from ..locate.fuse import AGREE_M, fuse
from ..locate.retrieve import WIDEST, retrieve
from ..search.search import Search
from ..store.store import Store
from ..types import Candidate, Photo

FAR_M = 2 * AGREE_M
"""Farther than this from the truth, a candidate shows another place and not the other end of this one."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the rest of the map said of a photo, itself and what stands within OWN_PLACE_M left out.

    `right` is its similarity to the best photo within AGREE_M of the truth, None when none is among the candidates;
    `rival` the best candidate farther than FAR_M from it, None when there is none.
    """

    photo: Photo
    probability: float
    error_m: float
    right: float | None
    rival: Candidate | None

    def answered(self) -> bool:
        """Whether viewfix would name a place at all."""
        return self.probability >= LEAST_CONFIDENCE


@dataclass(frozen=True, slots=True)
class Outcome:
    """A photo that was drawn, by its index and that of its spot, and what came of it.

    `asked` is None when no other photo is near enough to find it by. `alike` is how many of those near look the same
    way, None when it, or any of them, does not say where it looks.
    """

    index: int
    spot: int
    found: bool
    alike: int | None
    asked: Asked | None

    @property
    def misled(self) -> bool:
        """Named a place, and a wrong one."""
        return self.asked is not None and not self.found and self.asked.answered()


def ask(store: Store, search: Search, calibration: Calibration, row: int) -> Asked | None:
    """Leave one photo out and look for it, as `trials.examine` does, by similarity alone; None when it has gone."""
    photos, descriptors = store.photos([row]), store.descriptors([row])
    if not photos or not len(descriptors):  # another process took it out a moment ago
        return None
    [photo], pool = photos, POOL
    while True:
        found = retrieve(store, search, descriptors[0], pool, None)
        kept, apart_m = _others(found, photo)
        # A place with more photos than the pool holds would leave nobody to ask: look further.
        if len(kept) >= VOTERS or pool >= min(len(store), WIDEST):
            break
        pool *= 4
    consensus = fuse(kept[:VOTERS], elsewhere=kept[VOTERS:])
    if consensus is None:
        return Asked(photo, 0.0, float("inf"), None, None)
    at = consensus.position
    error_m = distances_m(photo.position.lat, photo.position.lon, [at.lat], [at.lon])[0]
    return Asked(
        photo,
        calibration.probability(consensus, density(store, consensus)),
        float(error_m),
        next((c.similarity for c, m in zip(kept, apart_m, strict=True) if m <= AGREE_M), None),
        next((c for c, m in zip(kept, apart_m, strict=True) if m > FAR_M), None),
    )


def _others(found: Sequence[Candidate], photo: Photo) -> tuple[list[Candidate], list[float]]:
    """The candidates that stand elsewhere, best first, and how far from the photo, metres."""
    lats, lons = [c.photo.position.lat for c in found], [c.photo.position.lon for c in found]
    apart_m = distances_m(photo.position.lat, photo.position.lon, lats, lons)
    pairs = [(c, float(m)) for c, m in zip(found, apart_m, strict=True) if m > OWN_PLACE_M]
    return [c for c, _ in pairs], [m for _, m in pairs]
