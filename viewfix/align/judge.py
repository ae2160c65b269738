"""Judge the heading and the position of a photo by what its neighbours say about it.

Both are weighed as log-likelihood ratios. A sighting says three things, which fit together if it is right: the turn
between the two cameras, the direction in which the neighbour sees the photo, and the one in which the photo sees the
neighbour. The probability that it is right grows with its inliers; the directions of a wrong one are random. The
numbers were fitted on photos of the training area (benchmarks/align.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..geo import wrap_heading_deg
from .pairs import Sighting

Floats = npt.NDArray[np.float64]

HEADING_EVIDENCE, POSITION_EVIDENCE = 12.0, 16.0
"""A correction must be e to this power times likelier than what is recorded: almost no correct photo is changed."""

LEAST_VOICES = 2
LEAST_TURN_DEG, LEAST_MOVE_M = 20.0, 12.0
"""Smaller errors are left alone: they are within what compass, satellites and relative poses can tell."""

SAME_DEG = 10.0
"""Headings this close to the recorded one count as the same."""

TURN_SD_DEG, BEARING_SD_DEG = 6.0, 15.0
"""The errors of a right sighting: directions between two cameras are harder to estimate than turns."""

BEARING_TRUST = 0.8
"""The share of right sightings whose directions are right too; those of two photos that look alike often are not."""

TRUST = 0.9
"""The share of photos, and so of neighbours, whose recorded heading or position is right."""

ANY = 1 / 360
"""The density of a direction that may be any, per degree."""

SAME_SPOT_M = 2.0
"""Photos this close to each other that look in different directions show different things, unless the place looks alike
in both, as at the two sides of a church. Then no heading is corrected."""

GRID_DEG = np.arange(0.0, 360.0, 2.0)
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


@dataclass(frozen=True, slots=True)
class Voices:
    """What K neighbours with known headings say about one photo: (K,) each, directions clockwise from north.

    `looks_deg` is where the photo looks, `stands_deg` the direction in which the neighbour sees it, and `back_deg` that
    in which the photo sees the neighbour, clockwise from where the photo looks; NaN if it is not known. `right` is the
    probability that a sighting is right and the heading of its neighbour too.
    """

    looks_deg: Floats
    stands_deg: Floats
    back_deg: Floats
    from_m: Floats
    inliers: Floats
    right: Floats

    @property
    def spots(self) -> npt.NDArray[np.int64]:
        """(K,) numbers that are equal for neighbours at one spot."""
        return np.unique(np.round(self.from_m), axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)


def voices_of(sightings: Sequence[Sighting], headings_deg: Floats, points_m: Floats) -> Voices:
    """What the neighbours of a photo say, by the headings (N,) and positions (N, 2) of all photos."""
    known = [each for each in sightings if not np.isnan(headings_deg[each.other])]
    others = np.array([each.other for each in known], np.int64)
    inliers = np.array([each.inliers for each in known], np.float64)
    return Voices(
        looks_deg=headings_deg[others] + [each.turn_deg for each in known],
        stands_deg=headings_deg[others] + [each.towards_deg for each in known],
        back_deg=np.array([np.nan if each.back_deg is None else each.back_deg for each in known]),
        from_m=points_m[others],
        inliers=inliers,
        right=TRUST * reliability(inliers),
    )


def judge_heading(
    i: int, sightings: Sequence[Sighting], headings_deg: Floats, points_m: Floats
) -> HeadingVerdict | None:
    """The heading that the neighbours of a photo agree on; None if it fits the recorded one, or the evidence is weak.

    Args:
        i: the index of the photo.
        sightings: what its neighbours say.
        headings_deg: (N,) the headings of all photos, NaN where unknown.
        points_m: (N, 2) the positions of all photos, metres.
    """
    voices, recorded_deg = voices_of(sightings, headings_deg, points_m), float(headings_deg[i])
    if len(voices.inliers) < LEAST_VOICES:
        return None
    scores = _heading_scores(voices, points_m[i])
    best = int(scores.argmax())
    agree = _apart_deg(voices.looks_deg, float(GRID_DEG[best])) <= 2 * TURN_SD_DEG
    heading_deg = _mean_deg(voices.looks_deg[agree], voices.right[agree]) if agree.any() else float(GRID_DEG[best])
    if np.isnan(recorded_deg):
        others = _apart_deg(GRID_DEG, float(GRID_DEG[best])) > LEAST_TURN_DEG
    else:
        others = _apart_deg(GRID_DEG, recorded_deg) <= SAME_DEG
        if _apart_deg(np.array(heading_deg), recorded_deg) < LEAST_TURN_DEG:
            return None
    evidence = float(scores[best] - scores[others].max())
    if (np.hypot(*(voices.from_m[agree] - points_m[i]).T) < SAME_SPOT_M).any():
        return None
    if evidence < HEADING_EVIDENCE or agree.sum() < LEAST_VOICES or len(set(voices.spots[agree])) < 2:
        return None
    return HeadingVerdict(int(agree.sum()), evidence, heading_deg)


def judge_position(
    i: int, sightings: Sequence[Sighting], headings_deg: Floats, points_m: Floats
) -> PositionVerdict | None:
    """The position that the neighbours of a photo agree on; None if it fits the recorded one, or the evidence is weak.

    The arguments are those of `judge_heading`.
    """
    voices, recorded_deg = voices_of(sightings, headings_deg, points_m), float(headings_deg[i])
    sure = voices.inliers >= SURE_INLIERS
    if sure.sum() < LEAST_VOICES or len(set(voices.spots[sure])) < 2:
        return None
    steps = np.arange(-SEARCHED_M, SEARCHED_M + STEP_M / 2, STEP_M)
    moves = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    scores = _position_scores(points_m[i] + moves, voices, recorded_deg)
    best = int(scores.argmax())
    moved_m = np.hypot(*moves.T)
    evidence = float(scores[best] - scores[moved_m <= SAME_M].max())
    if moved_m[best] < LEAST_MOVE_M or evidence < POSITION_EVIDENCE:
        return None
    return PositionVerdict(int(sure.sum()), evidence, float(moves[best, 0]), float(moves[best, 1]))


def reliability(inliers: Floats) -> Floats:
    """(K,) the probability that each sighting is right, by its inliers."""
    return np.asarray(1 / (1 + np.exp(-0.054 * (inliers - 37))))


def _heading_scores(voices: Voices, at_m: Floats) -> Floats:
    """(G,) the log-likelihood ratio of each heading of the grid to random directions."""
    looks = _peak(voices.looks_deg[None] - GRID_DEG[:, None], TURN_SD_DEG)
    there, back = _direction_densities(at_m[None], voices, GRID_DEG[:, None])
    # The position may be wrong: then directions say nothing about the heading.
    directions = TRUST * there * back + (1 - TRUST) * ANY**2
    return np.asarray(np.log(voices.right * looks * directions / ANY**3 + 1 - voices.right).sum(axis=1))


def _position_scores(places_m: Floats, voices: Voices, heading_deg: float) -> Floats:
    """(P,) how well (P, 2) places fit the directions in which the cameras see each other, and the distances."""
    right = voices.right
    if not np.isnan(heading_deg):
        looks = TRUST * _peak(voices.looks_deg - heading_deg, TURN_SD_DEG) + (1 - TRUST) * ANY
        right = right * looks / (right * looks + (1 - right) * ANY)
    there, back = _direction_densities(places_m, voices, heading_deg)
    metres = np.hypot(*np.moveaxis(places_m[:, None] - voices.from_m[None], -1, 0))
    usual_m = np.where(voices.inliers < SURE_INLIERS, 20.0, np.where(voices.inliers < 60, 12.0, 8.0))
    near = np.exp(-metres / usual_m)
    return np.asarray(np.log(right * there * back / ANY**2 * near + (1 - right) * math.exp(-MOST_PENALTY)).sum(axis=1))


def _direction_densities(places_m: Floats, voices: Voices, headings_deg: Floats | float) -> tuple[Floats, Floats]:
    """The densities of the directions to the photo, and back to its neighbours, for each place and heading.

    ANY where a direction says nothing, because the two are too close or it is not known.
    """
    way = places_m[:, None] - voices.from_m[None]
    bearings = np.degrees(np.arctan2(way[..., 0], way[..., 1]))
    meeting = np.hypot(way[..., 0], way[..., 1]) < MEETING_M
    there = BEARING_TRUST * _peak(voices.stands_deg - bearings, BEARING_SD_DEG) + (1 - BEARING_TRUST) * ANY
    back = (
        BEARING_TRUST * _peak(headings_deg + voices.back_deg - bearings - 180, BEARING_SD_DEG)
        + (1 - BEARING_TRUST) * ANY
    )
    return np.where(meeting, ANY, there), np.where(meeting | np.isnan(back), ANY, back)


def _peak(apart_deg: Floats, sd_deg: float) -> Floats:
    """The density of a normal distribution of directions."""
    off = ((apart_deg + 180) % 360 - 180) / sd_deg
    return np.asarray(np.exp(-(off**2) / 2) / (sd_deg * math.sqrt(2 * math.pi)))


def _apart_deg(a: Floats, b: Floats | float) -> Floats:
    return np.asarray(np.abs((a - b + 180) % 360 - 180))


def _mean_deg(degrees: Floats, weights: Floats) -> float:
    radians = np.radians(degrees)
    return wrap_heading_deg(float(np.degrees(np.arctan2(weights @ np.sin(radians), weights @ np.cos(radians)))))
