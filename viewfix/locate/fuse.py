"""Fuse candidates into places: a position, a radius, and the numbers that say how far to trust it."""

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
"""Photos this close show the same place: the radius of nearly every protocol of the field."""

SHARPNESS = 20.0
"""How fast a vote fades as similarity falls: 0.05 below the best weighs e^-1. Sharper votes are
right as often and place worse, softer ones are right less often: benchmarks/fusion.py."""

AGREE_HEADING_DEG = 45.0

INLIER_WEIGHT: Mapping[str | None, float] = {None: 0.0, "fast": 0.05, "accurate": 0.1}
"""What verified inliers add to a similarity, times log(1 + inliers), by matcher: 60 inliers of LighterGlue weigh as
much as 0.4 of cosine. Chosen on photos of the training area; nearest neighbours agree by chance more often."""


def inlier_strength(inliers: int | None, matcher: str | None) -> float:
    """What verified inliers add to a similarity."""
    return INLIER_WEIGHT[matcher] * math.log1p(inliers or 0)


def strength(candidate: Candidate, matcher: str | None) -> float:
    """How strongly a candidate speaks for its place: its similarity, and more for inliers counted by `matcher`."""
    return candidate.similarity + inlier_strength(candidate.inliers, matcher)


def ranked(candidates: Sequence[Candidate], matcher: str | None) -> tuple[Candidate, ...]:
    """Candidates, the strongest first; of equals the one that came first."""
    return tuple(sorted(candidates, key=lambda candidate: -strength(candidate, matcher)))


@dataclass(frozen=True, slots=True)
class Consensus:
    """What the candidates of one place say together.

    `position.radius_m` is the spread of the votes, metres. `best` is the index of the strongest candidate of the
    place, `similarity` its cosine, [-1, 1], `strength` that with what its `inliers` add (None: not counted).
    `rival` is the strength of the strongest photo of any other place, None where the map has no other place;
    `agreement` the share of all votes that went to this one, [0, 1]; `matcher` how inliers were counted, None if they
    were not. `members` are the indices of the candidates of the place, strongest first.
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
    """The place with most votes; None where there is no candidate. Arguments as for `fuse_places`."""
    return next(iter(fuse_places(candidates, elsewhere=elsewhere, matcher=matcher)), None)


def fuse_places(
    candidates: Sequence[Candidate],
    *,
    elsewhere: Sequence[Candidate] = (),
    matcher: str | None = None,
    most: int = 1,
) -> list[Consensus]:
    """Let candidates vote for places.

    Each votes with weight exp(SHARPNESS * (strength - best)). The place, a disc of
    AGREE_M metres around one candidate, with most votes wins; the position is the
    weighted mean of its members, on a local plane. The next place is that of the candidates that are left.

    Args:
        candidates: strongest first, at least as many as places can look alike; 20 is good.
        elsewhere: when the candidates were asked for in a region, the best of the whole map. They do not
            vote, but a place must lead over all of them: a region does not put a query from elsewhere into the map.
        matcher: how the inliers of the candidates were counted; None for similarity alone.
        most: how many places to return at most.

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
        members = together[int(np.argmax(votes))] & free  # the first of equals: the strongest
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
    # A rival must stand clear of the place: its own neighbours are no second opinion.
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
    """Weighted circular mean of the members that look the way the best one does; None if it has no heading."""
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
