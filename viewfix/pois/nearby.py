"""Choose the points of interest near a fix to name, with their distance and direction."""

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
"""The distance at which a sight counts half as much as next to the viewer."""

SAME_NAME_M = 50.0
"""Points with the same name this close to each other are one sight: for example a node inside its building."""

SAME_ITEM_M = 1000.0
"""Points with the same Wikidata item this close are one sight. Farther apart, the item is a kind of thing."""

LEAST_SHARE = 0.1
"""A sight is not named if its score is less than this share of the best: no plaque beside a cathedral."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How far around a fix, beyond its radius, to look for sights, and the largest number to name."""

    within_m: float = 300.0
    limit: int = 5

    def __post_init__(self) -> None:
        if not (self.within_m >= 0 and math.isfinite(self.within_m)):
            raise BadInput(f"within_m must be a number of metres, 0 or more; got {self.within_m}.")
        if self.limit < 0:
            raise BadInput(f"The number of sights to name must be 0 or more; got {self.limit}.")


USUAL_REACH = Reach()


def score(notability: Floats, distances_m: Floats) -> Floats:
    """(N,) score of each sight: higher for a better known and for a nearer one."""
    return np.asarray(notability / (1.0 + distances_m / HALF_M), np.float64)


def choose(
    points: Sequence[PointOfInterest], place: Position, heading_deg: float | None, reach: Reach
) -> tuple[Nearby, ...]:
    """The sights to name at a place, the highest score first; no name and no sight twice.

    Args:
        points: the points to choose from, in any order.
        place: where the photo was taken; its radius widens the reach.
        heading_deg: the direction of the camera, clockwise from north; None if unknown.
        reach: how far to look, and how many to name.
    """
    if not points or not reach.limit:
        return ()
    away_m = distances_m(place.lat, place.lon, [p.position.lat for p in points], [p.position.lon for p in points])
    scores = score(np.array([p.notability for p in points], np.float64), away_m)
    chosen: list[PointOfInterest] = []
    for each in np.lexsort((away_m, -scores)):
        if away_m[each] > reach.within_m + (place.radius_m or 0.0):
            continue
        if len(chosen) == reach.limit or scores[each] < LEAST_SHARE * scores.max():
            break
        key = name_key(points[each].name)
        if not any(name_key(other.name) == key or is_same_sight(points[each], other) for other in chosen):
            chosen.append(points[each])
    return tuple(seen_from(place, heading_deg, point) for point in chosen)


def seen_from(place: Position, heading_deg: float | None, point: PointOfInterest) -> Nearby:
    """A point with its distance and direction from a place, and its side relative to the heading of the camera."""
    towards_deg = bearing_deg(place, point.position)
    side = None if heading_deg is None else side_of(towards_deg, heading_deg)
    return Nearby(point, distance_m(place, point.position), towards_deg, side)


def side_of(bearing_deg: float, heading_deg: float) -> str:
    """The side on which a bearing lies: within 45° of the heading is "ahead". Both are degrees, of any size."""
    turn_deg = wrap_heading_deg(bearing_deg - heading_deg + 45.0)
    return ("ahead", "right", "behind", "left")[int(turn_deg // 90.0)]


def name_key(name: str) -> str:
    """A key that is equal for names that differ only in case, spaces, or the encoding of accents."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def wikidata_of(point: PointOfInterest) -> str | None:
    """The Q number of the Wikidata item that a point links to."""
    return point.links["wikidata"].rpartition("/")[2] if "wikidata" in point.links else None


def is_same_sight(a: PointOfInterest, b: PointOfInterest) -> bool:
    """Whether two points are the same sight, mapped twice."""
    item = wikidata_of(a)
    if item is not None and item == wikidata_of(b):
        within_m = SAME_ITEM_M
    elif name_key(a.name) == name_key(b.name):
        within_m = SAME_NAME_M
    else:
        return False
    return distance_m(a.position, b.position) <= within_m  # last: a geodesic costs more than all the rest


def merged(a: PointOfInterest, b: PointOfInterest) -> PointOfInterest:
    """Merge two points of the same sight: the better known, or else the first, with the names and links of both."""
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
        outline=best.outline or other.outline,
    )
