"""The HTML report of the demo: a plan of the town, and every query beside its best match, in one file."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..files import write_whole
from ..reports.formatting import place, probability
from ..reports.pictures import Picture, thumbnail
from ..reports.plan import ahead
from ..reports.render import render
from ..types import Fix, Position
from .town import Town, Viewpoint

TICK_M = 2.2

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class DemoQuery:
    """One query of the demo: where it was really taken (`truth`, None for another town), and the answer."""

    view: Viewpoint
    file: Path
    truth: Position | None
    fix: Fix
    error_m: float | None

    @property
    def right(self) -> bool:
        """Whether it was found within its own radius or, for a photo of another town, rejected."""
        at = self.fix.position
        if self.truth is None or at is None:
            return self.truth is None and at is None
        return self.error_m is not None and at.radius_m is not None and self.error_m <= at.radius_m


@dataclass(frozen=True, slots=True)
class Card:
    """One query, ready for the page."""

    query: DemoQuery
    verdict: str
    probability: str
    picture: Picture | None
    best: Picture | None


@dataclass(frozen=True, slots=True)
class Mark:
    """A query on the plan, in metres east and south of the town's centre, and where it was found."""

    number: int
    right: bool
    at: Point
    found_at: Point | None
    radius_m: float


def write_report(target: Path, town: Town, surveyed: Sequence[Viewpoint], queries: Sequence[DemoQuery]) -> None:
    """Write the page. Pictures are embedded, so it can be mailed as it is."""
    inside = [each for each in queries if each.truth is not None]
    outside = [each for each in queries if each.truth is None]
    errors_m = [each.error_m for each in inside if each.error_m is not None]
    figures = [
        (f"{len(surveyed)}", "photos in the map"),
        (f"{sum(each.right for each in inside)} of {len(inside)}", "found within their radius"),
        (f"{statistics.median(errors_m):.1f} m" if errors_m else "none", "median error of those found"),
        (f"{sum(each.right for each in outside)} of {len(outside)}", "photos of another town rejected"),
    ]
    page = render(
        "demo/page.html",
        figures=figures,
        half_m=town.plan.half_m,
        lots=[lot.footprint for lot in town.plan.lots],
        ticks=[((v.east_m, -v.north_m), ahead(v.east_m, -v.north_m, v.heading_deg, TICK_M)) for v in surveyed],
        marks=[_mark(town, number, each) for number, each in enumerate(queries, start=1) if each.truth is not None],
        cards=[_card(each) for each in queries],
    )
    write_whole(target, page)


def _mark(town: Town, number: int, query: DemoQuery) -> Mark:
    at = (query.view.east_m, -query.view.north_m)
    if query.fix.position is None:
        return Mark(number, query.right, at, None, 0.0)
    east_m, north_m = town.metres(query.fix.position)
    return Mark(number, query.right, at, (east_m, -north_m), query.fix.position.radius_m or 0.0)


def _card(query: DemoQuery) -> Card:
    fix = query.fix
    if fix.position is None:
        verdict = "not in this map" + ("" if query.truth is None else f", but it was taken at {place(query.truth)}")
    elif query.error_m is None:
        verdict = f"found at {place(fix.position)}, but it was taken in another town"
    else:
        verdict = f"found {query.error_m:.1f} m from the true position, radius {fix.position.radius_m or 0:.0f} m"
    best = thumbnail(fix.candidates[0].photo.source) if fix.candidates else None
    return Card(query, verdict, probability(fix.confidence), thumbnail(str(query.file)), best)
