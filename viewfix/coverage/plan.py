"""Coverage goes in; a plan of it comes out as an SVG element: spots, look-alikes, gaps, numbered suggestions."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..geo import Plane
from ..types import Position
from .findings import Coverage, Spot, State, Suggestion
from .grid import Floats
from .spots import state_of

MOST_WIDE, LEAST_WIDE, MOST_HIGH, LEAST_HIGH, EDGE = 900.0, 420.0, 1000.0, 260.0, 46.0
MOST_MARKS = 3000
"""Beyond this many spots one mark stands for all within a square: the page stays below a megabyte."""

LETTERS = "ABCDEFGHIJ"
"""Of the look-alikes that are drawn and shown with pictures; more lines would hide the map."""

STATES: tuple[State, ...] = ("unasked", "alone", "doubtful", "found")
SHAPES = {  # each state has a shape of its own: colour alone would not reach everybody
    "found": '<circle r="4.2" class="found"/>',
    "doubtful": '<path d="M0-6.4 6.4 0 0 6.4-6.4 0z" class="doubtful"/>',
    "alone": '<rect x="-4.4" y="-4.4" width="8.8" height="8.8" class="alone"/>',
    "unasked": '<circle r="1.8" class="unasked"/>',
}
PIN = '<path d="M0 0C-3-8-11-12-11-21a11 11 0 1 1 22 0C11-12 3-8 0 0z"/>'

STYLE = """
.found { fill: var(--good) } .doubtful { fill: var(--bad) } .unasked { fill: var(--photo) }
.alone { fill: none; stroke: var(--ink); stroke-width: 1.6 }
.pair { stroke: var(--pair); stroke-width: 1.6; stroke-dasharray: 7 4; opacity: .75 }
.gap { stroke: var(--ink); stroke-width: 3; stroke-dasharray: .1 6; stroke-linecap: round }
.way { stroke: var(--ink); stroke-width: 2; fill: none } .pin { fill: var(--ink) }
.pin text { fill: var(--paper); font: 700 13px system-ui, sans-serif; text-anchor: middle }
.named { fill: var(--pair); font: 700 14px system-ui, sans-serif; text-anchor: middle; paint-order: stroke;
  stroke: var(--road); stroke-width: 4 }
.measure { fill: var(--ink); font: 14px system-ui, sans-serif }
.scale { stroke: var(--ink); stroke-width: 2; fill: none }
@media (max-width: 40rem) { .pin, .mark { transform: scale(var(--big)) }
  .named, .measure { font-size: calc(14px * var(--big)) } .pair, .gap { stroke-width: calc(2px * var(--big)) } }
"""


@dataclass(frozen=True, slots=True)
class Mark:
    """A spot, or all spots of one square: where, metres east and north, and what a pointer is told."""

    x_m: float
    y_m: float
    state: State
    title: str


class Frame:
    """Positions to the units of the picture, north up."""

    def __init__(self, spots: Sequence[Spot]) -> None:
        first = Plane(spots[0].position)
        rough = first.to_xy_m(*_lats_lons([spot.position for spot in spots]))
        middle = (rough.min(axis=0) + rough.max(axis=0)) / 2
        self._plane = Plane(first.to_position(float(middle[0]), float(middle[1])))
        self.spots_m = self.metres([spot.position for spot in spots])
        low, high = self.spots_m.min(axis=0), self.spots_m.max(axis=0)
        span_m = np.maximum(high - low, 20.0)  # a single spot is drawn with some ground around it
        self.middle_m = (low + high) / 2
        self.scale = float(min((MOST_WIDE - 2 * EDGE) / span_m[0], (MOST_HIGH - 2 * EDGE) / span_m[1]))
        self.wide = max(LEAST_WIDE, float(span_m[0]) * self.scale + 2 * EDGE)
        self.high = max(LEAST_HIGH, float(span_m[1]) * self.scale + 2 * EDGE)

    def metres(self, places: Sequence[Position]) -> Floats:
        """(N, 2) metres east and north."""
        return self._plane.to_xy_m(*_lats_lons(places))

    def at(self, xy_m: Floats) -> tuple[float, float]:
        """Metres to the picture."""
        x, y = (xy_m - self.middle_m) * self.scale
        return float(x) + self.wide / 2, self.high / 2 - float(y)

    def place(self, position: Position) -> tuple[float, float]:
        return self.at(self.metres([position])[0])


def plan_svg(coverage: Coverage) -> tuple[str, float]:
    """The plan, and the side of the squares that its marks stand for, metres; 0 when each is one spot."""
    frame = Frame(coverage.spots)
    marks, side_m = _marks(frame, coverage.spots)
    parts = [
        # On a phone the whole is drawn smaller, and its signs must grow against it to be read.
        f'<svg viewBox="0 0 {frame.wide:.0f} {frame.high:.0f}" style="--big:{max(1.2, frame.wide / 480):.2f}" '
        'role="img" aria-label="Plan of the map, north up: spots by whether photos are found there, look-alikes '
        'joined by dashed lines, suggestions as numbered pins">',
        *_lines(frame, coverage),
        *(_mark(frame, mark) for state in STATES for mark in marks if mark.state == state),
        *_names(frame, coverage),
        # The first suggestion is drawn last, so that no other covers it.
        *(_pin(frame, rank, each) for rank, each in reversed(list(enumerate(coverage.suggestions, start=1)))),
        _scale_bar(frame),
        "</svg>",
    ]
    return "".join(parts), side_m


def legend_mark(state: State) -> str:
    """The shape of a state, for the legend."""
    return f'<svg class="key" viewBox="-8 -8 16 16" aria-hidden="true">{SHAPES[state]}</svg>'


def _lats_lons(places: Sequence[Position]) -> tuple[list[float], list[float]]:
    return [at.lat for at in places], [at.lon for at in places]


def _marks(frame: Frame, spots: Sequence[Spot]) -> tuple[list[Mark], float]:
    if len(spots) <= MOST_MARKS:
        pairs = zip(spots, frame.spots_m.tolist(), strict=True)
        return [Mark(x, y, spot.state, _said(spot)) for spot, (x, y) in pairs], 0.0
    side_m = 8.0 / frame.scale
    while True:
        cells, of_cell = np.unique(np.floor(frame.spots_m / side_m), axis=0, return_inverse=True)
        if len(cells) <= MOST_MARKS:
            break
        side_m *= 1.25
    members: list[list[Spot]] = [[] for _ in cells]
    for spot, cell in zip(spots, of_cell.reshape(-1), strict=True):
        members[cell].append(spot)
    middles = (cells + 0.5) * side_m
    return [_joint(group, xy) for group, xy in zip(members, middles.tolist(), strict=True)], side_m


def _joint(group: Sequence[Spot], xy_m: Sequence[float]) -> Mark:
    asked, alone, found = (sum(getattr(spot, name) for spot in group) for name in ("asked", "alone", "found"))
    nearest_m = 0.0 if any(spot.state != "alone" for spot in group) else math.inf
    title = f"{len(group)} spots, {found} of {asked - alone} photos found"
    return Mark(xy_m[0], xy_m[1], state_of(asked, alone, found, nearest_m), title)


def _said(spot: Spot) -> str:
    words: dict[State, str] = {
        "found": f"found: {spot.found} of {spot.asked - spot.alone} photos",
        "doubtful": f"doubtful: {spot.found} of {spot.asked - spot.alone} photos found",
        "alone": "alone: nothing near to be found by",
        "unasked": "not asked",
    }
    return f"{spot.photo}, {words[spot.state]}"


def _mark(frame: Frame, mark: Mark) -> str:
    x, y = frame.at(np.array([mark.x_m, mark.y_m]))
    shape = f'<g class="mark">{SHAPES[mark.state]}<title>{html.escape(mark.title)}</title></g>'
    return f'<g transform="translate({x:.1f} {y:.1f})">{shape}</g>'


def _lines(frame: Frame, coverage: Coverage) -> Iterator[str]:
    ways = [("gap", gap.start, gap.end) for gap in coverage.gaps]
    ways += [("pair", pair.asked.position, pair.rival.position) for pair in coverage.look_alikes[: len(LETTERS)]]
    for kind, start, end in ways:
        (x1, y1), (x2, y2) = frame.place(start), frame.place(end)
        yield f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def _names(frame: Frame, coverage: Coverage) -> Iterator[str]:
    """A letter on the lines whose pictures are shown below."""
    for name, pair in zip(LETTERS, coverage.look_alikes, strict=False):
        (x1, y1), (x2, y2) = frame.place(pair.asked.position), frame.place(pair.rival.position)
        yield f'<text x="{(x1 + x2) / 2:.1f}" y="{(y1 + y2) / 2 + 5:.1f}" class="named">{name}</text>'


def _pin(frame: Frame, rank: int, each: Suggestion) -> str:
    x, y = frame.place(each.position)
    way = ""
    if each.heading_deg is not None:
        way = f'<path d="M0-3V-26M-6-19 0-27 6-19" class="way" transform="rotate({each.heading_deg:.0f})"/>'
    pin = f'{PIN}<text y="-16.5">{rank}</text><title>{rank}. {html.escape(each.reason)}</title>'
    return f'<g transform="translate({x:.1f} {y:.1f})">{way}<g class="pin">{pin}</g></g>'


def _scale_bar(frame: Frame) -> str:
    about_m = frame.wide / 4 / frame.scale
    step = 10.0 ** math.floor(math.log10(about_m))
    length_m = max(times * step for times in (1, 2, 5) if times * step <= about_m)
    right, y = EDGE / 2 + length_m * frame.scale, frame.high - 14
    words = f"{length_m:g} m" if length_m < 1000 else f"{length_m / 1000:g} km"
    return (
        f'<path d="M{EDGE / 2:.1f} {y - 6:.1f}v6H{right:.1f}v-6" class="scale"/>'
        f'<text x="{right + 8:.1f}" y="{y:.1f}" class="measure">{words}</text>'
        f'<path d="M{frame.wide - 24:.0f} 44V14m-7 9 7-10 7 10" class="scale"/>'
        f'<text x="{frame.wide - 36:.0f}" y="34" class="measure" text-anchor="end">N</text>'
    )
