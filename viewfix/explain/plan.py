"""The plan of an explanation, in metres with north up: the fix, its candidates and the photos of the map."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..basemap import Basemap
from ..basemap.drawing import Ground, draw
from ..geo import Plane, bearing_deg, distance_m
from ..reports.formatting import counted, direction, heading, length
from ..reports.plan import Frame, ScaleBar, ahead
from ..types import Candidate, Fix, Position

SIDE = 400.0
"""The side of the square plan, in units of the drawing. Small, so that its text can be read on a phone."""

LEAST_HALF_M = 40.0
NEAR_M = 300.0
"""The plan grows to show candidates this near to its centre; a place with a larger radius takes in more."""

AROUND_M = 1.2 * NEAR_M * math.sqrt(2)
"""The distance from the centre of a plan to its corner, unless the radius of the fix is large."""

WEDGE_HALF_DEG = 22.5
TICK = 13.0
CROWDED = 17.0
"""Labels nearer to each other than this are merged: photos taken at one spot in four directions, for example."""

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Mark:
    """One candidate. `number` is that of its pair, None if it is not shown as a pair."""

    number: int | None
    candidate: Candidate
    x: float
    y: float
    inside: bool


@dataclass(frozen=True, slots=True)
class Label:
    """The numbers of the pairs at one spot, on a rounded rectangle around (x, y)."""

    text: str
    x: float
    y: float
    half_width: float


@dataclass(frozen=True, slots=True)
class Wedge:
    """The direction of the query's camera: a sector of a circle from the centre, between two points on its edge."""

    start: Point
    end: Point
    radius: float


@dataclass(frozen=True, slots=True)
class PlanView:
    """Everything on the plan, in units of the drawing."""

    side: float
    photos: tuple[Point, ...]
    marks: tuple[Mark, ...]
    ticks: tuple[tuple[Point, Point], ...]
    labels: tuple[Label, ...]
    has_fix: bool
    radius: float | None
    wedge: Wedge | None
    scale_bar: ScaleBar
    description: str
    ground: Ground | None = None


def plan_view(
    fix: Fix,
    pairs: Sequence[Candidate],
    photos_around: Sequence[Position],
    photos_in_map: int,
    basemap: Basemap | None = None,
) -> PlanView | None:
    """Work out the plan; None if there is neither a fix nor a candidate, and so no place to draw."""
    numbered = _numbered(fix, pairs)
    centre = fix.position or (numbered[0][1].photo.position if numbered else None)
    if centre is None:
        return None
    positions = [candidate.photo.position for _, candidate in numbered]
    frame = Frame(Plane(centre), (0.0, 0.0), SIDE / 2 / _half_m(centre, positions), SIDE, SIDE)
    marks = [
        Mark(number, candidate, float(x), float(y), frame.contains(x, y))
        for (number, candidate), (x, y) in zip(numbered, frame.units(positions), strict=True)
    ]
    photos = [(float(x), float(y)) for x, y in frame.units(photos_around) if frame.contains(x, y)]
    radius_m = None if fix.position is None else fix.position.radius_m
    radius = None if radius_m is None else radius_m * frame.per_metre
    return PlanView(
        side=SIDE,
        photos=tuple(sorted({(round(x, 1), round(y, 1)) for x, y in photos})),  # one dot a spot
        marks=tuple(mark for mark in marks if mark.inside),
        ticks=tuple(_tick(mark, mark.candidate.photo.heading_deg) for mark in marks
                    if mark.inside and mark.candidate.photo.heading_deg is not None),
        labels=tuple(_labels(marks)),
        has_fix=fix.position is not None,
        radius=radius,
        wedge=None if fix.position is None or fix.heading_deg is None else _wedge(fix.heading_deg, radius or 0.0),
        scale_bar=frame.scale_bar(),
        description=_description(fix, marks, len(photos), photos_in_map, centre),
        ground=draw(basemap, frame),
    )  # fmt: skip


def _numbered(fix: Fix, pairs: Sequence[Candidate]) -> list[tuple[int | None, Candidate]]:
    """The candidates of the pairs with their numbers, then the other candidates of the fix."""
    numbered: list[tuple[int | None, Candidate]] = list(enumerate(pairs, start=1))
    known = {candidate.photo.id for candidate in pairs}
    return numbered + [(None, c) for c in fix.candidates if c.photo.id not in known]


def _half_m(centre: Position, positions: Sequence[Position]) -> float:
    radius_m = centre.radius_m or 0.0
    distances_m = [distance_m(centre, position) for position in positions]
    near_m = [metres for metres in distances_m if metres <= max(NEAR_M, 4 * radius_m)]
    return 1.2 * max([LEAST_HALF_M, 1.5 * radius_m, *near_m])


def _tick(mark: Mark, heading_deg: float | None) -> tuple[Point, Point]:
    return (mark.x, mark.y), ahead(mark.x, mark.y, heading_deg or 0.0, TICK)


def _wedge(heading_deg: float, radius: float) -> Wedge:
    reach = max(radius, SIDE / 8)
    start, end = (ahead(SIDE / 2, SIDE / 2, heading_deg + side * WEDGE_HALF_DEG, reach) for side in (-1, 1))
    return Wedge(start, end, reach)


def _labels(marks: Sequence[Mark]) -> list[Label]:
    groups: list[tuple[float, float, list[int]]] = []
    for mark in marks:
        if not mark.inside or mark.number is None:
            continue
        near = next((g for g in groups if math.hypot(g[0] - mark.x, g[1] - mark.y) < CROWDED), None)
        if near is None:
            groups.append((mark.x, mark.y, [mark.number]))
        else:
            near[2].append(mark.number)
    return [_label(x, y, ", ".join(map(str, numbers))) for x, y, numbers in groups]


def _label(x: float, y: float, text: str) -> Label:
    half = max(8.5, 3.3 * len(text) + 4)
    return Label(text, min(max(x, half + 1), SIDE - half - 1), y - 17 if y > 30 else y + 17, half)


def _description(fix: Fix, marks: Sequence[Mark], drawn: int, photos_in_map: int, centre: Position) -> str:
    """The plan in words, for those who cannot see it and for what it cannot show."""
    if fix.position is None:
        text = "There is no fix; the plan is centred on the best candidate. "
    else:
        radius = "" if centre.radius_m is None else f", with a radius of {length(centre.radius_m)}"
        camera = "" if fix.heading_deg is None else f"; the camera faced {heading(fix.heading_deg)}"
        text = f"The fix is in the centre{radius}{camera}. "
    inside = sum(mark.inside for mark in marks)
    text += f"The plan shows {inside} of {counted(len(marks), 'candidate')} and "
    text += f"{drawn:,} of the {counted(photos_in_map, 'photo')} in the map."
    return text + _outside([mark for mark in marks if not mark.inside], centre)


def _outside(marks: Sequence[Mark], centre: Position) -> str:
    """The positions of the candidates outside the plan; those without a number are only counted."""
    if not marks:
        return ""
    named = []
    for mark in marks:
        at = mark.candidate.photo.position
        if mark.number is not None:
            away = f"{length(distance_m(centre, at))} to the {direction(bearing_deg(centre, at))}"
            named.append(f"number {mark.number}, {away}")
    others = len(marks) - len(named)
    if others:
        named.append(f"{others} that {'is' if others == 1 else 'are'} not shown as a pair")
    return f" Outside it {'is' if len(marks) == 1 else 'are'} {counted(len(marks), 'candidate')}: {'; '.join(named)}."
