"""A photo is uploaded; where it was taken comes out, for one, for many, or with the points that agree."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from ...errors import ViewfixError
from ...locate.options import Verify
from ...types import Fix
from ..answers import Asked, Form, keep_query, located, near_of, to_feature, to_geopose
from ..context import Context, context_of
from ..guard import body_of
from ..logs import request_id
from ..matching import matched
from ..replies import BatchReply, FixReply, GeoPoseReply, InliersReply
from ..served import Served
from ..trouble import HttpError
from ..uploads import Upload
from .documented import BATCH_BODY, PHOTO_BODY, troubles
from .maps import LAT, LON

router = APIRouter(prefix="/v1", tags=["asking"])

MapName = Annotated[str | None, Query(alias="map", max_length=200, description="which map; may be left out of one")]
Near = Annotated[str | None, Query(max_length=80, pattern=rf"^{LAT}, ?{LON}$", examples=["52.2053,0.1163"],
                                   description="latitude,longitude: only within `radius_m` of it")]  # fmt: skip
Radius = Annotated[float, Query(gt=0, le=20_000_000, description="metres around `near`")]
K = Annotated[int, Query(ge=1, le=50, description="how many candidates to show")]
How = Annotated[Verify | None, Query(description="how candidates are verified; default: the operator's choice")]
Language = Annotated[str | None, Query(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,3}$", max_length=20,
                                       description="of the names of sights, such as uk or de")]  # fmt: skip
Budget = Annotated[
    float | None, Query(gt=0, le=60_000, description="no verification is begun that would end later, ms")
]
FormOf = Annotated[Form, Query(alias="format", description="geojson, or geopose for AR clients")]


def _asked(context: Context, k: int, near: str | None, radius_m: float, rest: dict[str, Any]) -> Asked:
    settings = context.settings
    return Asked(
        k=k,
        near=near_of(near),
        radius_m=radius_m,
        verify=rest["verify"] or settings.verify,
        language=rest["language"],
        budget_ms=rest["budget_ms"] or settings.budget_ms,
    )


@router.post(
    "/locate",
    response_model=None,
    responses=troubles(400, 404, 408, 409, 413, 422, 429, 503)
    | {200: {"model": FixReply | GeoPoseReply, "description": "The answer: also that the photo is not in this map"}},
    openapi_extra=PHOTO_BODY,
)
async def locate(  # noqa: PLR0913  the parameters of one question
    request: Request,
    name: MapName = None,
    near: Near = None,
    radius_m: Radius = 500.0,
    k: K = 5,
    verify: How = None,
    language: Language = None,
    budget_ms: Budget = None,
    form: FormOf = "geojson",
) -> Any:
    """Say where a photo was taken. The body is the photo (JPEG, PNG, WebP, HEIC, AVIF, TIFF), or a form with it."""
    context = context_of(request)
    served = context.maps.get(name)
    rest = {"verify": verify, "language": language, "budget_ms": budget_ms}
    asked = _asked(context, k, near, radius_m, rest)

    async def use(upload: Upload) -> dict[str, Any]:
        fix, took_ms = await _answer(context, served, asked, upload.photos[0][1])
        if form == "geopose" or "geopose" in request.headers.get("accept", ""):
            return to_geopose(fix)
        return to_feature(fix, asked, served, context.settings.thumbnails, took_ms)

    return JSONResponse(await context.receiver.photos(request, use))


@router.post(
    "/locate/batch",
    response_model=BatchReply,
    responses=troubles(400, 404, 408, 413, 422, 429, 503),
    openapi_extra=BATCH_BODY,
)
async def locate_batch(  # noqa: PLR0913  the parameters of one question
    request: Request,
    name: MapName = None,
    near: Near = None,
    radius_m: Radius = 500.0,
    k: K = 5,
    verify: How = None,
    language: Language = None,
) -> Any:
    """Say of many photos where each was taken: a form with a file for each. One bad photo costs only itself."""
    context = context_of(request)
    served = context.maps.get(name)
    rest = {"verify": verify, "language": language, "budget_ms": None}
    asked = _asked(context, k, near, radius_m, rest)

    async def one(data: bytes) -> dict[str, Any]:
        try:
            fix, took_ms = await _answer(context, served, asked, data)
        except (ViewfixError, HttpError) as error:
            status = error.status if isinstance(error, HttpError) else error.http_status
            code = error.code if isinstance(error, HttpError) else "unreadable_photo"
            return body_of(status, code, str(error), request_id.get())
        return to_feature(fix, asked, served, context.settings.thumbnails, took_ms)

    async def use(upload: Upload) -> dict[str, Any]:
        answers: list[Any] = []
        step = context.settings.workers  # not all at once: others ask too
        for start in range(0, len(upload.photos), step):
            answers += await asyncio.gather(*(one(data) for _, data in upload.photos[start : start + step]))
        return {"type": "FeatureCollection", "features": answers}

    return JSONResponse(await context.receiver.photos(request, use, most=context.settings.most_photos))


@router.post(
    "/inliers",
    response_model=InliersReply,
    responses=troubles(400, 404, 408, 413, 422, 429, 501, 503),
    openapi_extra=PHOTO_BODY,
)
async def inliers(
    request: Request,
    photo: Annotated[str, Query(max_length=2000, description="id of a candidate")],
    name: MapName = None,
) -> Any:
    """The points of the uploaded photo and of one photo of the map that agree in geometry: what a match rests on."""
    context = context_of(request)
    served = context.maps.get(name)
    there = served.photo(photo)
    context.thumbnailer.allow(there)

    async def use(upload: Upload) -> dict[str, Any]:
        data = upload.photos[0][1]
        return await context.workers.run(lambda: matched(served, there, data, context.settings.most_pixels))

    return JSONResponse(await context.receiver.photos(request, use))


async def _answer(context: Context, served: Served, asked: Asked, data: bytes) -> tuple[Fix, float]:
    settings = context.settings
    fix, took_ms = await context.workers.run(lambda: located(data, asked, served, settings.most_pixels))
    context.metrics.located(served.name, fix.found)
    if settings.keep_queries is not None:
        keep_query(data, settings.keep_queries)
    return fix, took_ms
