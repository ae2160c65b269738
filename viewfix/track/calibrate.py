"""Fit the numbers of the filter on recorded walks whose true positions are known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..errors import BadInput
from ..locate.confidence import fit_logistic
from ..types import Position
from .answer import answer_of
from .context import TrackContext
from .filter import stepped
from .look import NO_LOOK
from .model import TrackModel
from .modes import Mode, mode_named
from .observe import Sight
from .places import Floats, Places
from .state import TrackState

LEAST_FRAMES = 100
"""With fewer frames nothing is fitted."""

KNOTS = 12
"""The most points of the curve of the reported probability."""

TEMPERS = (0.3, 0.55, 1.0, 1.8)
"""The weights of one frame that are tried."""

LEAST_BELIEVED = 1e-3
"""A true position that the filter excludes counts as much as one with this probability."""


@dataclass(frozen=True)
class Walk:
    """A recorded walk: N frames in the order of time, (N, dim) descriptors, (N,) seconds, and where each was taken."""

    descriptors: npt.NDArray[np.float32]
    times_s: Sequence[float]
    positions: Sequence[Position]


@dataclass(frozen=True)
class Outcomes:
    """The results of a filter: its own probability for each of N frames, (N,), and whether its answer was right, (N,).

    `score` is the sum of the logarithms of the probability of the true position.
    """

    said: Floats
    right: npt.NDArray[np.bool_]
    score: float


@dataclass(frozen=True)
class _Frame:
    sight: Sight
    time_s: float
    apart_m: Floats


def calibrated(
    context: TrackContext,
    walks: Sequence[Walk],
    foreign: npt.NDArray[np.float32],
    *,
    mode: str = "auto",
    right_m: float = 25.0,
    prior: TrackModel | None = None,
) -> TrackModel:
    """Fit a track model for one map: what a sight is worth, what is foreign, and the probability to report.

    Args:
        context: the parts of the open map.
        walks: recorded walks over the map, of the kind that will be tracked.
        foreign: (M, dim) descriptors of frames from outside the map; with none, that part of `prior` is kept.
        mode: how the walks move.
        right_m: an answer within this distance of the truth is right.
        prior: what is kept where nothing can be fitted; the map's own by default.

    Raises:
        BadInput: there are fewer than LEAST_FRAMES frames.
    """
    kind = mode_named(mode)
    places = context.places(kind)
    model = prior or context.model
    recorded = [_frames(context, walk, places) for walk in walks]
    frames = [frame for some in recorded for frame in some]
    if len(frames) < LEAST_FRAMES:
        raise BadInput(f"{len(frames)} frames are too few to calibrate a track. Record {LEAST_FRAMES} or more.")
    model = _fitted_sights(model, frames, max(right_m / 2, places.spacing_m * 1.1))
    if len(foreign):
        model = _fitted_foreign(model, frames, [context.sight(each, places)[0].top for each in foreign])
    # Frames in a row err together, so that each is worth less than one frame alone, or, on a steady way, more.
    tried = [replace(model, temper=temper) for temper in TEMPERS]
    results = [outcomes(recorded, places, kind, each, right_m) for each in tried]
    best = max(range(len(tried)), key=lambda i: results[i].score)
    said, true = _curve(results[best].said, results[best].right)
    return replace(tried[best], said=said, true=true)


def outcomes(
    recorded: Sequence[Sequence[_Frame]], places: Places, mode: Mode, model: TrackModel, right_m: float
) -> Outcomes:
    """Run the filter."""
    said, right, score = [], [], 0.0
    for frames in recorded:
        state = TrackState.new("", mode)
        for frame in frames:
            state = stepped(state, frame.sight, frame.time_s, places, model)
            belief = state.belief
            answer = answer_of(belief, places, mode, right_m, frame.sight.resembled)
            said.append(answer.probability)
            right.append(answer.place is not None and frame.apart_m[answer.place] <= right_m)
            believed = float(belief.on_places[frame.apart_m[belief.places] <= right_m].sum())
            score += math.log(max(believed, LEAST_BELIEVED))
    return Outcomes(np.array(said), np.array(right), score)


def _frames(context: TrackContext, walk: Walk, places: Places) -> list[_Frame]:
    every = np.arange(len(places))
    frames: list[_Frame] = []
    look = NO_LOOK
    for descriptor, time_s, at in zip(walk.descriptors, walk.times_s, walk.positions, strict=True):
        apart_m = np.hypot(*places.offsets_from(at.lat, at.lon, every))
        frames.append(_Frame(context.sight(descriptor, places, look)[0], float(time_s), apart_m))
        moved_m = float(np.abs(apart_m - frames[-2].apart_m).max()) if len(frames) > 1 else places.spacing_m
        look = look.with_frame(descriptor, min(moved_m / places.spacing_m, 1.0))
    return frames


def _fitted_sights(model: TrackModel, frames: Sequence[_Frame], near_m: float) -> TrackModel:
    here, elsewhere = [], []
    for frame in frames:
        best = frame.sight.standing.max(axis=1)
        near = frame.apart_m[frame.sight.places] <= near_m
        missed = int((frame.apart_m <= near_m).sum() - near.sum())
        here += [*best[near], *[frame.sight.least] * missed]
        elsewhere += [*best[~near], *[frame.sight.least] * max(len(frame.apart_m) - len(best) - missed, 0)]
    x = np.array([*here, *elsewhere])
    right = np.repeat([1.0, 0.0], [len(here), len(elsewhere)])
    weights = np.where(right == 1, 0.5 / len(here), 0.5 / len(elsewhere)) * len(here)
    slope, bias = fit_logistic(np.c_[x, np.ones(len(x))], right, weights, np.array([model.slope, model.bias]))
    return replace(model, slope=max(float(slope), 0.0), bias=float(bias), temper=1.0)


def _fitted_foreign(model: TrackModel, frames: Sequence[_Frame], tops: Sequence[float]) -> TrackModel:
    x = np.array([*(frame.sight.top for frame in frames), *tops])
    right = np.repeat([0.0, 1.0], [len(frames), len(tops)])
    weights = np.where(right == 1, 0.5 / len(tops), 0.5 / len(frames)) * len(x)
    start = np.array([-model.foreign_slope, model.foreign_bias])
    slope, bias = fit_logistic(np.c_[x, np.ones(len(x))], right, weights, start)
    return replace(model, foreign_slope=max(-float(slope), 0.0), foreign_bias=float(bias))


def _curve(said: Floats, right: npt.NDArray[np.bool_]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The isotonic curve from what the filter says to how often it is right, by pooling neighbours that disagree."""
    order = np.argsort(said, kind="stable")
    bins = np.array_split(order, min(KNOTS, max(len(said) // 40, 1)))
    pools: list[list[float]] = []  # the sum of what was said, the number of right ones, the count
    for part in bins:
        pools.append([float(said[part].sum()), float(right[part].sum()), float(len(part))])
        while len(pools) > 1 and pools[-2][1] / pools[-2][2] >= pools[-1][1] / pools[-1][2]:
            last = pools.pop()
            pools[-1] = [a + b for a, b in zip(pools[-1], last, strict=True)]
    # One more of each outcome in every pool: nothing is certain by a few frames.
    points = [(0.0, 0.0), *((s / n, (r + 1) / (n + 2)) for s, r, n in pools)]
    points.append((1.0, points[-1][1]))
    values = np.maximum.accumulate([true for _, true in points])
    return tuple(s for s, _ in points), tuple(float(v) for v in values)
