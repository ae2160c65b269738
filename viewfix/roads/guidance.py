"""Steps of a way: streets of one name joined, turns where one really turns, starting from where the camera looks.

viewfix/web/phone/guidance.js computes the same steps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

Point = tuple[float, float]
Turn = Literal[
    "ahead", "slightly right", "right", "sharp right", "around", "sharp left", "left", "slightly left", "arrive"
]

LOOK_M = 20.0
"""Directions are those of the last and the next 20 m: corners of roads are drawn with small kinks."""

SHORT_M = 30.0
"""A nameless piece shorter than this, between two of one name, belongs to them."""

STUB_M = 15.0
"""A nameless piece shorter than this, such as a crossing, is not a step of its own."""

LEAST_STEP_M = 40.0
TURN_DEG = 50.0
"""On nameless paths a turn is a step only if it is at least this sharp, and both sides at least LEAST_STEP_M long."""

METRES_A_DEGREE = 111_320.0
STAIRS, FERRY, PATH, ROAD = "stairs", "ferry", "path", "road"
APART = (STAIRS, FERRY)
"""Surfaces that are steps of their own."""

_PATHS = {"footway", "path", "pedestrian", "track", "cycleway", "corridor", "bridleway", "elevator", "gate"}


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a way on one road. `name` may be "". `surface` is STAIRS, FERRY, PATH or ROAD. `line` is (lat, lon)."""

    name: str
    surface: str
    line: tuple[Point, ...]
    length_m: float
    duration_s: float


@dataclass(frozen=True, slots=True)
class RouteStep:
    """One step: turn, then go `distance_m` metres along `street`.

    `street` is None where the road has no name. `surface` is "stairs", "ferry", "path" or "road". `turn` of the first
    step is relative to the heading of the camera, None if that is unknown; that of the last one is "arrive".
    `bearing_deg` is the direction after the turn, `at` is where to turn, (lat, lon). `side` is where the destination
    lies at the end: "left", "right", "ahead" or "behind"; None if it lies on the way, or for every other step.
    """

    turn: Turn | None
    street: str | None
    surface: str
    distance_m: float
    duration_s: float
    bearing_deg: float
    at: Point
    side: str | None = None


def surface_of(road: str) -> str:
    """What a class of roads is, as far as it matters for words."""
    return STAIRS if road == "steps" else FERRY if road == FERRY else PATH if road in _PATHS else ROAD


def steps_of(stretches: Sequence[Stretch], heading_deg: float | None, goal: Point) -> list[RouteStep]:
    """The steps of a way.

    Args:
        stretches: the parts of the way in order, each beginning where the one before ends.
        heading_deg: where the camera looks, clockwise from north; None if unknown.
        goal: the destination, which may lie beside the way.
    """
    legs = _without_pauses([part for leg in _joined(stretches) for part in _split_at_turns(leg)])
    steps: list[RouteStep] = []
    for before, leg in zip([None, *legs], legs, strict=False):
        bearing = _direction(leg.line)
        was = heading_deg if before is None else _direction(before.line[::-1], back=True)
        turn = None if was is None else turn_of(bearing - was)
        street = leg.name or None
        steps.append(RouteStep(turn, street, leg.surface, leg.length_m, leg.duration_s, bearing, leg.line[0]))
    if legs:
        last = legs[-1].line
        bearing = _direction(last[::-1], back=True)
        side = _side_of(last[-1], goal, bearing)
        steps.append(RouteStep("arrive", None, legs[-1].surface, 0.0, 0.0, bearing, last[-1], side))
    return steps


def turn_of(change_deg: float) -> Turn:
    """The turn for a change of direction, clockwise, of any size."""
    change = (change_deg + 180.0) % 360.0 - 180.0
    size = abs(change)
    if size < 25.0:
        return "ahead"
    if size >= 165.0:
        return "around"
    right: tuple[Turn, Turn, Turn] = ("slightly right", "right", "sharp right")
    left: tuple[Turn, Turn, Turn] = ("slightly left", "left", "sharp left")
    return (right if change > 0 else left)[0 if size < 50.0 else 1 if size < 125.0 else 2]


def _joined(stretches: Sequence[Stretch]) -> list[Stretch]:
    """Join what is one street, or one nameless path; and what is too short to speak of with what follows it."""
    legs: list[Stretch] = []
    for stretch in stretches:
        if stretch.length_m > 0 or len(stretches) == 1:
            legs = _with(legs, stretch)
    joined: list[Stretch] = []
    for leg in legs:  # a crossing between two parts of one street
        if len(joined) > 1 and leg.name and joined[-2].name == leg.name and _is_short(joined[-1], SHORT_M):
            crossing = joined.pop()
            joined[-1] = _glued(_glued(joined[-1], crossing, joined[-1]), leg, leg)
        else:
            joined.append(leg)
    found: list[Stretch] = []
    for n, leg in enumerate(joined):
        if found and _is_short(found[-1], STUB_M):
            found[-1] = _glued(found[-1], leg, leg)
        elif found and n == len(joined) - 1 and _is_short(leg, STUB_M):
            found[-1] = _glued(found[-1], leg, found[-1])
        else:
            found = _with(found, leg)
    return found


def _without_pauses(legs: Sequence[Stretch]) -> list[Stretch]:
    """Join a nameless leg to the one before it where one only goes straight on, and what has that leg's name."""
    found: list[Stretch] = []
    for leg in legs:
        goes_on = bool(found) and leg.surface not in APART and found[-1].surface not in APART
        goes_on = goes_on and (not leg.name or leg.name == found[-1].name)
        if goes_on and turn_of(_direction(leg.line) - _direction(found[-1].line[::-1], back=True)) == "ahead":
            found[-1] = _glued(found[-1], leg, found[-1])
        else:
            found.append(leg)
    return found


def _with(legs: list[Stretch], stretch: Stretch) -> list[Stretch]:
    alike = legs and (legs[-1].name, legs[-1].surface if not legs[-1].name else "") == (
        stretch.name,
        stretch.surface if not stretch.name else "",
    )
    return [*legs[:-1], _glued(legs[-1], stretch, stretch)] if alike else [*legs, stretch]


def _is_short(leg: Stretch, below_m: float) -> bool:
    """Whether a leg is too short for a step of its own: with a name, or stairs, if it is half as long."""
    return leg.length_m < (below_m / 2 if leg.name or leg.surface in APART else below_m)


def _glued(first: Stretch, second: Stretch, like: Stretch) -> Stretch:
    line = (*first.line, *second.line[1:]) if first.line[-1] == second.line[0] else (*first.line, *second.line)
    length_m, duration_s = first.length_m + second.length_m, first.duration_s + second.duration_s
    return Stretch(like.name, like.surface, line, length_m, duration_s)


def _split_at_turns(leg: Stretch) -> list[Stretch]:
    """Split a nameless leg where it turns sharply; a street with a name is one step, however it bends."""
    if leg.name or leg.surface in APART:
        return [leg]
    along = distances_along(leg.line)
    total = along[-1]
    cuts: list[int] = []
    for n in range(1, len(leg.line) - 1):
        if along[n] - (along[cuts[-1]] if cuts else 0.0) < LEAST_STEP_M or total - along[n] < LEAST_STEP_M:
            continue
        if _bend(leg.line, along, n) >= TURN_DEG and all(
            _bend(leg.line, along, n) >= _bend(leg.line, along, m)
            for m in range(n + 1, len(leg.line) - 1)
            if along[m] - along[n] < LOOK_M
        ):
            cuts.append(n)
    parts = []
    for first, last in zip([0, *cuts], [*cuts, len(leg.line) - 1], strict=True):
        share = (along[last] - along[first]) / total if total else 1.0
        line = leg.line[first : last + 1]
        parts.append(replace(leg, line=line, length_m=leg.length_m * share, duration_s=leg.duration_s * share))
    return parts


def _bend(line: Sequence[Point], along: Sequence[float], n: int) -> float:
    """How much a line turns at a point, in degrees, between the LOOK_M before it and after it."""
    before = bearing(point_at(line, along, along[n] - LOOK_M), line[n])
    after = bearing(line[n], point_at(line, along, along[n] + LOOK_M))
    return abs((after - before + 180.0) % 360.0 - 180.0)


def _direction(line: Sequence[Point], *, back: bool = False) -> float:
    """The direction of the first LOOK_M metres of a line; with `back` that in which one comes to its first point."""
    along = distances_along(line)
    far = point_at(line, along, min(LOOK_M, along[-1]))
    return bearing(far, line[0]) if back else bearing(line[0], far)


def _side_of(end: Point, goal: Point, bearing_deg: float) -> str | None:
    """The side of the way on which a destination lies; None if it is within 5 m of its end."""
    if distances_along([end, goal])[-1] < 5.0:
        return None
    turn = (bearing(end, goal) - bearing_deg + 45.0) % 360.0
    return ("ahead", "right", "behind", "left")[min(int(turn // 90.0), 3)]


def distances_along(line: Sequence[Point]) -> list[float]:
    """The distance of every point of a line from its first one, in metres."""
    along = [0.0]
    for (lat0, lon0), (lat1, lon1) in zip(line, line[1:], strict=False):
        east = (lon1 - lon0) * math.cos(math.radians((lat0 + lat1) / 2))
        along.append(along[-1] + math.hypot(lat1 - lat0, east) * METRES_A_DEGREE)
    return along


def point_at(line: Sequence[Point], along: Sequence[float], distance_m: float) -> Point:
    """The point of a line at a distance from its start; its first or last point beyond its ends."""
    if distance_m <= 0:
        return line[0]
    for n in range(1, len(line)):
        if along[n] >= distance_m:
            step = along[n] - along[n - 1]
            share = (distance_m - along[n - 1]) / step if step else 0.0
            (lat0, lon0), (lat1, lon1) = line[n - 1], line[n]
            return lat0 + share * (lat1 - lat0), lon0 + share * (lon1 - lon0)
    return line[-1]


def bearing(start: Point, end: Point) -> float:
    """The direction from one point to another nearby, clockwise from north, [0, 360)."""
    east = (end[1] - start[1]) * math.cos(math.radians((start[0] + end[0]) / 2))
    degrees = math.degrees(math.atan2(east, end[0] - start[0])) % 360.0
    return 0.0 if degrees >= 360.0 else degrees
