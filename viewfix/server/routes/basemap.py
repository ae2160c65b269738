"""Routes of base maps: the operator's own, and those that are stored with the maps."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import FileResponse, JSONResponse, Response

from ...basemap import Basemap
from ...errors import BadInput
from ..context import Context, context_of
from ..errors import not_found
from ..logs import log
from ..registry import ServedMap
from ..schemas import BasemapReply
from .openapi import problems

TYPE = "application/vnd.pmtiles"

router = APIRouter()


@router.get("/v1/basemap", response_model=BasemapReply, responses=problems(400, 429), tags=["maps"])
async def basemap(request: Request) -> Any:
    """The base map of the page, as the operator set it; null where each map has its own, or a plain background."""
    return JSONResponse({"style": context_of(request).settings.basemap})


@router.get("/basemap.pmtiles", include_in_schema=False)
async def pmtiles(request: Request) -> Response:
    """The operator's file of tiles, in parts: Range is supported."""
    file = context_of(request).settings.basemap_file
    if file is None:
        raise not_found("basemap", "This service has no file of tiles.")
    return FileResponse(file, media_type=TYPE, headers={"Cache-Control": "public, max-age=86400"})


@router.get(
    "/v1/maps/{name}/basemap.pmtiles",
    response_class=Response,
    responses=problems(400, 404, 412, 422, 429, 503, 507)
    | {
        200: {"content": {TYPE: {}}, "description": "The whole file"},
        206: {"content": {TYPE: {}}, "description": "The part that Range asks for"},
        304: {"description": "Not modified"},
        416: {"description": "Range is not satisfiable"},
    },
    tags=["maps"],
)
async def of_map(
    request: Request,
    name: Annotated[str, Path(max_length=200)],
    v: Annotated[str | None, Query(max_length=200, description="its version, so that it can be cached")] = None,
) -> Any:
    """The base map that is stored with a map, a PMTiles file, in parts: Range is supported."""
    context = context_of(request)
    served = context.maps.get(name)
    found = await context.readers.run(lambda: usable(context, served))
    if found is None:
        raise not_found("basemap", f"The map {name} has no base map.")
    cached = "private, max-age=31536000, immutable" if v == found.version else "private, no-cache"
    headers = {"Cache-Control": cached, "ETag": f'"{found.version}"'}
    return FileResponse(found.path, media_type=TYPE, headers=headers)


def style_of(context: Context, served: ServedMap) -> dict[str, Any] | None:
    """The base map of a map, as the page expects it; None without one, or where the operator set one for all."""
    if context.settings.basemap is not None or (found := usable(context, served)) is None:
        return None
    url = f"v1/maps/{quote(served.name, safe='')}/basemap.pmtiles?v={quote(found.version, safe='')}"
    return {"kind": "pmtiles", "url": url, "attribution": found.attribution_html}


def usable(context: Context, served: ServedMap) -> Basemap | None:
    """The base map of a map, checked once for each version; None without one, or if it is damaged."""
    with served.use() as city:
        version = city.store.basemap_file.version()
        known = context.basemaps.get(served.name)
        if known is None or known[0] != version:
            try:
                known = version, city.basemap
            except BadInput as error:
                log.warning("the base map of %s is not shown: %s", served.name, error)
                known = version, None
            context.basemaps[served.name] = known
    found = known[1]
    return found if found is None or found.path.is_file() else None
