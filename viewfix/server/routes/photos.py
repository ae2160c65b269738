"""Routes that add photos to a map and remove them, where the operator allows it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from ..context import Context, context_of
from ..errors import HttpError
from ..multipart import Form
from ..parameters import MapParameters
from ..replies import JsonReply
from ..schemas import AddedReply, RemovedReply
from ..writer import PhotoWriter
from .openapi import add_body, problems

router = APIRouter(prefix="/v1", tags=["photos"])


@router.post(
    "/photos",
    status_code=201,
    response_model=AddedReply,
    responses=problems(400, 404, 408, 409, 413, 415, 422, 423, 429, 503, 507),
    openapi_extra=add_body(),
)
async def add(request: Request, parameters: Annotated[MapParameters, Query()]) -> Any:
    """Add a photo to a map: a form with the file and, where its EXIF has no position, lat and lon.

    A photo under an id that the map has replaces that one.
    """
    context = context_of(request)
    writer = _writer(context)

    async def use(form: Form) -> dict[str, Any]:
        named = form.fields.get("map")
        if named is not None and parameters.map_name not in (None, named):
            raise HttpError(400, "bad_parameter", "map differs between the address and the form. Send it once.")
        served = context.maps.get(parameters.map_name or named)
        return await context.locators.run(lambda: writer.add(served, form.photos[0][1], form.fields))

    return JsonReply(await context.receiver.photos(request, use), 201)


@router.delete("/photos", response_model=RemovedReply, responses=problems(400, 404, 409, 422, 423, 429, 503, 507))
async def remove(
    request: Request,
    photo_id: Annotated[str, Query(alias="id", min_length=1, max_length=2000)],
    name: Annotated[str | None, Query(alias="map", max_length=200)] = None,
) -> Any:
    """Remove one photo from a map. Its file stays in the operator's folder."""
    context = context_of(request)
    writer, served = _writer(context), context.maps.get(name)
    return JsonReply({"removed": await context.readers.run(lambda: writer.remove(served, photo_id))})


def _writer(context: Context) -> PhotoWriter:
    if context.writer is None:
        raise HttpError(403, "read_only", "This service is read-only: photos cannot be added or removed here.")
    return context.writer
