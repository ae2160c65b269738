"""The route of a moving camera: a frame and the state so far become a fix and the next state."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from ..context import context_of
from ..multipart import Form
from ..parameters import TrackParameters, with_fields
from ..replies import JsonReply
from ..schemas import TrackReply
from ..signed import unsigned
from ..tracking import Tracked, track_reply
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

        def work() -> tuple[dict[str, Any], Tracked]:
            return track_reply(
                frame, saved, asked, served, most_pixels=context.settings.most_pixels, key=context.settings.state_key
            )

        reply, found = await context.locators.run(work)
        context.metrics.located(served.name, found.fix.found, found.fix.timings)
        return reply

    return JsonReply(await context.receiver.photos(request, use, most=2))
