"""A fix and the points of interest around it go in; those worth naming come out, with how far and on which side."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import BadInput
from ..geo import bearing_deg, distance_m, distances_m, wrap_heading_deg
from ..types import Nearby, PointOfInterest, Position

Floats = npt.NDArray[np.float64]

HALF_M = 100.0
"""At this distance a sight counts half of what it does at the feet."""

SAME_NAME_M = 50.0
"""Two points of one name so near to each other are one sight: a node in the middle of its own building."""

SAME_THING_M = 1000.0
"""Two points of one Wikidata item so near are one sight, in parts; farther away somebody meant a kind of thing."""

FAINT = 0.1
"""What is worth less than this share of the best is not named: nobody asks for the plaque beside the cathedral."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How far around a fix sights are looked for, beyond its radius, and how many are named."""

    within_m: float = 300.0
    most: int = 5

    def __post_init__(self) -> None:
        if not (self.within_m >= 0 and math.isfinite(self.within_m)):
            raise BadInput(f"Sights within {self.within_m} m makes no sense. Give metres, 0 or more.")
        if self.most < 0:
            raise BadInput(f"{self.most} sights cannot be named. Give 0 or more.")


USUAL_REACH = Reach()


def worth(notability: Floats, distances_m: Floats) -> Floats:
    """(N,) how much each sight is worth naming: the better known and the nearer the more."""
    return np.asarray(notability / (1.0 + distances_m / HALF_M), np.float64)


def choose(
    points: Sequence[PointOfInterest], at: Position, heading_deg: float | None, reach: Reach
) -> tuple[Nearby, ...]:
    """The sights to name at a place, the most worth naming first; no name and no sight twice.

    Args:
        points: in any order.
        at: where the photo was taken; its radius widens the reach.
        heading_deg: where it looks, clockwise from north; None when that is not known.
        reach: how far, and how many.
    """
    if not points or not reach.most:
        return ()
    away_m = distances_m(at.lat, at.lon, [p.position.lat for p in points], [p.position.lon for p in points])
    value = worth(np.array([p.notability for p in points], np.float64), away_m)
    chosen: list[PointOfInterest] = []
    for each in np.lexsort((away_m, -value)):
        if away_m[each] > reach.within_m + (at.radius_m or 0.0):
            continue
        if len(chosen) == reach.most or value[each] < FAINT * value.max():
            break
        key = name_key(points[each].name)
        if not any(name_key(other.name) == key or same(points[each], other) for other in chosen):
            chosen.append(points[each])
    return tuple(seen_from(at, heading_deg, point) for point in chosen)


def seen_from(at: Position, heading_deg: float | None, point: PointOfInterest) -> Nearby:
    """How far a point is from a place, in which direction, and on which side of where the photo looks."""
    towards_deg = bearing_deg(at, point.position)
    side = None if heading_deg is None else side_of(towards_deg, heading_deg)
    return Nearby(point, distance_m(at, point.position), towards_deg, side)


def side_of(bearing_deg: float, heading_deg: float) -> str:
    """The quarter in which a bearing lies: within 45° of the heading is "ahead"; both in degrees, of any size."""
    turn_deg = wrap_heading_deg(bearing_deg - heading_deg + 45.0)
    return ("ahead", "right", "behind", "left")[int(turn_deg // 90.0)]


def name_key(name: str) -> str:
    """Equal for names that differ in case, accents' encoding or spaces only."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def wikidata_of(point: PointOfInterest) -> str | None:
    """The Q number it links to."""
    return point.links["wikidata"].rpartition("/")[2] if "wikidata" in point.links else None


def same(a: PointOfInterest, b: PointOfInterest) -> bool:
    """Whether two points are one sight, mapped twice."""
    item = wikidata_of(a)
    if item is not None and item == wikidata_of(b):
        within_m = SAME_THING_M
    elif name_key(a.name) == name_key(b.name):
        within_m = SAME_NAME_M
    else:
        return False
    return distance_m(a.position, b.position) <= within_m  # last: a geodesic costs more than all the rest


def merged(a: PointOfInterest, b: PointOfInterest) -> PointOfInterest:
    """One of two that are the same: the better known, the first of equals, with the names and links of both."""
    best, other = (b, a) if b.notability > a.notability else (a, b)
    return PointOfInterest(
        best.id,
        best.name,
        best.kind,
        best.position,
        names={**other.names, **best.names},
        links={**other.links, **best.links},
        notability=best.notability,
        attribution=best.attribution,
        licence=best.licence,
    )
