"""Which maps there are, where their photos are, and small pictures of them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool

from ...locate import geometry
from ..clusters import Overview, box_of
from ..context import context_of
from ..replies import MapsReply, PhotosReply
from ..served import Served
from ..thumbnails import Px
from .documented import troubles

LAT = r"-?(90(\.0*)?|[0-8]?\d(\.\d*)?)"
LON = r"-?(180(\.0*)?|(1[0-7]\d|\d?\d)(\.\d*)?)"

Bounds = Annotated[str | None, Query(max_length=120, pattern=rf"^{LON},{LAT},{LON},{LAT}$",
                                     description="west,south,east,north; left out: all",
                                     examples=["0.11,52.2,0.13,52.21"])]  # fmt: skip

router = APIRouter(prefix="/v1", tags=["maps"])


@router.get("/maps", response_model=MapsReply, responses=troubles(422, 429))
async def maps(request: Request) -> Any:
    """The maps of this service."""
    context = context_of(request)

    def all_of() -> list[dict[str, Any]]:
        return [_about(served, context.settings.write) for served in context.maps.all()]

    keeps = context.settings.keep_queries is not None  # the page tells whoever sends a photo
    return JSONResponse({"maps": await run_in_threadpool(all_of), "keeps_queries": keeps})


def _about(served: Served, writable: bool) -> dict[str, Any]:
    city = served.city
    facts = city.info()
    area = facts["area"]
    return {
        "name": served.name,
        "photos": facts["photos"],
        "bounds": None if area is None else [area[side] for side in ("west", "south", "east", "north")],
        "model": facts["model"]["name"],
        "verify": ["off", "fast", "accurate"] if geometry.available() else ["off"],
        "calibrated": city.calibration.inside > 0,
        "points_of_interest": len(city.store.points),
        "writable": writable,
    }


@router.get("/maps/{name}/photos", response_model=PhotosReply, responses=troubles(400, 404, 422, 429))
async def photos_in_view(
    request: Request,
    name: Annotated[str, Path(max_length=200)],
    bounds: Bounds = None,
    cells: Annotated[int, Query(ge=1, le=64, description="clusters along each side of the view, at most")] = 24,
) -> Any:
    """Photos in view: each where they are few, else clusters. The cost is bounded, whatever the size of the map."""
    context = context_of(request)
    served = context.maps.get(name)
    overview = context.overviews.setdefault(name, Overview())
    box, thumbnails = box_of(bounds), context.settings.thumbnails
    view = await run_in_threadpool(lambda: overview.view(served.city.store, box, cells, name, thumbnails))
    return JSONResponse(view)


@router.get(
    "/photos/{photo_id:path}/thumbnail",
    response_class=Response,
    responses=troubles(404, 422, 429)
    | {200: {"content": {"image/jpeg": {}}, "description": "A small JPEG"}, 304: {"description": "Not modified"}},
)
async def thumbnail(
    request: Request,
    photo_id: Annotated[str, Path(max_length=2000)],
    name: Annotated[str | None, Query(alias="map", max_length=200)] = None,
    px: Annotated[Px, Query(description="of the longer side")] = Px.USUAL,
) -> Any:
    """A small picture of a photo, where its licence lets it be shown."""
    context = context_of(request)
    served = context.maps.get(name)

    def made() -> tuple[bytes, str]:
        return context.thumbnailer.of(served.photo(photo_id), px)

    content, tag = await run_in_threadpool(made)
    headers = {"ETag": tag, "Cache-Control": "private, max-age=3600"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type="image/jpeg", headers=headers)
