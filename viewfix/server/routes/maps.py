"""Routes about the maps: which there are, where their photos were taken, and small pictures of them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from ...locate import geometry
from ..context import Context, context_of
from ..overview import Overview, box_of
from ..parameters import LAT, LON
from ..registry import ServedMap
from ..replies import JsonReply
from ..schemas import MapsReply, PhotosReply
from ..thumbnails import Px
from .basemap import style_of
from .openapi import problems

Bounds = Annotated[str | None, Query(max_length=120, pattern=rf"^{LON},{LAT},{LON},{LAT}$",
                                     description="west,south,east,north; if left out, the whole map",
                                     examples=["0.11,52.2,0.13,52.21"])]  # fmt: skip

router = APIRouter(prefix="/v1", tags=["maps"])


@router.get("/maps", response_model=MapsReply, responses=problems(400, 422, 429, 503, 507))
async def maps(request: Request) -> Any:
    """The maps of this service."""
    context = context_of(request)

    def work() -> list[dict[str, Any]]:
        return [_about(served, context) for served in context.maps.all()]

    keeps = context.settings.keep_queries is not None  # the page says so before a photo is sent
    return JsonReply({"maps": await context.readers.run(work), "keeps_queries": keeps})


def _about(served: ServedMap, context: Context) -> dict[str, Any]:
    with served.use() as city:
        facts = city.info()
        area = facts["area"]
        return {
            "name": served.name,
            "photos": facts["photos"],
            "bounds": None if area is None else [area[side] for side in ("west", "south", "east", "north")],
            "model": facts["model"]["name"],
            "verify": ["off", "fast", "accurate"] if geometry.available() else ["off"],
            "calibrated": city.calibration.inside > 0,
            "expectation": facts["expectation"],
            "points_of_interest": len(city.store.points),
            "basemap": style_of(context, served),
            "writable": context.settings.write,
        }


@router.get("/maps/{name}/photos", response_model=PhotosReply, responses=problems(400, 404, 422, 429, 503, 507))
async def photos_in_view(
    request: Request,
    name: Annotated[str, Path(max_length=200)],
    bounds: Bounds = None,
    cells: Annotated[int, Query(ge=1, le=64, description="clusters along each side of the view, at most")] = 24,
) -> Any:
    """Photos in view: each of them where they are few, else clusters. The cost is bounded, whatever the map's size."""
    context = context_of(request)
    served = context.maps.get(name)
    overview = context.overviews.setdefault(name, Overview())
    box, thumbnails = box_of(bounds), context.settings.thumbnails

    def work() -> dict[str, Any]:
        with served.use() as city:
            return overview.view(city.store, box, cells, name, thumbnails)

    return JsonReply(await context.readers.run(work))


@router.get(
    "/photos/{photo_id:path}/thumbnail",
    response_class=Response,
    responses=problems(400, 404, 412, 422, 429, 503, 507)
    | {200: {"content": {"image/jpeg": {}}, "description": "A small JPEG"}, 304: {"description": "Not modified"}},
)
async def thumbnail(
    request: Request,
    photo_id: Annotated[str, Path(max_length=2000)],
    name: Annotated[str | None, Query(alias="map", max_length=200)] = None,
    px: Annotated[Px, Query(description="pixels of the longer side")] = Px.USUAL,
) -> Any:
    """A small picture of a photo, where its licence allows that it is shown."""
    context = context_of(request)
    served = context.maps.get(name)
    content, tag = await context.readers.run(lambda: context.thumbnailer.of(served.photo(photo_id), px))
    return Response(content, media_type="image/jpeg", headers={"ETag": tag, "Cache-Control": "private, max-age=3600"})
