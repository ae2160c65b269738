"""The route of a moving camera: a frame and the state so far become a fix and the next state."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from ...errors import UnreadablePhoto
from ...map import Map
from ...track.state import BadTrack
from ...track.track import Track, TrackFix
from ..context import context_of
from ..errors import HttpError, unreadable
from ..multipart import Form
from ..parameters import TrackParameters, with_fields
from ..replies import JsonReply
from ..schemas import TrackReply
from ..signed import signed, unsigned
from ..uploaded import checked
from .openapi import problems, track_body

router = APIRouter(prefix="/v1", tags=["track"])

STATE = "state"


@router.post(
    "/track",
    response_model=TrackReply,
    responses=problems(400, 404, 408, 409, 413, 415, 422, 429, 503, 507),
    openapi_extra=track_body(TrackParameters),
)
async def track(request: Request, parameters: Annotated[TrackParameters, Query()]) -> Any:
    """Follow a moving camera. The body is a frame, or a form with it and the `state` of the last answer, as a file.

    The service keeps nothing: send the `state` of each answer with the next frame. It is signed, so that it cannot be
    changed, and any worker can continue from it.
    """
    context = context_of(request)
    key = context.settings.state_key

    async def use(form: Form) -> dict[str, Any]:
        asked = with_fields(parameters, request, form.fields)
        served = context.maps.get(asked.map_name)
        saved = next((unsigned(data, key) for name, data in form.photos if name == STATE), None)
        frame = next((data for name, data in form.photos if name != STATE), b"")

        def work() -> dict[str, Any]:
            began = time.perf_counter()
            photo = checked(frame, context.settings.most_pixels)

            def follow(city: Map) -> tuple[TrackFix, Track]:
                going = city.track(mode=asked.mode, state=saved)
                at = asked.at_s if asked.at_s is not None else None
                return going.add(photo, at=at, gps=asked.gps(), compass_deg=asked.compass_deg, steps=asked.steps), going

            try:
                fix, going = served.ask(follow)
            except UnreadablePhoto as error:
                raise unreadable(error) from None
            except BadTrack as error:
                raise HttpError(400, "bad_track", str(error)) from None
            state = signed(going.save(), key)
            return _reply(fix, going, served.name, state, 1000 * (time.perf_counter() - began))

        return await context.locators.run(work)

    return JsonReply(await context.receiver.photos(request, use, most=2))


def _reply(fix: TrackFix, going: Track, map_name: str, state: str, took_ms: float) -> dict[str, Any]:
    at = fix.position
    return {
        "type": "Feature",
        "geometry": None if at is None else {"type": "Point", "coordinates": [at.lon, at.lat]},
        "properties": {
            "found": fix.found,
            "confidence": fix.confidence,
            "p_off": fix.p_off,
            "radius_m": None if at is None else at.radius_m,
            "heading_deg": fix.heading_deg,
            "direction_deg": fix.direction_deg,
            "speed_mps": fix.speed_mps,
            "time_s": fix.time_s,
            "mode": going.mode.name,
            "reason": fix.reason,
            "map": map_name,
            "took_ms": round(took_ms, 1),
        },
        "state": state,
    }
