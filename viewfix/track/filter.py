"""One step of the filter: a state, a time and the evidence of one frame become the next state. Pure functions."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from ..errors import BadInput
from ..types import Position
from .belief import DIRECTIONS, Belief, pruned
from .look import Descriptor, new_share
from .model import TrackModel
from .modes import MODES
from .motion import moved
from .observe import Sight, seen
from .places import Floats, Places
from .state import BadTrack, TrackState

GPS_OUTLIER = 1e-3
"""The share of GPS positions that are simply wrong, such as between high buildings."""

COMPASS_DEG = 25.0
"""How exact a compass is."""

STEP_M = 0.7
"""The length of one step of a person who walks."""

_BIN_DEG = 360.0 / DIRECTIONS


@dataclass(frozen=True, slots=True)
class Hints:
    """What else is known at the time of a frame; None where it is not.

    `gps` is a position with its radius in metres, one sigma; without a radius, 15 m. `compass_deg`, [0, 360), is the
    direction of the camera. `steps` is the number of steps since the last frame.
    """

    gps: Position | None = None
    compass_deg: float | None = None
    steps: int | None = None

    def __post_init__(self) -> None:
        if self.compass_deg is not None and not 0 <= self.compass_deg < 360:
            raise BadInput(f"compass_deg must be at least 0 and below 360; got {self.compass_deg}.")
        if self.steps is not None and (isinstance(self.steps, bool) or not 0 <= self.steps < 1_000_000):
            raise BadInput(f"steps must be a whole number of 0 or more; got {self.steps!r}.")


NO_HINTS = Hints()


def stepped(
    state: TrackState, sight: Sight, time_s: float, places: Places, model: TrackModel, hints: Hints = NO_HINTS
) -> TrackState:
    """Take one frame into account.

    Args:
        state: the state after the frame before.
        sight: what the frame looks like.
        time_s: its time in seconds; from any clock, as long as it is the same for all frames.
        places: the places of the map, with the cell size of the state's mode.
        model: the fitted numbers.
        hints: GPS, compass and steps, if they are known.

    Raises:
        BadInput: the time is before that of the last frame, or not finite.
    """
    mode = MODES[state.mode]
    elapsed_s = _elapsed_s(state, time_s)
    belief = moved(state.belief, places, mode, elapsed_s, sight.places)
    if hints.steps is not None and elapsed_s > 0:
        belief = _with_steps(belief, np.array(mode.speeds_mps), hints.steps * STEP_M / elapsed_s)
    belief = seen(belief, sight, model)
    if hints.compass_deg is not None:
        belief = _with_compass(belief, hints.compass_deg)
    if hints.gps is not None:
        belief = _with_gps(belief, places, hints.gps)
    return replace(state, belief=pruned(belief), time_s=time_s, frames=state.frames + 1)


def remembered(state: TrackState, before: TrackState, descriptor: Descriptor, places: Places) -> TrackState:
    """Add the look of the frame that led from one state to the next."""
    elapsed_s = None if before.time_s is None or state.time_s is None else state.time_s - before.time_s
    share = new_share(state.belief, MODES[state.mode], elapsed_s, places.spacing_m)
    return replace(state, look=before.look.with_frame(descriptor, share))


def _elapsed_s(state: TrackState, time_s: float) -> float:
    if not math.isfinite(time_s):
        raise BadTrack(f"The time of a frame is {time_s}. Pass seconds as a finite number.")
    if state.time_s is None:
        return 0.0
    if time_s < state.time_s:
        raise BadTrack(
            f"This frame is {state.time_s - time_s:g} s older than the one before. Pass frames in the order of time, "
            "or begin a new track."
        )
    return time_s - state.time_s


def _scaled(belief: Belief, on: Floats, rest_on: float, off: float = 1.0) -> Belief:
    """Multiply by likelihoods that broadcast to (n, DIRECTIONS, speeds), and make the sum 1 again."""
    fresh_on, fresh_off = belief.on * on, belief.off * off
    total = float(fresh_on.sum()) + float(fresh_off.sum()) + belief.rest_on * rest_on + belief.rest_off * off
    return replace(
        belief,
        on=fresh_on / total,
        off=fresh_off / total,
        rest_on=belief.rest_on * rest_on / total,
        rest_off=belief.rest_off * off / total,
    )


def _with_steps(belief: Belief, speeds_mps: Floats, speed_mps: float) -> Belief:
    gap = float(speeds_mps[1])
    likely = np.exp(-(((speeds_mps - speed_mps) / gap) ** 2) / 2) + 0.05
    return _scaled(belief, likely[None, None], float(likely.mean()), float(likely.mean()))


def _with_compass(belief: Belief, compass_deg: float) -> Belief:
    apart = np.abs((np.arange(DIRECTIONS) * _BIN_DEG - compass_deg + 180) % 360 - 180)
    likely = np.exp(-((apart / COMPASS_DEG) ** 2) / 2) + 0.05
    views = belief.views * likely
    of_place = views.sum(axis=1)
    mean = float(likely.mean())
    scaled = _scaled(belief, (of_place / mean)[:, None, None], 1.0)
    return replace(scaled, views=views / of_place[:, None])


def _with_gps(belief: Belief, places: Places, gps: Position) -> Belief:
    radius_m = max(gps.radius_m or 15.0, places.cell_m)
    east, north = places.offsets_from(gps.lat, gps.lon, belief.places)
    likely = np.exp(-((np.hypot(east, north) / radius_m) ** 2) / 2) + GPS_OUTLIER
    # A place that is not in the belief is as likely as a wrong position.
    return _scaled(belief, likely[:, None, None], GPS_OUTLIER, max(float(likely.mean()), GPS_OUTLIER))
