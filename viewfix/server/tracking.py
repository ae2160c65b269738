"""One frame of a moving camera: the state so far and the frame become an answer and the next state."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import UnreadablePhoto
from ..geojson import to_nearby
from ..map import Map
from ..pois import Reach, with_nearby
from ..pois.upcoming import Upcoming
from ..track.state import BadTrack
from ..track.track import TrackFix
from .errors import HttpError, unreadable
from .parameters import TrackParameters
from .registry import ServedMap
from .signed import signed
from .uploaded import checked


@dataclass(frozen=True, slots=True)
class Tracked:
    """The fix of a frame, the state after it, and the sights that were asked for; None for those that were not."""

    fix: TrackFix
    state: bytes
    mode: str
    upcoming: Sequence[Upcoming] | None
    nearby: list[dict[str, Any]] | None


def tracked(frame: bytes, state: bytes | None, asked: TrackParameters, served: ServedMap, most_pixels: int) -> Tracked:
    """Take a frame into account.

    Raises:
        HttpError: 422 where the frame is not a picture, 400 where it or the state does not fit the track.
    """
    photo = checked(frame, most_pixels)

    def follow(city: Map) -> Tracked:
        going = city.track(mode=asked.mode, state=state)
        fix = going.add(photo, at=asked.at_s, gps=asked.gps(), compass_deg=asked.compass_deg, steps=asked.steps)
        coming = None if asked.upcoming_s is None else going.upcoming(asked.upcoming_s) if fix.found else ()
        near = None
        if asked.nearby_m is not None:
            found = with_nearby(city.store, fix, Reach(asked.nearby_m)).nearby
            near = [to_nearby(each, asked.language) for each in found]
        return Tracked(fix, going.save(), going.mode.name, coming, near)

    try:
        return served.ask(follow)
    except UnreadablePhoto as error:
        raise unreadable(error) from None
    except BadTrack as error:
        raise HttpError(400, "bad_track", str(error)) from None


def track_reply(
    frame: bytes, state: bytes | None, asked: TrackParameters, served: ServedMap, *, most_pixels: int, key: bytes
) -> tuple[dict[str, Any], Tracked]:
    """The answer to a frame, with the signed state, and what it was made from. Raises as `tracked`."""
    began = time.perf_counter()
    found = tracked(frame, state, asked, served, most_pixels)
    fix, at = found.fix, found.fix.position
    properties: dict[str, Any] = {
        "found": fix.found,
        "confidence": fix.confidence,
        "p_off": fix.p_off,
        "radius_m": None if at is None else at.radius_m,
        "heading_deg": fix.heading_deg,
        "direction_deg": fix.direction_deg,
        "speed_mps": fix.speed_mps,
        "time_s": fix.time_s,
        "mode": found.mode,
        "reason": fix.reason,
        "map": served.name,
        "took_ms": round(1000 * (time.perf_counter() - began), 1),
    }
    if found.upcoming is not None:
        properties["upcoming"] = [sight_reply(each, asked.language) for each in found.upcoming]
    if found.nearby is not None:
        properties["nearby"] = found.nearby
    geometry = None if at is None else {"type": "Point", "coordinates": [at.lon, at.lat]}
    reply = {"type": "Feature", "geometry": geometry, "properties": properties, "state": signed(found.state, key)}
    return reply, found


def sight_reply(coming: Upcoming, language: str | None) -> dict[str, Any]:
    """A sight ahead, as JSON."""
    point = coming.point
    name, link = coming.named(language)
    return {
        "id": point.id,
        "name": name,
        "kind": point.kind,
        "position": {"lat": point.position.lat, "lon": point.position.lon},
        "in_s": round(coming.in_s, 1),
        "side": coming.side,
        "distance_m": round(coming.distance_m, 1),
        "probability": round(coming.probability, 4),
        "link": link,
        "attribution": point.credit,
    }
