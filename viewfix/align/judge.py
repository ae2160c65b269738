"""Judge the heading and the position of a photo by what its neighbours say about it.

Both are weighed as log-likelihood ratios. A sighting is right with a probability that grows with its inliers; if it is
wrong, it says anything. The numbers were fitted on photos of the training area (benchmarks/align.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..geo import wrap_heading_deg
from .pairs import Sighting

Floats = npt.NDArray[np.float64]

HEADING_EVIDENCE, POSITION_EVIDENCE = 8.0, 10.0
"""A correction must be e to this power times likelier than what is recorded: 3,000 and 20,000 times. With 7 and 8, one
photo in a hundred was corrected wrongly, where the same façade repeats along a street."""

LEAST_VOICES = 3
LEAST_TURN_DEG, LEAST_MOVE_M = 20.0, 12.0
"""Smaller errors are left alone: they are within what compass, satellites and relative poses can tell."""

AGREE_DEG = 15.0
TRUST = 0.9
"""The share of neighbours that are themselves recorded rightly."""

BEARING_SD_DEG = 15.0
SEARCHED_M, STEP_M, SAME_M = 60.0, 3.0, 8.0
"""Positions up to this far are tried, this far apart; those this close to the recorded one count as the same."""

SURE_INLIERS = 40
MEETING_M = 4.0
"""Closer than this to a neighbour, the direction from it says nothing."""

MOST_PENALTY = 4.0
"""A neighbour that is far from a position says no more than this against it, since it may be mistaken."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A correction that `voices` neighbours of a photo agree on, with the log-likelihood ratio `evidence`."""

    voices: int
    evidence: float


@dataclass(frozen=True, slots=True)
class HeadingVerdict(Verdict):
    """Where the camera looked, [0, 360)."""

    heading_deg: float


@dataclass(frozen=True, slots=True)
class PositionVerdict(Verdict):
    """Where the camera stood: metres east and north of the recorded position."""

    east_m: float
    north_m: float


def judge_heading(
    recorded_deg: float, sightings: Sequence[Sighting], headings_deg: Floats, points_m: Floats
) -> HeadingVerdict | None:
    """The heading that the neighbours of a photo agree on; None if it fits the recorded one, or the evidence is weak.

    Args:
        recorded_deg: the recorded heading; NaN if it is unknown.
        sightings: what its neighbours say.
        headings_deg: (N,) the headings of all photos, NaN where unknown.
        points_m: (N, 2) the positions of all photos, metres.
    """
    known = [s for s in sightings if not np.isnan(headings_deg[s.other])]
    if len(known) < LEAST_VOICES:
        return None
    said = np.array([headings_deg[s.other] + s.turn_deg for s in known])
    right = TRUST * reliability(known)
    gain, loss = np.log(right * 180 / AGREE_DEG + 1 - right), np.log(1 - right)
    agree = _apart_deg(said[:, None], said[None]) <= AGREE_DEG
    scores = np.where(agree, gain, loss).sum(axis=1)
    best = int(scores.argmax())
    chosen = agree[best]
    heading_deg = _mean_deg(said[chosen], right[chosen])
    if np.isnan(recorded_deg):
        evidence = float(scores[best])
    else:
        for_recorded = _apart_deg(said, recorded_deg) <= LEAST_TURN_DEG
        evidence = float(scores[best] - max(0.0, np.where(for_recorded, gain, loss).sum()))
        if _apart_deg(np.array(heading_deg), recorded_deg) < LEAST_TURN_DEG:
            return None
    spots = {tuple(np.round(points_m[s.other])) for s, is_one in zip(known, chosen, strict=True) if is_one}
    if evidence < HEADING_EVIDENCE or chosen.sum() < LEAST_VOICES or len(spots) < 2:
        return None
    return HeadingVerdict(int(chosen.sum()), evidence, heading_deg)


def judge_position(
    recorded_m: Floats, sightings: Sequence[Sighting], headings_deg: Floats, points_m: Floats
) -> PositionVerdict | None:
    """The position that the neighbours of a photo agree on; None if it fits the recorded one, or the evidence is weak.

    Args:
        recorded_m: (2,) the recorded position, metres.
        sightings: what its neighbours say.
        headings_deg, points_m: of all photos, as for `judge_heading`.
    """
    known = [s for s in sightings if not np.isnan(headings_deg[s.other])]
    sure = sum(s.inliers >= SURE_INLIERS for s in known)
    if sure < LEAST_VOICES or len({tuple(np.round(points_m[s.other])) for s in known}) < 2:
        return None
    steps = np.arange(-SEARCHED_M, SEARCHED_M + STEP_M / 2, STEP_M)
    moves = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    starts = np.array([points_m[s.other] for s in known])
    bearings = np.array([headings_deg[s.other] + s.towards_deg for s in known])
    scores = _scores(recorded_m + moves, starts, bearings, known)
    best = int(scores.argmax())
    moved_m = np.hypot(*moves.T)
    evidence = float(scores[best] - scores[moved_m <= SAME_M].max())
    if moved_m[best] < LEAST_MOVE_M or evidence < POSITION_EVIDENCE:
        return None
    return PositionVerdict(sure, evidence, float(moves[best, 0]), float(moves[best, 1]))


def reliability(sightings: Sequence[Sighting]) -> Floats:
    """(N,) the probability that each sighting is right, by its inliers."""
    inliers = np.array([s.inliers for s in sightings], np.float64)
    return np.asarray(1 / (1 + np.exp(-0.054 * (inliers - 37))))


def _scores(places: Floats, starts: Floats, bearings_deg: Floats, sightings: Sequence[Sighting]) -> Floats:
    """(P,) how well (P, 2) places fit: each lies in the direction that the neighbours say, and not far from them."""
    inliers = np.array([s.inliers for s in sightings], np.float64)
    way = places[:, None] - starts[None]
    metres = np.hypot(way[..., 0], way[..., 1])
    off_deg = _apart_deg(np.degrees(np.arctan2(way[..., 0], way[..., 1])), bearings_deg[None])
    right = np.clip(0.2 + (inliers - 25) / 80, 0.2, 0.7)  # directions are harder to estimate than turns
    peak = 180 / (BEARING_SD_DEG * np.sqrt(np.pi / 2))
    directions = np.log(right * peak * np.exp(-((off_deg / BEARING_SD_DEG) ** 2) / 2) + 1 - right)
    usual_m = np.where(inliers < SURE_INLIERS, 20.0, np.where(inliers < 60, 12.0, 8.0))
    near = TRUST * reliability(sightings)
    distances = np.log(near * np.exp(-metres / usual_m) + (1 - near) * np.exp(-MOST_PENALTY))
    return np.asarray((np.where(metres < MEETING_M, 0.0, directions) + distances).sum(axis=1))


def _apart_deg(a: Floats, b: Floats | float) -> Floats:
    return np.asarray(np.abs((a - b + 180) % 360 - 180))


def _mean_deg(degrees: Floats, weights: Floats) -> float:
    radians = np.radians(degrees)
    return wrap_heading_deg(float(np.degrees(np.arctan2(weights @ np.sin(radians), weights @ np.cos(radians)))))
