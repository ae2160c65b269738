"""The plan of a coverage report: spots, look-alikes, gaps and numbered suggestions, north up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..basemap import Basemap
from ..basemap.drawing import Ground, draw
from ..geo import Plane
from ..reports.plan import Frame, ScaleBar
from .result import Coverage, Spot, State
from .spots import state_of

MOST_WIDE, LEAST_WIDE, MOST_HIGH, LEAST_HIGH, EDGE = 900.0, 420.0, 1000.0, 260.0, 46.0
LEAST_SPAN_M = 20.0
"""A single spot is drawn with some ground around it."""

MOST_MARKS = 3000
"""With more spots than this, one mark stands for all within a square: the page stays below a megabyte."""

LETTERS = "ABCDEFGHIJ"
"""Names of the look-alikes that are drawn and shown with pictures; more lines would hide the map."""

STATES: tuple[State, ...] = ("unasked", "alone", "doubtful", "found")
"""In the order in which they are drawn."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A spot, or all spots of one square, in units of the drawing."""

    x: float
    y: float
    state: State
    title: str


@dataclass(frozen=True, slots=True)
class Line:
    """A gap or a look-alike between two points; `name` is the letter of a look-alike, None for a gap."""

    start: tuple[float, float]
    end: tuple[float, float]
    name: str | None


@dataclass(frozen=True, slots=True)
class Pin:
    """A numbered suggestion."""

    x: float
    y: float
    rank: int
    heading_deg: float | None
    title: str


@dataclass(frozen=True, slots=True)
class PlanView:
    """Everything on the plan. `square_m` is the side of the squares that marks stand for, 0 if each is one spot."""

    width: float
    height: float
    marks: tuple[Mark, ...]
    lines: tuple[Line, ...]
    pins: tuple[Pin, ...]
    scale_bar: ScaleBar
    square_m: float
    ground: Ground | None = None


def plan_view(coverage: Coverage, basemap: Basemap | None = None) -> PlanView:
    """Work out the plan."""
    frame, spots_m = _frame(coverage.spots)
    marks, square_m = _marks(frame, spots_m, coverage.spots)
    ends = [(gap.start, gap.end, None) for gap in coverage.gaps]
    ends += [(p.asked.position, p.rival.position, n) for n, p in zip(LETTERS, coverage.look_alikes, strict=False)]  # type: ignore[misc]
    lines = []
    for start, end, name in ends:
        (x1, y1), (x2, y2) = frame.units([start, end]).tolist()
        lines.append(Line((x1, y1), (x2, y2), name))
    at = frame.units([each.position for each in coverage.suggestions]).tolist() if coverage.suggestions else []
    pins = [
        Pin(x, y, rank, each.heading_deg, f"{rank}. {each.reason}")
        for rank, (each, (x, y)) in enumerate(zip(coverage.suggestions, at, strict=True), start=1)
    ]
    return PlanView(
        width=frame.width,
        height=frame.height,
        marks=tuple(sorted(marks, key=lambda mark: STATES.index(mark.state))),
        lines=tuple(lines),
        pins=tuple(reversed(pins)),  # the first suggestion is drawn last, so that no other covers it
        scale_bar=frame.scale_bar(),
        square_m=square_m,
        ground=draw(basemap, frame),
    )


def _frame(spots: Sequence[Spot]) -> tuple[Frame, np.ndarray]:
    """The frame around all spots, and their (S, 2) metres on its plane."""
    lats, lons = [spot.position.lat for spot in spots], [spot.position.lon for spot in spots]
    first = Plane(spots[0].position)
    rough_m = first.to_xy_m(lats, lons)
    centre_m = (rough_m.min(axis=0) + rough_m.max(axis=0)) / 2
    plane = Plane(first.to_position(float(centre_m[0]), float(centre_m[1])))
    spots_m = plane.to_xy_m(lats, lons)
    low, high = spots_m.min(axis=0), spots_m.max(axis=0)
    span_m = np.maximum(high - low, LEAST_SPAN_M)
    per_metre = float(min((MOST_WIDE - 2 * EDGE) / span_m[0], (MOST_HIGH - 2 * EDGE) / span_m[1]))
    width = max(LEAST_WIDE, float(span_m[0]) * per_metre + 2 * EDGE)
    height = max(LEAST_HIGH, float(span_m[1]) * per_metre + 2 * EDGE)
    middle = (low + high) / 2
    return Frame(plane, (float(middle[0]), float(middle[1])), per_metre, width, height), spots_m


def _marks(frame: Frame, spots_m: np.ndarray, spots: Sequence[Spot]) -> tuple[list[Mark], float]:
    if len(spots) <= MOST_MARKS:
        at = frame.units_of_metres(spots_m).tolist()
        return [Mark(x, y, spot.state, _title(spot)) for spot, (x, y) in zip(spots, at, strict=True)], 0.0
    square_m = 8.0 / frame.per_metre
    while True:
        cells, cell_of = np.unique(np.floor(spots_m / square_m), axis=0, return_inverse=True)
        if len(cells) <= MOST_MARKS:
            break
        square_m *= 1.25
    members: list[list[Spot]] = [[] for _ in cells]
    for spot, cell in zip(spots, cell_of.reshape(-1), strict=True):
        members[cell].append(spot)
    at = frame.units_of_metres((cells + 0.5) * square_m).tolist()
    return [_joint_mark(group, x, y) for group, (x, y) in zip(members, at, strict=True)], square_m


def _joint_mark(group: Sequence[Spot], x: float, y: float) -> Mark:
    asked, alone, found = (sum(getattr(spot, name) for spot in group) for name in ("asked", "alone", "found"))
    nearest_m = 0.0 if any(spot.state != "alone" for spot in group) else math.inf
    title = f"{len(group)} spots, {found} of {asked - alone} photos found"
    return Mark(x, y, state_of(asked, alone, found, nearest_m), title)


def _title(spot: Spot) -> str:
    texts: dict[State, str] = {
        "found": f"found: {spot.found} of {spot.asked - spot.alone} photos",
        "doubtful": f"doubtful: {spot.found} of {spot.asked - spot.alone} photos found",
        "alone": "alone: no other photo is near enough to find it by",
        "unasked": "not in the sample",
    }
    return f"{spot.photo}, {texts[spot.state]}"
