"""Sights ahead: when a moving camera will pass them, and on which side.

The camera is a belief: places with weights, each with a direction of travel and a speed. A sight is named only if it
will be within sight, on that side, with a high probability.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ..errors import BadInput
from ..geo import Circle, Plane
from ..store.points import Points
from ..types import PointOfInterest, Position
from .links import best_link
from .nearby import is_same_sight, name_key

Floats = npt.NDArray[np.float64]

AHEAD_M = 12.0
"""A sight that is passed closer than this is "ahead", not on a side."""

LEAST_SPEED_MPS = 0.3
"""A place of the belief that moves more slowly passes nothing."""

CORNER_M = 10.0
"""An outline is looked at every so many metres."""

MOST_CORNERS = 400
MOST_PLACES = 500
MOST_SIGHTS = 200
LONGEST_S = 600.0
FASTEST_MPS = 140.0


@dataclass(frozen=True, slots=True)
class Belief:
    """Where the camera may be: N places, with (N,) weights of 0 or more that sum to at most 1.

    `headings_deg` is the direction of travel at each place, clockwise from north, and `speeds_mps` its speed. What the
    weights lack to 1 is the probability of being somewhere else.
    """

    lats: Floats
    lons: Floats
    weights: Floats
    headings_deg: Floats
    speeds_mps: Floats

    def __post_init__(self) -> None:
        for name in ("lats", "lons", "weights", "headings_deg", "speeds_mps"):
            values = np.asarray(getattr(self, name), np.float64)
            if values.shape != (len(self.lats),) or not np.isfinite(values).all():
                raise BadInput(f"{name} must be {len(self.lats)} finite numbers; got an array of shape {values.shape}.")
            object.__setattr__(self, name, values)
        for lat, lon in zip(self.lats.tolist(), self.lons.tolist(), strict=True):
            Position(lat, lon)
        if (self.weights < 0).any() or self.weights.sum() > 1 + 1e-6:
            raise BadInput(
                f"The weights must be 0 or more and sum to at most 1; their sum is {self.weights.sum():.3f}."
            )
        if (np.abs(self.speeds_mps) > FASTEST_MPS).any():
            raise BadInput(f"A speed must be at most {FASTEST_MPS:.0f} m/s; got {np.abs(self.speeds_mps).max():.0f}.")

    @classmethod
    def at(cls, place: Position, heading_deg: float, speed_mps: float, probability: float = 1.0) -> Belief:
        """A belief in one place; its radius spreads it over a ring of places."""
        places = [place]
        if place.radius_m:
            plane = Plane(place)
            angles = np.arange(8) * math.pi / 4
            places += [plane.to_position(place.radius_m * math.sin(a), place.radius_m * math.cos(a)) for a in angles]
        n = len(places)
        lats, lons = np.array([p.lat for p in places]), np.array([p.lon for p in places])
        return cls(lats, lons, np.full(n, probability / n), np.full(n, heading_deg), np.full(n, speed_mps))


@dataclass(frozen=True, slots=True)
class Ahead:
    """What to name: how far ahead in time and to the sides, how sure, and which kinds.

    `kinds` are values such as "tourism=museum", or keys such as "historic"; empty for all. `least_notability` leaves
    out plaques and the like.
    """

    horizon_s: float = 60.0
    sight_m: float = 150.0
    least_probability: float = 0.8
    least_notability: float = 0.5
    kinds: Collection[str] = ()
    limit: int = 20

    def __post_init__(self) -> None:
        for name, least, most in (("horizon_s", 1.0, LONGEST_S), ("sight_m", 5.0, 2000.0),
                                  ("least_probability", 0.0, 1.0), ("limit", 1, MOST_SIGHTS)):  # fmt: skip
            value = getattr(self, name)
            if not least <= value <= most:
                raise BadInput(f"{name} must be from {least:g} to {most:g}; got {value}.")

    def wants(self, point: PointOfInterest) -> bool:
        """Whether the kind of a sight is asked for, and it is notable enough."""
        asked = not self.kinds or point.kind in self.kinds or point.kind.partition("=")[0] in self.kinds
        return asked and point.notability >= self.least_notability


USUAL_AHEAD = Ahead()


@dataclass(frozen=True, slots=True)
class Upcoming:
    """A sight that comes: passed in `in_s` seconds, `distance_m` metres to the `side`: "ahead", "left" or "right".

    `probability` is that of passing it within sight on that side.
    """

    point: PointOfInterest
    in_s: float
    side: str
    distance_m: float
    probability: float

    def named(self, language: str | None) -> tuple[str, str | None]:
        """Its name and a link in a language; else in English, else in the local language, and both in the same one."""
        return self.point.named(language), best_link(self.point, language)


def upcoming(points: Points, belief: Belief, ahead: Ahead = USUAL_AHEAD) -> tuple[Upcoming, ...]:
    """The sights ahead within the horizon, nearest in time first; no sight twice.

    Args:
        points: the points of interest of the map.
        belief: where the camera may be, and how it moves. It is taken to go straight on.
        ahead: what to name.
    """
    belief = _likeliest(belief)
    if not len(belief.lats) or belief.weights.sum() < ahead.least_probability:
        return ()
    at = np.argmax(belief.weights)
    origin = Position(float(belief.lats[at]), float(belief.lons[at]))
    plane = Plane(origin)
    places = plane.to_xy_m(belief.lats, belief.lons)
    spread_m = float(np.quantile(np.hypot(*places.T), 0.95))
    reach_m = float(np.abs(belief.speeds_mps).max()) * ahead.horizon_s + ahead.sight_m + min(spread_m, 5000.0)
    spots = points.spots(Circle(origin.lat, origin.lon, reach_m))
    best = spots.numbers[np.argsort(-spots.notability, kind="stable")[:MOST_SIGHTS]]
    found: list[Upcoming] = []
    for point in points.get(best):
        if ahead.wants(point) and (one := _passed(point, plane, places, belief, ahead)) is not None:
            found.append(one)
    chosen: list[Upcoming] = []
    for one in sorted(found, key=lambda each: (-each.point.notability, each.in_s)):
        if not any(_is_same(one.point, other.point) for other in chosen):
            chosen.append(one)
    return tuple(sorted(chosen, key=lambda each: each.in_s)[: ahead.limit])


def _likeliest(belief: Belief) -> Belief:
    """The MOST_PLACES places with the largest weights."""
    if len(belief.lats) <= MOST_PLACES:
        return belief
    at = np.argsort(-belief.weights, kind="stable")[:MOST_PLACES]
    columns = (belief.lats, belief.lons, belief.weights, belief.headings_deg, belief.speeds_mps)
    return Belief(*(column[at] for column in columns))


def _passed(point: PointOfInterest, plane: Plane, places: Floats, belief: Belief, ahead: Ahead) -> Upcoming | None:
    """When and where a sight is passed; None if the probability of one side is not high enough.

    Of an area it is the edge that counts: the one that is nearest to the line of travel, where it is met first.
    """
    corners = _corners(point, plane)
    speeds = np.abs(belief.speeds_mps)
    angle = np.radians(belief.headings_deg + np.where(belief.speeds_mps < 0, 180.0, 0.0))
    to = corners[None, :, :] - places[:, None, :]  # (N, C, 2): from every place to every corner
    sin, cos = np.sin(angle)[:, None], np.cos(angle)[:, None]
    along = to[:, :, 0] * sin + to[:, :, 1] * cos
    aside = to[:, :, 0] * cos - to[:, :, 1] * sin  # to the right
    crosses = (aside.min(axis=1) < 0) & (aside.max(axis=1) > 0) & (len(point.outline) > 2)
    away = np.where(along >= 0, np.abs(aside), np.inf)  # what lies behind has been passed
    nearest = away.min(axis=1, keepdims=True)
    reached = np.where((away <= nearest + CORNER_M / 2) & np.isfinite(away), along, np.inf)
    at = np.argmin(reached, axis=1)
    first = reached[np.arange(len(at)), at]
    side_m = np.where(crosses, 0.0, aside[np.arange(len(at)), at])
    is_inside = crosses & (along.min(axis=1) < 0) & (along.max(axis=1) > 0)
    in_s = first / np.maximum(speeds, 1e-9)
    met = (speeds >= LEAST_SPEED_MPS) & (in_s <= ahead.horizon_s) & (np.abs(side_m) <= ahead.sight_m) & ~is_inside
    sides = np.where(np.abs(side_m) <= AHEAD_M, 0, np.sign(side_m)).astype(int)
    best: Upcoming | None = None
    for side, name in ((0, "ahead"), (-1, "left"), (1, "right")):
        mine = met & (sides == side)
        probability = float(belief.weights[mine].sum())
        if probability >= ahead.least_probability and (best is None or probability > best.probability):
            when, distance_m = (_median(values[mine], belief.weights[mine]) for values in (in_s, np.abs(side_m)))
            best = Upcoming(point, when, name, distance_m, min(probability, 1.0))
    return best


def _corners(point: PointOfInterest, plane: Plane) -> Floats:
    """(C, 2) metres: the position of a point, or places every CORNER_M along its outline."""
    if len(point.outline) < 2:
        return plane.to_xy_m([point.position.lat], [point.position.lon])
    outline = plane.to_xy_m(*np.array(point.outline, np.float64).T)
    parts = [outline[:1]]
    for start, end in zip(outline, outline[1:], strict=False):
        count = min(max(1, math.ceil(float(np.hypot(*(end - start))) / CORNER_M)), MOST_CORNERS // len(outline) + 1)
        parts.append(start + (end - start) * (np.arange(1, count + 1) / count)[:, None])
    return np.concatenate(parts)


def _median(values: Floats, weights: Floats) -> float:
    """The value below which half of the weight lies."""
    order = np.argsort(values, kind="stable")
    total = np.cumsum(weights[order])
    return float(values[order][min(int(np.searchsorted(total, total[-1] / 2)), len(order) - 1)])


def _is_same(one: PointOfInterest, other: PointOfInterest) -> bool:
    return name_key(one.name) == name_key(other.name) or is_same_sight(one, other)


@dataclass(slots=True)
class Announcer:
    """Decides what to say now: every sight once, shortly before it is passed, and not too many in a minute.

    `lead_s`: how long before the pass a sight is said. `per_minute`: the largest number in any 60 seconds; then the
    best known sights are said.
    """

    lead_s: float = 12.0
    per_minute: int = 4
    said: dict[str, PointOfInterest] = field(default_factory=dict)
    times_s: list[float] = field(default_factory=list)

    def now(self, coming: Sequence[Upcoming], at_s: float) -> tuple[Upcoming, ...]:
        """What to say at a time, in seconds of any clock that does not go back. Said sights are remembered."""
        self.times_s = [each for each in self.times_s if at_s - 60.0 < each <= at_s]
        due = [each for each in coming if each.in_s <= self.lead_s and not self._was_said(each.point)]
        due.sort(key=lambda each: -each.point.notability)
        chosen = due[: max(0, self.per_minute - len(self.times_s))]
        for each in chosen:
            self.said[each.point.id] = each.point
            self.times_s.append(at_s)
        return tuple(sorted(chosen, key=lambda each: each.in_s))

    def _was_said(self, point: PointOfInterest) -> bool:
        return point.id in self.said or any(_is_same(point, other) for other in self.said.values())
