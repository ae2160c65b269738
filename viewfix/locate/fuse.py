"""Candidates become a consensus: one position, a radius, and the numbers that say how far to trust it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..geo import Plane, distances_m, wrap_heading_deg
from ..types import Candidate, Position

AGREE_M = 25.0
"""Photos this close show the same place: the radius of nearly every protocol of the field."""

SHARPNESS = 20.0
"""How fast a vote fades as similarity falls: 0.05 below the best weighs e^-1. Sharper votes are
right as often and place worse, softer ones are right less often: benchmarks/fusion.py."""

AGREE_HEADING_DEG = 45.0

INLIER_WEIGHT: Mapping[str | None, float] = {None: 0.0, "fast": 0.05, "accurate": 0.1}
"""What verified inliers add to a similarity, times log(1 + inliers), by how they were matched: 60 matched by
LighterGlue weigh as much as 0.4 of cosine. Chosen on photos of the training area; nearest neighbours agree by chance
more often."""


def strength(candidate: Candidate, how: str | None) -> float:
    """How strongly a candidate speaks for its place: its similarity, and more for inliers that were counted `how`."""
    return candidate.similarity + INLIER_WEIGHT[how] * math.log1p(candidate.inliers or 0)


def ranked(candidates: Sequence[Candidate], how: str | None) -> tuple[Candidate, ...]:
    """Candidates, the strongest first; of equals the one that came first."""
    return tuple(sorted(candidates, key=lambda candidate: -strength(candidate, how)))


@dataclass(frozen=True, slots=True)
class Consensus:
    """What the candidates say together.

    `position.radius_m` is the spread of the votes, metres. `best` is the index of the strongest candidate of the
    winning place, `similarity` its cosine, [-1, 1], `strength` that with what its `inliers` add (None: not counted).
    `rival` is the strength of the strongest photo of any other place, None where the map has no other place;
    `agreement` the share of all votes that went to the winning one, [0, 1]; `how` how inliers were counted, if so.
    """

    position: Position
    heading_deg: float | None
    similarity: float
    rival: float | None
    agreement: float
    best: int
    strength: float
    inliers: int | None = None
    how: str | None = None


def fuse(
    candidates: Sequence[Candidate], *, elsewhere: Sequence[Candidate] = (), how: str | None = None
) -> Consensus | None:
    """Let candidates vote for a place; None when there is none to vote.

    Each votes with weight exp(SHARPNESS * (strength - best)). The place, a disc of
    AGREE_M metres around one candidate, with most votes wins; the position is the
    weighted mean of its members, on a local plane.

    Args:
        candidates: strongest first, at least as many as places can look alike; 20 is good.
        elsewhere: when the candidates were asked for in a region, the best of the whole map. They do not
            vote, but a place must lead over all of them: a region does not make a stranger a resident.
        how: how the inliers of the candidates were counted; None for similarity alone.
    """
    if not candidates:
        return None
    strengths = np.array([strength(c, how) for c in candidates])
    weights = np.exp(SHARPNESS * (strengths - strengths.max()))
    plane = Plane(candidates[0].photo.position)
    points = plane.to_xy_m([c.photo.position.lat for c in candidates], [c.photo.position.lon for c in candidates])
    apart_m = np.linalg.norm(points[:, None] - points[None], axis=2)
    together = apart_m <= AGREE_M
    votes = together @ weights
    members = together[int(np.argmax(votes))]  # the first of equals: the strongest

    share = weights * members
    total = float(share.sum())
    centre = share @ points / total
    spread_m = float(np.sqrt(share @ ((points - centre) ** 2).sum(axis=1) / total))
    best = int(np.argmax(np.where(members, strengths, -np.inf)))
    # A rival must stand clear of the winner's place: its own neighbours are no second opinion.
    position = plane.to_position(float(centre[0]), float(centre[1]), spread_m)
    rivals = list(strengths[~members & (np.linalg.norm(points - centre, axis=1) > AGREE_M)])
    if elsewhere:
        lats, lons = zip(*((c.photo.position.lat, c.photo.position.lon) for c in elsewhere), strict=True)
        far = distances_m(position.lat, position.lon, lats, lons) > AGREE_M
        rivals += [strength(c, how) for c, is_far in zip(elsewhere, far, strict=True) if is_far]
    return Consensus(
        position=position,
        heading_deg=_heading(candidates, share, best),
        similarity=candidates[best].similarity,
        rival=float(max(rivals)) if rivals else None,
        agreement=total / float(weights.sum()),
        best=best,
        strength=float(strengths[best]),
        inliers=candidates[best].inliers,
        how=how,
    )


def _heading(candidates: Sequence[Candidate], share: np.ndarray, best: int) -> float | None:
    """Weighted circular mean of the members that look the way the best one does; None if it has no heading."""
    towards = candidates[best].photo.heading_deg
    if towards is None:
        return None
    east = north = 0.0
    for candidate, weight in zip(candidates, share, strict=True):
        heading = candidate.photo.heading_deg
        if heading is None or weight == 0:
            continue
        if abs((heading - towards + 180) % 360 - 180) <= AGREE_HEADING_DEG:
            east += float(weight) * float(np.sin(np.radians(heading)))
            north += float(weight) * float(np.cos(np.radians(heading)))
    return wrap_heading_deg(float(np.degrees(np.arctan2(east, north))))
