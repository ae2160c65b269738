"""Compare the clock of a camera with that of a track by motion: pictures change while the camera moves, not at a stop.

The motion in the pictures of a film is correlated with the speed of the track at every possible offset. At constant
speed every offset fits equally well, so an offset counts only if it is significant and clearly better than all others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .track import Track

Floats = npt.NDArray[np.float64]

STEP_S = 0.25
"""The offsets that are tried are this far apart."""

MOST_SEARCHED_S = 100_000.0
"""The longest time to search, that of the film included: 28 hours. A track with wrong times may last for years."""

LEAST_SAMPLES = 30
LEAST_COVERED = 0.6
"""The least share of the film during which the track must have a speed."""

LEAST_VARIATION = 0.2
"""The standard deviation of the speed, as a share of its mean, below which no frame is decoded."""

LEAST_CORRELATION = 0.5
LEAST_SIGNIFICANCE = 5.0
"""In standard deviations of chance. It is high because thousands of offsets are tried."""

LEAST_LEAD = 2.0
"""How much better the best offset must be than any other, in standard deviations of their difference."""

OTHER_S = 10.0
"""Offsets closer than this to the best one are not others."""

MOST_ERROR_S = 5.0
CLIPPED_SHARE = 0.95
"""Motion is cut off at this quantile: a turn or a passing car changes the picture more than any speed does."""


@dataclass(frozen=True)
class Motion:
    """The motion in the pictures of a film: (N,) ascending times from its beginning, and (N,) amounts of any unit."""

    times_s: Floats
    amounts: Floats


@dataclass(frozen=True, slots=True)
class Match:
    """The time on a track's clock at which a film begins, by its motion.

    `correlation` is that with the speed of the track, `elsewhere` the best one of other offsets, and `error_s` how far
    the offset may be wrong. `is_clear`: the match can be relied on.
    """

    begins_s: float
    correlation: float
    elsewhere: float
    error_s: float
    is_clear: bool


def varies(track: Track, from_s: float, to_s: float) -> bool:
    """Whether the speed of a track changes enough between two times for motion to tell one offset from another."""
    if to_s - from_s > MOST_SEARCHED_S:
        return False
    speeds = track.speeds_mps(np.arange(from_s, to_s, 1.0))
    speeds = speeds[~np.isnan(speeds)]
    return len(speeds) >= LEAST_SAMPLES and float(speeds.std()) > LEAST_VARIATION * float(speeds.mean())


def match_motion(motion: Motion, track: Track, from_s: float, to_s: float) -> Match | None:
    """Find the time, from `from_s` to `to_s` on a track's clock, at which a film begins, by its motion.

    Returns:
        The best match, which may be weak: see `is_clear`. None if the track covers too little of the film everywhere.
    """
    if len(motion.times_s) < LEAST_SAMPLES or to_s < from_s:
        return None
    if to_s - from_s + motion.times_s[-1] > MOST_SEARCHED_S:
        return None
    offsets = np.arange(from_s, to_s + STEP_S / 2, STEP_S)
    moved = np.minimum(motion.amounts, np.quantile(motion.amounts, CLIPPED_SHARE))
    scores = _correlations(moved, motion.times_s, track, offsets)
    if np.isnan(scores).all():
        return None
    best = int(np.nanargmax(scores))
    correlation = float(scores[best])
    free = math.sqrt(_independent(moved, track.speeds_mps(motion.times_s + offsets[best])) - 3)
    height = np.arctanh(np.clip(scores, -0.999, 0.999)) * free  # in standard deviations of chance
    error_s = _half_width(height, best) * STEP_S
    others = height[np.abs(offsets - offsets[best]) > max(OTHER_S, 2 * error_s)]
    second = float(np.nanmax(others)) if len(others) and not np.isnan(others).all() else -math.inf
    inside = 0 < best < len(offsets) - 1
    is_clear = (
        inside
        and correlation >= LEAST_CORRELATION
        and float(height[best]) >= LEAST_SIGNIFICANCE
        and (float(height[best]) - second) / math.sqrt(2) >= LEAST_LEAD
        and error_s <= MOST_ERROR_S
    )
    elsewhere = math.tanh(second / free) if math.isfinite(second) else 0.0
    return Match(float(offsets[best]), correlation, elsewhere, max(error_s, STEP_S), is_clear)


def _correlations(moved: Floats, times_s: Floats, track: Track, offsets: Floats) -> Floats:
    """(B,) the correlation of (N,) amounts with the speed of the track at each offset; NaN where it covers too little.

    The speed is computed once, on a grid that is fine enough for all offsets.
    """
    grid_s = np.arange(offsets[0] + times_s[0], offsets[-1] + times_s[-1] + STEP_S, STEP_S)
    speeds = track.speeds_mps(grid_s)
    found = np.full(len(offsets), np.nan)
    for number, offset in enumerate(offsets):
        at = np.rint((times_s + offset - grid_s[0]) / STEP_S).astype(np.int64).clip(0, len(grid_s) - 1)
        speed = speeds[at]
        known = ~np.isnan(speed)
        if known.sum() < max(LEAST_SAMPLES, LEAST_COVERED * len(moved)):
            continue
        a, b = moved[known] - moved[known].mean(), speed[known] - speed[known].mean()
        scale = math.sqrt(float(a @ a) * float(b @ b))
        found[number] = float(a @ b) / scale if scale > 0 else 0.0
    return found


def _independent(moved: Floats, speeds: Floats) -> float:
    """How many independent samples two series are worth: each sample resembles the one before (Bartlett's formula)."""
    known = ~np.isnan(speeds)
    resembles = max(0.0, _lag_one(moved[known]) * _lag_one(speeds[known]))
    return max(4.0, float(known.sum()) * (1 - resembles) / (1 + resembles))


def _lag_one(series: Floats) -> float:
    centred = series - series.mean()
    scale = float(centred @ centred)
    return float(centred[1:] @ centred[:-1]) / scale if scale > 0 else 0.0


def _half_width(height: Floats, best: int) -> float:
    """Half the number of offsets around the best one that are less than one standard deviation worse."""
    near = height >= height[best] - 1.0
    left, right = best, best
    while left > 0 and near[left - 1]:
        left -= 1
    while right < len(near) - 1 and near[right + 1]:
        right += 1
    return (right - left) / 2
