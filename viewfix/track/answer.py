"""The position that a belief amounts to, with its probability."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..geo import metres_per_degree, wrap_heading_deg, wrap_lon_deg
from .belief import DIRECTIONS, Belief
from .modes import Mode
from .places import Floats, Places

PEAKS = 32
"""The most likely places that are tried as the middle of the answer."""

AVERAGED_CELLS = 3.0
"""Places within this many cells of the best are averaged."""

_BIN_DEG = 360.0 / DIRECTIONS


@dataclass(frozen=True, slots=True)
class Answer:
    """Where the camera is by a belief.

    `place` is the index of the most likely place, None if there is none. `lat` and `lon` are in degrees.
    `probability` is that of being on the map within the radius of it, and `p_off` that of being off the map: both as
    the filter has them. `heading_deg` and `direction_deg` are of the camera and of its travel, [0, 360); None where
    they are not known. `speed_mps` is the mean speed.
    """

    place: int | None
    lat: float
    lon: float
    probability: float
    p_off: float
    heading_deg: float | None = None
    direction_deg: float | None = None
    speed_mps: float | None = None


def answer_of(belief: Belief, places: Places, mode: Mode, radius_m: float, resembled: int | None = None) -> Answer:
    """The most likely disc of this radius, and a position in it.

    That is the place that the last frame resembles most, `resembled`, if it lies in the disc: one frame is more exact
    than the motion. Else it is the mean of the most likely places.
    """
    mass = belief.on_places
    if not len(mass) or mass.max() <= 0:
        return Answer(None, math.nan, math.nan, 0.0, belief.p_off)
    peaks = np.argsort(-mass, kind="stable")[:PEAKS]
    east, north = places.offsets_m(belief.places[peaks][:, None], belief.places[None])
    apart_m = np.hypot(east, north)
    within = (apart_m <= radius_m) @ mass
    peak = int(np.argmax(within))
    near = apart_m[peak] <= radius_m
    best = int(np.argmax(np.where(near, mass, -1.0)))
    place = int(belief.places[best])
    if resembled is not None and resembled in belief.places[near]:
        place = resembled
        lat, lon = float(places.lats[place]), float(places.lons[place])
    else:
        lat, lon = _mean_position(belief, places, mass, best)
    moving = (mass * near)[:, None, None] * belief.on / np.maximum(mass, 1e-300)[:, None, None]
    speeds = np.array(mode.speeds_mps)
    return Answer(
        place=place,
        lat=lat,
        lon=lon,
        probability=min(float(within[peak]), 1.0),
        p_off=min(belief.p_off, 1.0),
        heading_deg=_mean_deg((mass * near) @ belief.views),
        direction_deg=_mean_deg(moving[:, :, 1:].sum(axis=(0, 2))),
        speed_mps=float(moving.sum(axis=(0, 1)) @ speeds / moving.sum()),
    )


def _mean_position(belief: Belief, places: Places, mass: Floats, best: int) -> tuple[float, float]:
    """The mean of the places near the best one, in degrees."""
    place = belief.places[best]
    east, north = places.offsets_m(belief.places[best : best + 1], belief.places)
    weight = mass * (np.hypot(east, north) <= AVERAGED_CELLS * places.cell_m)
    weight /= weight.sum()
    north_scale, east_scale = metres_per_degree(places.lats[place])
    lon = wrap_lon_deg(places.lons[place] + weight @ east / max(float(east_scale), 1e-9))
    return float(places.lats[place] + weight @ north / north_scale), float(lon)


def _mean_deg(weights: Floats) -> float | None:
    """The mean of (DIRECTIONS,) weighted directions; None if they point everywhere."""
    angle = np.radians(np.arange(DIRECTIONS) * _BIN_DEG)
    east, north, total = weights @ np.sin(angle), weights @ np.cos(angle), weights.sum()
    if total <= 0 or math.hypot(east, north) < 0.3 * total:
        return None
    return wrap_heading_deg(math.degrees(math.atan2(east, north)))
