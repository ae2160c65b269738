"""Where a route starts and ends: coordinates, a photo that is located, or a sight of the map."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

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


def route_between(  # noqa: PLR0913  the keywords of Map.route
    start: Endpoint,
    to: Endpoint,
    finder: Finder,
    router: Router,
    *,
    mode: Mode = "walk",
    heading_deg: float | None = None,
) -> Route:
    """The route between two endpoints. `heading_deg` replaces the heading that a photo at the start shows."""
    router.networks(mode)  # before a photo is located: the map may have no roads
    first = finder.end(start)
    last = finder.end(to, first.position)
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
