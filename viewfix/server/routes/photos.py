"""Photos come into a map and leave it, where the operator lets writers do so."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from ..adding import Writer
from ..context import context_of
from ..replies import AddedReply, RemovedReply
from ..trouble import HttpError, no_such
from ..uploads import Upload
from .documented import ADD_BODY, troubles

router = APIRouter(prefix="/v1", tags=["photos"])
MapName = Annotated[str | None, Query(alias="map", max_length=200, description="which map; may be left out of one")]


@router.post(
    "/photos",
    status_code=201,
    response_model=AddedReply,
    responses=troubles(400, 404, 408, 409, 413, 422, 423, 429, 507),
    openapi_extra=ADD_BODY,
)
async def add(request: Request, name: MapName = None) -> Any:
    """Add a photo to a map: a form with the file, and where EXIF does not say it, where it was taken."""
    context, writer = context_of(request), _writer(request)
    served = context.maps.get(name)

    async def use(upload: Upload) -> dict[str, Any]:
        return await run_in_threadpool(lambda: writer.add(served, upload.photos[0][1], upload.fields))

    return JSONResponse(await context.receiver.photos(request, use), 201)


@router.delete("/photos", response_model=RemovedReply, responses=troubles(404, 422, 423, 429, 507))
async def remove(
    request: Request, photo_id: Annotated[str, Query(alias="id", min_length=1, max_length=2000)], name: MapName = None
) -> Any:
    """Take a photo out of a map. Its file stays in the operator's folder."""
    context, writer = context_of(request), _writer(request)
    served = context.maps.get(name)
    removed = await run_in_threadpool(lambda: writer.remove(served, photo_id))
    if not removed:
        raise no_such("photo", f"The map {served.name} has no photo with the id {photo_id!r}.")
    return JSONResponse({"removed": removed})


def _writer(request: Request) -> Writer:
    writer: Writer | None = request.app.state.writer
    if writer is None:
        raise HttpError(403, "read_only", "This service is for reading: photos are not added or removed here.")
    return writer
