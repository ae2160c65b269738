"""Where a route starts and ends: coordinates, a photo that is located, or a sight of the map."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypedDict, Unpack

from ..errors import BadInput
from ..photos import Readable
from ..pois.find import find
from ..types import Fix, PointOfInterest, Position
from .route import Route
from .router import Router
from .speeds import Mode

_NUMBER = r"\s*([-+]?\d{1,3}(?:\.\d*)?)\s*"
_LAT_LON = re.compile(f"{_NUMBER},{_NUMBER}")
Endpoint: TypeAlias = "Readable | Position | Fix | tuple[float, float]"
"""A photo, a position, a fix, (lat, lon); or a text: "LAT,LON", the path of a photo, or the name of a sight."""


@dataclass(frozen=True, slots=True)
class End:
    """One end of a route. `name` is None for plain coordinates."""

    position: Position
    heading_deg: float | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Finder:
    """What turns endpoints into positions: how to locate a photo, and the sights of the map."""

    locate: Callable[[Any], Fix]
    sights: Callable[[], Iterable[PointOfInterest]]
    language: str | None = None

    def end(self, given: Endpoint, near: Position | None = None) -> End:
        """The position of an endpoint. Of sights with the same name the one nearest to `near`.

        Raises:
            BadInput: it is not a position, no sight has that name, or the photo is not in the map.
            UnreadablePhoto: it is a file, but not a picture.
        """
        if isinstance(given, Position):
            return End(given)
        if isinstance(given, Fix):
            return _of_fix(given, "The fix")
        if isinstance(given, tuple):
            if len(given) != 2:
                raise BadInput(f"{str(given)[:80]} is not a position. Pass (lat, lon) in degrees.")
            return End(Position(float(given[0]), float(given[1])))
        if isinstance(given, str):
            found = _LAT_LON.fullmatch(given)
            if found:
                return End(Position(float(found[1]), float(found[2])))
            if not _is_file(given):
                sight = find(self.sights(), given, near)
                return End(sight.position, None, sight.named(self.language))
        name = Path(given).name if isinstance(given, str | os.PathLike) else "The photo"
        return _of_fix(self.locate(given), name)


class RouteOptions(TypedDict, total=False):
    """The keywords of `Map.route`."""

    mode: Mode
    heading_deg: float | None
    language: str | None


def route_between(
    start: Endpoint,
    to: Endpoint,
    locate: Callable[[Any], Fix],
    sights: Callable[[], Iterable[PointOfInterest]],
    router: Router,
    **options: Unpack[RouteOptions],
) -> Route:
    """The route between two endpoints.

    Args:
        start: a photo, a `Position`, a `Fix`, (lat, lon), the text "LAT,LON", or the name of a sight.
        to: the same.
        locate: what says where a photo was taken.
        sights: the points of interest of the map.
        router: the roads of the map.
        options: `mode` is "walk", "cycle" or "drive". `heading_deg` is where the camera looks at the start; None for
            what the photo shows. `language` is that of the name of the destination; None for the local name.

    Raises:
        NoRoute: there is no such sight, no road near an end, or no way between them.
        BadInput: the map has no roads, or a photo is not in the map.
    """
    mode = options.get("mode", "walk")
    router.networks(mode)  # before a photo is located: the map may have no roads
    finder = Finder(locate, sights, options.get("language"))
    first = finder.end(start)
    last = finder.end(to, first.position)
    heading_deg = options.get("heading_deg")
    heading = first.heading_deg if heading_deg is None else heading_deg
    return router.route(first.position, last.position, mode=mode, heading_deg=heading, destination=last.name)


def _of_fix(fix: Fix, name: str) -> End:
    if fix.position is None:
        raise BadInput(f"{name} is not in this map ({fix.reason}), so no route starts or ends there. Pass LAT,LON.")
    return End(fix.position, fix.heading_deg, name if name not in ("The fix", "The photo") else None)


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):
        return False
