"""The best path of a whole recording: a filter forward in time and one backward, put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from .answer import Answer, answer_of
from .belief import DIRECTIONS, Belief, expanded
from .context import TrackContext
from .filter import remembered, stepped
from .look import Descriptor
from .model import TrackModel
from .modes import MODES, Mode
from .motion import moved
from .observe import Sight
from .places import Places
from .state import TrackState


def sights_of(
    context: TrackContext, descriptors: Sequence[Descriptor], times_s: Sequence[float], places: Places, mode: Mode
) -> list[Sight]:
    """What the frames of a recording look like, without what they all have in common."""
    state = TrackState.new("", mode)
    for descriptor, time_s in zip(descriptors, times_s, strict=True):
        sight = context.sight(descriptor, places, state.look)[0]
        after = stepped(state, sight, time_s, places, context.model)
        state = remembered(after, state, descriptor, places)
    return [context.sight(descriptor, places, state.look)[0] for descriptor in descriptors]


def smoothed(
    sights: Sequence[Sight],
    times_s: Sequence[float],
    places: Places,
    mode: Mode,
    model: TrackModel,
    radius_m: float,
) -> list[Answer]:
    """Where the camera was at each frame, by the frames before and after it.

    Args:
        sights: what the N frames look like.
        times_s: their times in seconds, ascending.
        places: the places of the map, with the cells of the mode.
        mode: how the camera moved.
        model: the fitted numbers.
        radius_m: the radius of an answer.
    """
    state, forward = TrackState.new("", mode), []
    for sight, time_s in zip(sights, times_s, strict=True):
        state = stepped(state, sight, time_s, places, model)
        forward.append(state.belief)
    state, answers = TrackState.new("", mode), []
    for i in range(len(sights) - 1, -1, -1):
        later = _before(state, -times_s[i], places, sights[i])
        answers.append(
            answer_of(_together(forward[i], later, len(places)), places, mode, radius_m, sights[i].resembled)
        )
        state = stepped(state, sights[i], -times_s[i], places, model)
    return answers[::-1]


def _before(state: TrackState, time_s: float, places: Places, sight: Sight) -> Belief:
    """What the frames after one say about it, without the frame itself."""
    mode = MODES[state.mode]
    elapsed_s = 0.0 if state.time_s is None else time_s - state.time_s
    return moved(state.belief, places, mode, elapsed_s, sight.places)


def _together(forward: Belief, backward: Belief, count: int) -> Belief:
    """The product of both: backward in time, a camera travels in the opposite direction."""
    every = np.union1d(forward.places, backward.places)
    one, other = expanded(forward, every), expanded(backward, every)
    values = count * one.on.shape[1] * one.on.shape[2]
    opposite = (np.arange(DIRECTIONS) + DIRECTIONS // 2) % DIRECTIONS
    on = (one.on + one.rest_on / values) * (other.on[:, opposite] + other.rest_on / values)
    off = (one.off + one.rest_off / values) * (other.off[:, opposite] + other.rest_off / values)
    left = (count - len(every)) / count
    rest_on, rest_off = one.rest_on * other.rest_on / values * left, one.rest_off * other.rest_off / values * left
    total = float(on.sum() + off.sum()) + rest_on + rest_off
    views = one.views * other.views
    return replace(
        one,
        on=on / total,
        off=off / total,
        views=views / np.maximum(views.sum(axis=1, keepdims=True), 1e-300),
        rest_on=rest_on / total,
        rest_off=rest_off / total,
    )
