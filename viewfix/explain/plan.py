"""The fix, its candidates and the map's photos become a plan in metres, north up, as SVG, and what lies outside it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..geo import Plane, bearing_deg, distance_m
from ..types import Candidate, Fix, Position
from .explanation import Explanation
from .words import counted, direction, heading, length

SIDE = 400.0
"""The plan is a square of this many units. Small, so that its texts can still be read on a telephone."""

LEAST_HALF_M = 40.0
NEAR_M = 300.0
"""The plan grows to show candidates this near to its middle; a place with a larger radius takes in more."""

WEDGE_HALF_DEG = 22.5
TICK = 13.0
CROWDED = 17.0
"""Labels nearer to each other than this become one, as of photos taken at one spot in four directions."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Frame:
    """A square cut out of a local plane: its middle is `plane.origin`, `half_m` metres away from each edge."""

    plane: Plane
    half_m: float

    def units(self, positions: Sequence[Position]) -> Floats:
        """N positions to (N, 2) float64 x, y in units of the drawing, y down; those outside lie outside."""
        metres = self.plane.to_xy_m([p.lat for p in positions], [p.lon for p in positions])
        return np.asarray(SIDE / 2 + metres * np.array([1.0, -1.0]) * self.per_metre)

    @property
    def per_metre(self) -> float:
        return SIDE / 2 / self.half_m


@dataclass(frozen=True, slots=True)
class Mark:
    """One candidate on the plan. `number` is that of its pair, None for one that is not shown as a pair."""

    number: int | None
    candidate: Candidate
    x: float
    y: float

    @property
    def inside(self) -> bool:
        return _inside(self.x, self.y)


def plan_html(explanation: Explanation) -> str:
    """The plan and a sentence or two on it; the sentence alone where there is no place to draw."""
    fix, candidates = explanation.fix, _candidates(explanation)
    best = candidates[0][1].photo.position if candidates else None
    middle = fix.position or best
    if middle is None:
        many = counted(len(explanation.photos_of_map), "photo")
        return f"<p>There is neither a fix nor a candidate, so there is no place to draw. The map shows {many}.</p>"
    frame = Frame(Plane(middle), _half_m(middle, [c.photo.position for _, c in candidates]))
    spots = frame.units([candidate.photo.position for _, candidate in candidates])
    marks = [Mark(n, c, float(x), float(y)) for (n, c), (x, y) in zip(candidates, spots, strict=True)]
    dots = [(x, y) for x, y in frame.units(explanation.photos_of_map) if _inside(x, y)]
    drawn = "".join([_dots(dots), _fix(frame, fix), _candidates_svg(marks), _scale_bar(frame), _north()])
    said = _said(explanation, marks, len(dots), middle)
    return (
        f'<figure><svg class="plan" viewBox="0 0 {SIDE:.0f} {SIDE:.0f}" role="img" '
        'aria-labelledby="plan-title" aria-describedby="plan-desc">'
        '<title id="plan-title">Plan of the place, north up</title>'
        f'<desc id="plan-desc">{said}</desc>{drawn}</svg>'
        f"<figcaption>{_key(fix, marks)}<p>{said}</p></figcaption></figure>"
    )


def _candidates(explanation: Explanation) -> list[tuple[int | None, Candidate]]:
    """Those of the pairs with their numbers, then the others that the fix names."""
    pairs: list[tuple[int | None, Candidate]] = [(n, p.candidate) for n, p in enumerate(explanation.pairs, start=1)]
    known = {candidate.photo.id for _, candidate in pairs}
    return pairs + [(None, c) for c in explanation.fix.candidates if c.photo.id not in known]


def _half_m(middle: Position, positions: Sequence[Position]) -> float:
    radius_m = middle.radius_m or 0.0
    apart_m = [distance_m(middle, position) for position in positions]
    near_m = [metres for metres in apart_m if metres <= max(NEAR_M, 4 * radius_m)]
    return 1.2 * max([LEAST_HALF_M, 1.5 * radius_m, *near_m])


def _inside(x: float, y: float) -> bool:
    return 0 <= x <= SIDE and 0 <= y <= SIDE


def _dots(dots: Sequence[tuple[float, float]]) -> str:
    """The map's photos. One path, and one dot a spot: a map may have ten thousand of them."""
    spots = sorted({(round(x, 1), round(y, 1)) for x, y in dots})
    return f'<path class="photos" d="{"".join(f"M{x:g} {y:g}h0" for x, y in spots)}"/>' if spots else ""


def _fix(frame: Frame, fix: Fix) -> str:
    """The radius, the wedge of the heading and a cross at the position; nothing without a position."""
    if fix.position is None:
        return ""
    middle, reach, parts = SIDE / 2, 0.0, []
    if fix.position.radius_m is not None:
        reach = fix.position.radius_m * frame.per_metre
        parts.append(f'<circle class="radius" cx="{middle:g}" cy="{middle:g}" r="{reach:.1f}"/>')
    if fix.heading_deg is not None:
        far = max(reach, SIDE / 8)
        ends = [_towards(middle, middle, fix.heading_deg + side * WEDGE_HALF_DEG, far) for side in (-1, 1)]
        (a, b), (c, d) = ends
        arc = f"M{middle:g} {middle:g}L{a:.1f} {b:.1f}A{far:.1f} {far:.1f} 0 0 1 {c:.1f} {d:.1f}Z"
        parts.append(f'<path class="wedge" d="{arc}"/>')
    parts.append(f'<path class="cross" d="M{middle - 7:g} {middle:g}h14M{middle:g} {middle - 7:g}v14"/>')
    return "".join(parts)


def _candidates_svg(marks: Sequence[Mark]) -> str:
    """A dot and a tick for every candidate in the picture, and a label for those with numbers."""
    parts, labels = [], list[tuple[float, float, list[int]]]()
    for mark in marks:
        if not mark.inside:
            continue
        looks = mark.candidate.photo.heading_deg
        if looks is not None:
            x, y = _towards(mark.x, mark.y, looks, TICK)
            parts.append(f'<path class="tick" d="M{mark.x:.1f} {mark.y:.1f}L{x:.1f} {y:.1f}"/>')
        parts.append(f'<circle class="candidate" cx="{mark.x:.1f}" cy="{mark.y:.1f}" r="4"/>')
        if mark.number is not None:
            crowd = next((one for one in labels if math.hypot(one[0] - mark.x, one[1] - mark.y) < CROWDED), None)
            if crowd is None:
                labels.append((mark.x, mark.y, [mark.number]))
            else:
                crowd[2].append(mark.number)
    return "".join(parts) + "".join(_label(x, y, numbers) for x, y, numbers in labels)


def _label(x: float, y: float, numbers: Sequence[int]) -> str:
    text = ", ".join(str(number) for number in numbers)
    half = max(8.5, 3.3 * len(text) + 4)
    middle = min(max(x, half + 1), SIDE - half - 1)
    above = y - 17 if y > 30 else y + 17
    return (
        f'<rect class="label" x="{middle - half:.1f}" y="{above - 8.5:.1f}" width="{2 * half:.1f}" height="17" '
        f'rx="8.5"/>'
        f'<text class="number" x="{middle:.1f}" y="{above + 4.2:.1f}">{text}</text>'
    )


def _scale_bar(frame: Frame) -> str:
    metres = nice_length_m(0.5 * frame.half_m)
    long = metres * frame.per_metre
    return (
        f'<path class="scale" d="M14 378v8h{long:.1f}v-8"/>'
        f'<text class="note" x="{14 + long / 2:.1f}" y="374">{length(metres)}</text>'
    )


def nice_length_m(at_most_m: float) -> float:
    """The longest of 1, 2, 5, 10, 20, 50, ... metres that is no longer than `at_most_m`."""
    power = 10.0 ** math.floor(math.log10(at_most_m))
    return max(step * power for step in (1, 2, 5) if step * power <= at_most_m)


def _north() -> str:
    return '<path class="north" d="M380 14l7 20l-7 -5l-7 5Z"/><text class="note" x="380" y="48">N</text>'


def _towards(x: float, y: float, degrees: float, far: float) -> tuple[float, float]:
    angle = math.radians(degrees)
    return x + far * math.sin(angle), y - far * math.cos(angle)


def _key(fix: Fix, marks: Sequence[Mark]) -> str:
    """What the signs mean, of those that are drawn."""
    signs = [("candidate", "a candidate, with a tick where it looks" + _numbered(marks))]
    signs.append(("photo", "a photo of the map"))
    if fix.position is not None:
        signs.insert(0, ("fix", "the fix" + ("" if fix.position.radius_m is None else " and its radius")))
    items = "".join(f'<li><i class="{sign}"></i>{meaning}</li>' for sign, meaning in signs)
    return f'<ul class="key">{items}</ul>'


def _numbered(marks: Sequence[Mark]) -> str:
    return "; its number is that of its pair above" if any(mark.number is not None for mark in marks) else ""


def _said(explanation: Explanation, marks: Sequence[Mark], dots: int, middle: Position) -> str:
    """The plan in words, for those who cannot see it and for what it cannot show."""
    fix, photos = explanation.fix, len(explanation.photos_of_map)
    if fix.position is None:
        told = "There is no fix; the plan lies around the best candidate. "
    else:
        radius = "" if middle.radius_m is None else f", with a radius of {length(middle.radius_m)}"
        looks = "" if fix.heading_deg is None else f"; the query looks to {heading(fix.heading_deg)}"
        told = f"The fix is in the middle{radius}{looks}. "
    inside = sum(mark.inside for mark in marks)
    told += f"{inside} of {counted(len(marks), 'candidate')} and {dots:,} of {counted(photos, 'photo')} of the map lie "
    return told + "in the picture." + _outside([mark for mark in marks if not mark.inside], middle)


def _outside(marks: Sequence[Mark], middle: Position) -> str:
    """Where the candidates are that the plan cannot show; those without a number in one count."""
    if not marks:
        return ""
    named = []
    for mark in marks:
        at = mark.candidate.photo.position
        if mark.number is not None:
            away = f"{length(distance_m(middle, at))} to the {direction(bearing_deg(middle, at))}"
            named.append(f"number {mark.number}, {away}")
    others = len(marks) - len(named)
    if others:
        named.append(f"{others} that {'is' if others == 1 else 'are'} not shown as a pair")
    return f" Outside it {'lies' if len(marks) == 1 else 'lie'} {counted(len(marks), 'candidate')}: {'; '.join(named)}."
