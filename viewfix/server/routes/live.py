"""The WebSocket of a moving camera."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import ValidationError
from starlette.websockets import WebSocket

from ..context import context_of
from ..live import SUBPROTOCOL, LiveTrack
from ..parameters import LiveParameters, out_of_range, refuse_unknown

router = APIRouter(prefix="/v1")


@router.websocket("/track/live")
async def live(socket: WebSocket) -> None:
    """Follow a moving camera: each binary message is a frame, each answer has the form of `TrackReply`.

    An error before the connection is open is an answer over HTTP, as for requests.
    """
    context = context_of(socket)
    given = socket.query_params.multi_items()
    refuse_unknown(given, [info.alias or name for name, info in LiveParameters.model_fields.items()])
    try:
        asked = LiveParameters.model_validate(dict(given))
    except ValidationError as error:
        raise out_of_range(error.errors()) from None
    served = context.maps.get(asked.map_name)
    await socket.accept(SUBPROTOCOL if SUBPROTOCOL in socket.scope.get("subprotocols", ()) else None)
    await LiveTrack(socket, context, served, asked).run()
