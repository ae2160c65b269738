"""Endpoints for the way to a sight, and for the sights ahead."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from ...map import Map
from ...pois.find import find
from ...roads.route import Route
from ...types import Fix, PointOfInterest, Position
from ..context import Context, context_of
from ..errors import HttpError, not_found
from ..multipart import Form
from ..parameters import LocateParameters, RouteFromParameters, RouteParameters, UpcomingParameters, with_fields
from ..registry import ServedMap
from ..replies import JsonReply
from ..schemas import RouteReply, UpcomingReply
from ..tracking import sight_reply
from ..uploaded import located
from .openapi import photo_body, problems

router = APIRouter(prefix="/v1", tags=["route"])

GPX = "application/gpx+xml"
REPLY: dict[int | str, dict[str, Any]] = {
    200: {"model": RouteReply, "content": {GPX: {}}, "description": "The way, as GeoJSON or GPX"}
}


@router.get("/route", response_model=None, responses=problems(400, 404, 422, 429, 503, 507) | REPLY)
async def route(request: Request, asked: Annotated[RouteFromParameters, Query()]) -> Any:
    """The way between two places, or to a sight, along the roads of the map."""
    context = context_of(request)
    served = context.maps.get(asked.map_name)
    lat, lon = (float(part) for part in asked.start.split(","))

    def way(city: Map) -> Route:
        return _route(city, asked, Position(lat, lon))

    return await context.readers.run(lambda: _answer(served, asked, way))


@router.post(
    "/route",
    response_model=None,
    responses=problems(400, 404, 408, 413, 415, 422, 429, 503, 507) | REPLY,
    openapi_extra=photo_body(RouteParameters),
)
async def route_from_photo(request: Request, parameters: Annotated[RouteParameters, Query()]) -> Any:
    """The way from where a photo was taken. The first step is relative to where it looks."""
    context = context_of(request)

    async def use(form: Form) -> Response:
        asked = with_fields(parameters, request, form.fields)
        served = context.maps.get(asked.map_name)

        def work() -> Response:
            fix = _located(context, served, form.photos[0][1], asked)
            return _answer(served, asked, lambda city: _route(city, asked, fix))

        return await context.locators.run(work)

    reply: Response = await context.receiver.photos(request, use)
    return reply


@router.get("/upcoming", response_model=UpcomingReply, responses=problems(400, 404, 422, 429, 503, 507))
async def upcoming(request: Request, asked: Annotated[UpcomingParameters, Query()]) -> Any:
    """The sights that a moving camera will pass: in how many seconds, on which side, how far away."""
    context = context_of(request)
    served = context.maps.get(asked.map_name)

    def work() -> dict[str, Any]:
        with served.use() as city:
            coming = city.upcoming(asked.belief(), asked.ahead())
        return {"map": served.name, "sights": [sight_reply(each, asked.language) for each in coming]}

    return JsonReply(await context.readers.run(work))


def _route(city: Map, asked: RouteParameters, start: Position | Fix) -> Route:
    if not city.store.roads.sources():
        raise not_found("roads", "This map has no roads, so no way can be found on it. Its operator can add them.")
    if asked.to is None:  # which may come as a field of the form, so it is not required of the address
        raise HttpError(422, "bad_parameter", "to: the destination is missing. Pass a sight, or latitude,longitude.")
    first, end = _start(start), _position(asked.to)
    # Only sights are looked up by name: the text of a client must never be taken for the path of a file.
    sight = find(city.points.all(), asked.to, first) if end is None else None
    seen = start.heading_deg if isinstance(start, Fix) else None
    return city.router.route(
        first,
        end or _place(sight),
        mode=asked.mode,
        heading_deg=seen if asked.heading_deg is None else asked.heading_deg,
        destination=None if sight is None else sight.named(asked.language),
    )


def _place(sight: PointOfInterest | None) -> Position:
    assert sight is not None, "find raises where there is none"
    return sight.position


def _start(start: Position | Fix) -> Position:
    place = start.position if isinstance(start, Fix) else start
    assert place is not None, "a photo that is not in the map was refused"
    return place


def _position(text: str) -> Position | None:
    """The position that a text names; None if it is not one."""
    parts = text.split(",")
    try:
        lat, lon = (float(part) for part in parts)
    except ValueError:
        return None
    if not (abs(lat) <= 90 and abs(lon) <= 180):
        raise HttpError(422, "bad_parameter", f"to: {text[:60]!r} is not latitude,longitude in degrees.")
    return Position(lat, lon)


def _located(context: Context, served: ServedMap, data: bytes, asked: RouteParameters) -> Fix:
    settings = context.settings
    question = LocateParameters.model_validate({"verify": settings.verify, "budget_ms": settings.budget_ms})
    fix, _ = located(data, question, served, settings.most_pixels)
    if context.kept_queries is not None:
        context.kept_queries.keep(data)
    context.metrics.located(served.name, fix.found, fix.timings)
    if not fix.found:
        raise HttpError(404, "not_in_map", f"The photo is not in this map ({fix.reason}), so no route starts there.")
    return fix


def _answer(served: ServedMap, asked: RouteParameters, way: Callable[[Map], Route]) -> Response:
    began = time.perf_counter()
    with served.use() as city:
        found = way(city)
    if asked.form == "gpx":
        return Response(found.to_gpx(), media_type=GPX)
    feature = found.to_geojson()
    took_ms = round(1000 * (time.perf_counter() - began), 1)
    feature["properties"] |= {"map": served.name, "took_ms": took_ms}
    return JsonReply(feature)
