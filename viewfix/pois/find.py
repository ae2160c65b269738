"""Find a point of interest by its name, in any of its languages."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable

from ..errors import NoRoute
from ..geo import distance_m
from ..types import PointOfInterest, Position
from .nearby import name_key

MOST_NAMED = 5
LIKE = 0.6
LONGEST = 300


def find(points: Iterable[PointOfInterest], name: str, near: Position | None = None) -> PointOfInterest:
    """The point with a name, whatever the case and the accents; of several the one nearest to a position.

    If no name is equal, a name that contains the text counts, if it is the only one.

    Raises:
        NoRoute: no point has that name, or several contain it. The message lists some.
    """
    key = plain_key(name)
    if not key or len(name) > LONGEST:
        raise NoRoute(f"{name[:40]!r} is not the name of a sight. Pass a name, or LAT,LON in degrees.")
    same: list[PointOfInterest] = []
    part: list[PointOfInterest] = []
    others: dict[str, str] = {}
    for point in points:
        keys = {plain_key(each) for each in (point.name, *point.names.values())}
        if key in keys:
            same.append(point)
        elif any(key in each for each in keys):
            part.append(point)
        elif not same and not part:
            others.update((each, point.name) for each in keys)
    if same or len({plain_key(point.name) for point in part}) == 1:
        return _best(same or part, near)
    if part:
        listed = sorted({point.name for point in part}, key=lambda each: (len(each), each))
        more = f" and {len(listed) - MOST_NAMED} more" if len(listed) > MOST_NAMED else ""
        raise NoRoute(f"Several sights are called {name!r}: {_listed(listed)}{more}. Use one of these names.")
    close = difflib.get_close_matches(key, others, MOST_NAMED, LIKE)
    hint = (
        f"Did you mean {_listed(list(dict.fromkeys(others[each] for each in close)))}?"
        if close
        else (
            "Run viewfix pois list to see the sights of the map, or pass LAT,LON."
            if others
            else "The map has no points of interest. Add some with: viewfix pois add MAP FILE.osm.pbf"
        )
    )
    raise NoRoute(f"There is no sight called {name!r} in this map. {hint}")


def plain_key(name: str) -> str:
    """A key that is equal for names that differ only in case, spaces and accents."""
    letters = unicodedata.normalize("NFKD", name_key(name))
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def _best(points: list[PointOfInterest], near: Position | None) -> PointOfInterest:
    if near is None:
        return max(points, key=lambda point: point.notability)
    return min(points, key=lambda point: distance_m(near, point.position))


def _listed(names: list[str]) -> str:
    return ", ".join(repr(name) for name in names[:MOST_NAMED])
