"""Routes that answer photos: one, many, or the points that one shares with a photo of the map."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from ...types import Fix
from ..context import Context, context_of
from ..errors import error_body, public_form
from ..logs import log, request_id
from ..matches import matched
from ..multipart import Form
from ..parameters import BatchParameters, InliersParameters, LocateParameters, with_fields
from ..registry import ServedMap
from ..replies import JsonReply, fix_feature, server_timing, to_geopose
from ..schemas import BatchReply, FixReply, GeoPoseReply, InliersReply
from ..uploaded import checked, located
from .openapi import batch_body, photo_body, problems

router = APIRouter(prefix="/v1", tags=["locate"])


@router.post(
    "/locate",
    response_model=None,
    responses=problems(400, 404, 408, 409, 413, 415, 422, 429, 503)
    | {200: {"model": FixReply | GeoPoseReply, "description": "The answer, also when the photo is not in this map"}},
    openapi_extra=photo_body(LocateParameters),
)
async def locate(request: Request, parameters: Annotated[LocateParameters, Query()]) -> Any:
    """Say where a photo was taken. The body is the photo (JPEG, PNG, WebP, HEIC, AVIF, TIFF), or a form with it."""
    context = context_of(request)

    async def use(form: Form) -> JsonReply:
        asked = with_fields(parameters, request, form.fields)
        served = context.maps.get(asked.map_name)
        asked = _as_set(asked, context)
        fix, took_ms = await _answer(context, served, asked, form.photos[0][1])
        if asked.form == "geopose" or "geopose" in request.headers.get("accept", ""):
            return JsonReply(to_geopose(fix))
        feature = fix_feature(fix, asked, served.name, context.settings.thumbnails, took_ms)
        return JsonReply(feature, headers={"Server-Timing": server_timing(fix)})

    return await context.receiver.photos(request, use)


@router.post(
    "/locate/batch",
    response_model=BatchReply,
    responses=problems(400, 404, 408, 413, 415, 422, 429, 503),
    openapi_extra=batch_body(BatchParameters),
)
async def locate_batch(request: Request, parameters: Annotated[BatchParameters, Query()]) -> Any:
    """Say where each of many photos was taken: a form with a file for each. A bad photo does not affect the others."""
    context = context_of(request)

    async def use(form: Form) -> dict[str, Any]:
        given = with_fields(parameters, request, form.fields)
        served = context.maps.get(given.map_name)
        asked = _as_set(LocateParameters.model_validate(given.model_dump()), context)

        async def one(data: bytes) -> dict[str, Any]:
            try:
                fix, took_ms = await _answer(context, served, asked, data)
            except Exception as error:  # one photo must not cost the others
                status, code, message, _ = public_form(error, request_id.get())
                if status >= 500:
                    log.error("%s: %s", code, error)
                return error_body(status, code, message, request_id.get())
            return fix_feature(fix, asked, served.name, context.settings.thumbnails, took_ms)

        answers: list[Any] = []
        step = context.settings.workers  # not all at once, so that other clients have their turn
        for start in range(0, len(form.photos), step):
            answers += await asyncio.gather(*(one(data) for _, data in form.photos[start : start + step]))
        return {"type": "FeatureCollection", "features": answers}

    return JsonReply(await context.receiver.photos(request, use, most=context.settings.most_photos))


@router.post(
    "/inliers",
    response_model=InliersReply,
    responses=problems(400, 404, 408, 413, 415, 422, 429, 501, 503),
    openapi_extra=photo_body(),
)
async def inliers(request: Request, parameters: Annotated[InliersParameters, Query()]) -> Any:
    """The points of the uploaded photo and of one photo of the map that agree in geometry: what a match rests on."""
    context = context_of(request)

    async def use(form: Form) -> dict[str, Any]:
        asked = with_fields(parameters, request, form.fields)
        served = context.maps.get(asked.map_name)

        def work() -> dict[str, Any]:
            photo = served.photo(asked.photo)
            context.thumbnailer.check_shown(photo)
            return matched(served, photo, checked(form.photos[0][1], context.settings.most_pixels), asked.panorama)

        return await context.locators.run(work)

    return JsonReply(await context.receiver.photos(request, use))


def _as_set(asked: LocateParameters, context: Context) -> LocateParameters:
    """With the operator's settings where the request says nothing."""
    settings = context.settings
    return asked.model_copy(
        update={"verify": asked.verify or settings.verify, "budget_ms": asked.budget_ms or settings.budget_ms}
    )


async def _answer(context: Context, served: ServedMap, asked: LocateParameters, data: bytes) -> tuple[Fix, float]:
    def work() -> tuple[Fix, float]:
        answer = located(data, asked, served, context.settings.most_pixels)
        if context.kept_queries is not None:
            context.kept_queries.keep(data)
        return answer

    fix, took_ms = await context.locators.run(work)
    context.metrics.located(served.name, fix.found, fix.timings)
    return fix, took_ms
