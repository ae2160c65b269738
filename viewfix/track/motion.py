"""The motion of a belief: where the camera may be some time later, by its speed and direction of travel."""

from __future__ import annotations

import math

import numpy as np

from .belief import DIRECTIONS, Belief, expanded
from .modes import Mode
from .places import Floats, Ints, Places

LEAVE_S, RETURN_S = 600.0, 100.0
"""The mean time until a camera leaves the map, and until it is back."""

LEAST_LANDING, LEAST_WAY = 0.3, 0.02
"""With less than this weight of places at the distance, or in the direction, of its travel, a camera leaves the map."""

TAIL = 0.001
"""The weight of places far from where a camera would be by its speed: maps have gaps, and cameras jump."""

ANYWHERE = 0.001
"""The share of the belief that is spread over the whole map with each frame: a phone may be carried elsewhere."""

FOLLOWED_S, FORGOTTEN_S = 60.0, 300.0
"""For how long a camera keeps its direction and speed, and the mean time after that until it may be anywhere."""

STOP, ANY_SPEED = 0.003, 0.003
"""The shares of cameras that stop, and that change to any speed, within a typical time between frames."""

STEADY, WIDE = 4.0, 0.5
"""A camera keeps its speed for the time of so many usual changes by one bin; then bins n away have the weight WIDE**n,
or more after a long time."""

ANY_WAY = 0.5
"""The share of cameras that stand which may go on in any direction."""

VIEW_KEPT, VIEW_TURN_DEG = 0.7, 40.0
"""The share of cameras that keep their direction from one frame to the next, and how exactly."""

MOVED_SOURCES = 64
"""Places that may have been reached from this many of the most likely ones become part of the belief."""

LIKELY_SPEED, FASTER = 0.98, 0.999
"""The shares of the belief whose speeds decide which places become part of it, and which may be reached at all."""

_BIN_DEG = 360.0 / DIRECTIONS


def speed_changes(mode: Mode, elapsed_s: float) -> Floats:
    """(V, V): the probability of each new speed, by column, for each old speed, by row."""
    speeds = np.array(mode.speeds_mps)
    step = mode.acceleration_mps2 * elapsed_s / np.diff(speeds, append=2 * speeds[-1] - speeds[-2])
    bins = np.arange(len(speeds))
    apart = np.abs(bins[:, None] - bins[None])
    other = np.where(apart > 0, np.maximum(step / (2 + step), WIDE)[:, None] ** apart, 0.0)
    same = np.exp(-step / STEADY)[:, None]
    near = same * np.eye(len(speeds)) + (1 - same) * other / other.sum(axis=1, keepdims=True)
    change = (1 - STOP - ANY_SPEED) * near + ANY_SPEED / len(speeds)
    change[:, 0] += STOP
    return np.asarray(change)


def turns(sigma_deg: float, floor: float) -> Floats:
    """(DIRECTIONS, DIRECTIONS): the weight of a change from one direction to another, 1 for none."""
    away = np.abs(np.arange(DIRECTIONS)[:, None] - np.arange(DIRECTIONS)[None]) * _BIN_DEG
    away = np.minimum(away, 360 - away)
    return np.asarray((1 - floor) * np.exp(-((away / sigma_deg) ** 2) / 2) + floor)


def landing(distance_m: Floats, elapsed_s: float, mode: Mode, spacing_m: float) -> Floats:
    """(P, V): the weight of being `distance_m` (P,) away after `elapsed_s` seconds, at each speed."""
    speeds = np.array(mode.speeds_mps)
    gaps = np.diff(speeds, prepend=-speeds[1])
    width = np.maximum(spacing_m, gaps * elapsed_s)
    off = np.abs(distance_m[:, None] - speeds[None] * elapsed_s) / width[None]
    return np.asarray(np.maximum(1 - off, 0.0) + TAIL / (1 + off**2) ** 2)


def moved(belief: Belief, places: Places, mode: Mode, elapsed_s: float, seen: Ints) -> Belief:
    """The belief `elapsed_s` seconds later, before the next frame is taken into account.

    Args:
        belief: the belief at the time of the last frame.
        places: the places of the map.
        mode: how the camera travels.
        elapsed_s: the time since then, 0 or more.
        seen: places that the next frame looks like, ascending; they become part of the belief.
    """
    mixed = _mixed(belief, elapsed_s)
    elapsed_s = min(elapsed_s, FOLLOWED_S)
    if elapsed_s == 0 or not len(belief.places):
        return _seeded(expanded(mixed, np.union1d(mixed.places, seen)), places)
    reach_m = _reach_m(belief, mode, elapsed_s, FASTER) + 2 * places.spacing_m
    weight = belief.on.sum(axis=(1, 2)) + belief.off.sum(axis=(1, 2))
    likely = belief.places
    if len(likely) > MOVED_SOURCES:
        likely = likely[np.argpartition(weight, -MOVED_SOURCES)[-MOVED_SOURCES:]]
    reached = places.near(likely, _reach_m(belief, mode, elapsed_s, LIKELY_SPEED) + places.spacing_m)
    wide = expanded(mixed, np.union1d(np.union1d(belief.places, seen), reached))
    return _seeded(_displaced(wide, places, mode, elapsed_s, reach_m), places)


def _reach_m(belief: Belief, mode: Mode, elapsed_s: float, share: float) -> float:
    """How far the camera has come, if its speed is among this share of the belief, or one bin above."""
    by_speed = (belief.on + belief.off).sum(axis=(0, 1))
    upto = np.cumsum(by_speed) / by_speed.sum()
    fastest = min(int(np.searchsorted(upto, share)) + 1, len(mode.speeds_mps) - 1)
    return mode.speeds_mps[fastest] * elapsed_s


def _mixed(belief: Belief, elapsed_s: float) -> Belief:
    """Exchange between on and off the map, and with the rest."""
    changed = 1 - math.exp(-elapsed_s * (1 / LEAVE_S + 1 / RETURN_S))
    leave, back = changed * RETURN_S / (LEAVE_S + RETURN_S), changed * LEAVE_S / (LEAVE_S + RETURN_S)
    keep = (1 - ANYWHERE) * math.exp(-max(elapsed_s - FOLLOWED_S, 0.0) / FORGOTTEN_S)
    on = belief.on * (1 - leave) + belief.off * back
    off = belief.off * (1 - back) + belief.on * leave
    rest_on = belief.rest_on * (1 - leave) + belief.rest_off * back
    rest_off = belief.rest_off * (1 - back) + belief.rest_on * leave
    return Belief(
        belief.places,
        on * keep,
        off * keep,
        belief.views,
        rest_on + (1 - keep) * float(on.sum()),
        rest_off + (1 - keep) * float(off.sum()),
    )


def _seeded(belief: Belief, places: Places) -> Belief:
    """Give each place of the belief its part of the rest, with any speed and direction."""
    n, directions, speeds = belief.on.shape
    if not n:
        return belief
    share = 1 / len(places)
    each_on, each_off = belief.rest_on * share, belief.rest_off * share
    total = belief.on.sum(axis=(1, 2))
    known = (total / (total + each_on + 1e-300))[:, None]
    return Belief(
        belief.places,
        belief.on + each_on / (directions * speeds),
        belief.off + each_off / (directions * speeds),
        belief.views * known + (1 - known) / DIRECTIONS,
        belief.rest_on - each_on * n,
        belief.rest_off - each_off * n,
    )


def _displaced(belief: Belief, places: Places, mode: Mode, elapsed_s: float, reach_m: float) -> Belief:
    n, _, speeds = belief.on.shape
    sources = np.flatnonzero((belief.on.sum(axis=(1, 2)) + belief.off.sum(axis=(1, 2))) > 0)
    east, north = places.offsets_m(belief.places[sources][:, None], belief.places[None])
    start, end = np.nonzero(east**2 + north**2 <= reach_m**2)
    east, north = east[start, end], north[start, end]
    start = sources[start]
    away = start != end
    start, end, east, north = start[away], end[away], east[away], north[away]
    bearing = np.rint(np.degrees(np.arctan2(east, north)) / _BIN_DEG).astype(np.int64) % DIRECTIONS
    weight = landing(np.hypot(east, north), elapsed_s, mode, places.spacing_m)
    staying = landing(np.zeros(1), elapsed_s, mode, places.spacing_m)[0]
    turn = turns(mode.turn_deg, mode.turn_floor)

    # Where are places at all, and how well does each direction of travel fit the directions to them?
    ways = np.zeros((n, DIRECTIONS))
    ways[start, bearing] = 1.0
    fit = ways @ turn
    open_way = np.minimum(fit / LEAST_WAY, 1.0) / np.maximum(fit, 1e-12)
    ahead = _summed(start * DIRECTIONS + bearing, weight, n * DIRECTIONS).reshape(n, DIRECTIONS, speeds)
    leaving = (turn @ ahead) * open_way[:, :, None]
    possible = (turn @ ahead) / np.maximum(fit, 1e-12)[:, :, None] + staying
    usual = np.maximum(possible, LEAST_LANDING)
    changes = speed_changes(mode, elapsed_s)
    on, off = (_changed(part, changes) for part in (belief.on, belief.off))
    lost = (on + off) * (1 - (leaving + staying) / usual)
    both = np.concatenate([on / usual, off / usual], axis=2)
    turned = turn @ (both * open_way[:, :, None])
    flows = turned[start, bearing] * np.concatenate([weight, weight], axis=1)
    landed = _summed(end * DIRECTIONS + bearing, flows, n * DIRECTIONS).reshape(both.shape)
    both *= np.concatenate([staying, staying])
    result = landed + both
    views = _views(belief.views, start, end, flows[:, :speeds].sum(axis=1), both[:, :, :speeds].sum(axis=(1, 2)))
    return Belief(
        belief.places,
        result[:, :, :speeds],
        result[:, :, speeds:] + lost,
        views,
        belief.rest_on,
        belief.rest_off,
    )


def _changed(part: Floats, changes: Floats) -> Floats:
    """New speeds; a camera that stands may go on in any direction."""
    changed = (part.reshape(-1, part.shape[2]) @ changes).reshape(part.shape)
    changed[:, :, 0] += ANY_WAY * (changed[:, :, 0].mean(axis=1, keepdims=True) - changed[:, :, 0])
    return np.asarray(changed)


def _views(views: Floats, start: Ints, end: Ints, flow: Floats, stayed: Floats) -> Floats:
    """The direction of the camera at each place, from where the camera came."""
    kernel = turns(VIEW_TURN_DEG, 0.0)
    kernel = VIEW_KEPT * kernel / kernel.sum(axis=1, keepdims=True) + (1 - VIEW_KEPT) / DIRECTIONS
    before = views @ kernel
    arrived = _summed(end, flow[:, None] * before[start], len(views)) + stayed[:, None] * before
    total = arrived.sum(axis=1, keepdims=True)
    return np.where(total > 0, arrived / np.maximum(total, 1e-300), 1 / DIRECTIONS)


def _summed(groups: Ints, values: Floats, count: int) -> Floats:
    """The sums of the rows of (P, W) values by group: (count, W)."""
    result = np.zeros((count, values.shape[1]))
    if len(groups):
        order = np.argsort(groups, kind="stable")
        ordered = groups[order]
        first = np.flatnonzero(np.diff(ordered, prepend=-1))
        result[ordered[first]] = np.add.reduceat(values[order], first, axis=0)
    return result
