"""Fusion of candidates into places, each with a position, a radius, and the numbers behind its probability."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..geo import Plane, distances_m, wrap_heading_deg
from ..types import Candidate, Position

Floats = npt.NDArray[np.float64]

AGREE_M = 25.0
"""Photos within this distance show the same place. Nearly every protocol of the field uses this radius."""

SHARPNESS = 20.0
"""How fast a vote falls with similarity: at 0.05 below the best it is e^-1. With sharper votes, as many answers are
right but positions are worse; with softer ones, fewer answers are right (benchmarks/fusion.py)."""

AGREE_HEADING_DEG = 45.0

INLIER_WEIGHT: Mapping[str | None, float] = {None: 0.0, "fast": 0.05, "accurate": 0.1}
"""The weight of verified inliers by matcher: they add weight * log(1 + inliers) to a similarity. 60 inliers of
LighterGlue count as much as 0.4 of cosine. "fast" weighs less because nearest neighbours agree by chance more often.
Chosen on photos of the training area."""


def inlier_strength(inliers: int | None, matcher: str | None) -> float:
    """What verified inliers add to a similarity."""
    return INLIER_WEIGHT[matcher] * math.log1p(inliers or 0)


def strength(candidate: Candidate, matcher: str | None) -> float:
    """The strength of a candidate: its similarity, plus what its inliers, counted by `matcher`, add to it."""
    return candidate.similarity + inlier_strength(candidate.inliers, matcher)


def ranked(candidates: Sequence[Candidate], matcher: str | None) -> tuple[Candidate, ...]:
    """Sort candidates by strength, strongest first. Equal ones keep their order."""
    return tuple(sorted(candidates, key=lambda candidate: -strength(candidate, matcher)))


@dataclass(frozen=True, slots=True)
class Consensus:
    """The combined vote of the candidates of one place.

    `position.radius_m` is the spread of the votes in metres. `best` is the index of the strongest candidate of the
    place, `similarity` its cosine, [-1, 1], and `strength` the similarity plus what its `inliers` add (None if not
    counted). `rival` is the strength of the strongest photo of any other place; None if the map has no other place.
    `agreement`, [0, 1], is the share of all votes that went to this place. `matcher` is how inliers were counted; None
    if they were not. `members` are the indices of the candidates of the place, strongest first.
    """

    position: Position
    heading_deg: float | None
    similarity: float
    rival: float | None
    agreement: float
    best: int
    strength: float
    inliers: int | None = None
    matcher: str | None = None
    members: tuple[int, ...] = ()


def fuse(
    candidates: Sequence[Candidate], *, elsewhere: Sequence[Candidate] = (), matcher: str | None = None
) -> Consensus | None:
    """The place with the most votes; None if there are no candidates. Arguments as for `fuse_places`."""
    return next(iter(fuse_places(candidates, elsewhere=elsewhere, matcher=matcher)), None)


def fuse_places(
    candidates: Sequence[Candidate],
    *,
    elsewhere: Sequence[Candidate] = (),
    matcher: str | None = None,
    most: int = 1,
) -> list[Consensus]:
    """Let candidates vote for places.

    Each candidate votes with the weight exp(SHARPNESS * (strength - best strength)). A place is a disc of AGREE_M
    metres around one candidate. The place with the most votes comes first; its position is the weighted mean of its
    members on a local plane. The candidates that are left then vote for the next place.

    Args:
        candidates: strongest first; 20 are enough for most maps.
        elsewhere: further rivals, such as the best photos of the whole map if the candidates come from a region. They
            do not vote, but a place is compared with them too: restricting the search to a region must not make a
            photo from elsewhere look as if it were taken there.
        matcher: how the inliers of the candidates were counted; None for similarity alone.
        most: the largest number of places to return.

    Returns:
        The places, most votes first.
    """
    if not candidates:
        return []
    strengths = np.array([strength(c, matcher) for c in candidates])
    weights = np.exp(SHARPNESS * (strengths - strengths.max()))
    plane = Plane(candidates[0].photo.position)
    points = plane.to_xy_m([c.photo.position.lat for c in candidates], [c.photo.position.lon for c in candidates])
    apart_m = np.linalg.norm(points[:, None] - points[None], axis=2)
    together = apart_m <= AGREE_M
    free = np.ones(len(candidates), bool)
    places: list[Consensus] = []
    while free.any() and len(places) < most:
        votes = np.where(free, together @ (weights * free), -1.0)
        members = together[int(np.argmax(votes))] & free  # argmax takes the first of equals, which is the strongest
        free &= ~members
        places.append(_consensus(candidates, elsewhere, matcher, plane, (points, strengths, weights, members)))
    return places


def _consensus(
    candidates: Sequence[Candidate],
    elsewhere: Sequence[Candidate],
    matcher: str | None,
    plane: Plane,
    numbers: tuple[Floats, Floats, Floats, npt.NDArray[np.bool_]],
) -> Consensus:
    points, strengths, weights, members = numbers
    share = weights * members
    total = float(share.sum())
    centre = share @ points / total
    spread_m = float(np.sqrt(share @ ((points - centre) ** 2).sum(axis=1) / total))
    best = int(np.argmax(np.where(members, strengths, -np.inf)))
    # A rival must be more than AGREE_M away: neighbours of the place show the same place.
    position = plane.to_position(float(centre[0]), float(centre[1]), spread_m)
    rivals = list(strengths[~members & (np.linalg.norm(points - centre, axis=1) > AGREE_M)])
    if elsewhere:
        lats, lons = zip(*((c.photo.position.lat, c.photo.position.lon) for c in elsewhere), strict=True)
        far = distances_m(position.lat, position.lon, lats, lons) > AGREE_M
        rivals += [strength(c, matcher) for c, is_far in zip(elsewhere, far, strict=True) if is_far]
    return Consensus(
        position=position,
        heading_deg=_heading_deg(candidates, share, best),
        similarity=candidates[best].similarity,
        rival=float(max(rivals)) if rivals else None,
        agreement=total / float(weights.sum()),
        best=best,
        strength=float(strengths[best]),
        inliers=candidates[best].inliers,
        matcher=matcher,
        members=tuple(np.flatnonzero(members).tolist()),
    )


def _heading_deg(candidates: Sequence[Candidate], share: Floats, best: int) -> float | None:
    """The circular mean heading of the members that look the same way as the best; None if the best has no heading."""
    best_deg = candidates[best].photo.heading_deg
    if best_deg is None:
        return None
    east = north = 0.0
    for candidate, weight in zip(candidates, share, strict=True):
        heading_deg = candidate.photo.heading_deg
        if heading_deg is None or weight == 0:
            continue
        if abs((heading_deg - best_deg + 180) % 360 - 180) <= AGREE_HEADING_DEG:
            east += float(weight) * float(np.sin(np.radians(heading_deg)))
            north += float(weight) * float(np.cos(np.radians(heading_deg)))
    return wrap_heading_deg(float(np.degrees(np.arctan2(east, north))))
