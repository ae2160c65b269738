"""Routes of STAC, for viewers of street-level pictures: landing page, collections, items, search."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from pydantic import ValidationError

from ..context import Context, context_of
from ..errors import not_found
from ..overview import Overview
from ..parameters import out_of_range
from ..registry import ServedMap
from ..replies import JsonReply
from ..stac.catalogue import CONFORMS_TO, bounds, collection, landing
from ..stac.ids import photo_id
from ..stac.items import GEOJSON, Site, to_item
from ..stac.search import MOST_ITEMS, Filter, Page, SearchBody, around, page_of
from ..stac.style import MVT, map_style
from ..stac.tiles import TileAddress, TileContent
from .openapi import problems

router = APIRouter(prefix="/v1/stac", tags=["stac"])

Name = Annotated[str, Path(max_length=200, description="name of a map")]
Text = Annotated[str | None, Query(max_length=200_000)]
Limit = Annotated[int, Query(ge=1, le=10_000, description=f"items in one page; {MOST_ITEMS} at most are returned")]
Token = Annotated[str | None, Query(pattern=r"^\d{1,18}$", description="from the link to the next page")]
Number = Annotated[int, Path(ge=0, lt=2**31)]
ERRORS = problems(400, 404, 422, 429, 503, 507)
FEATURES: dict[int | str, dict[str, Any]] = {200: {"description": "GeoJSON", "content": {GEOJSON: {}}}}


TILE: dict[int | str, dict[str, Any]] = {200: {"description": "A vector tile", "content": {MVT: {}}}}


class GeoJsonReply(JsonReply):
    """GeoJSON in UTF-8."""

    media_type = GEOJSON


def _site(request: Request) -> Site:
    return Site(str(request.base_url), context_of(request).settings.thumbnails)


@router.get("", responses=ERRORS, response_model=None)
async def stac(request: Request) -> Any:
    """The landing page, where a viewer begins."""
    context, site = context_of(request), _site(request)

    def work() -> list[list[float]]:
        found = []
        for served in context.maps.all():
            with served.use() as city:
                found.append(bounds(city))
        return found

    return JsonReply(landing(site, await context.readers.run(work)))


@router.get("/conformance", responses=problems(), response_model=None)
async def conformance() -> Any:
    """What of STAC is spoken here."""
    return JsonReply({"conformsTo": CONFORMS_TO})


@router.get("/collections", responses=ERRORS, response_model=None)
async def collections(request: Request) -> Any:
    """The maps, each a collection of photos."""
    context, site = context_of(request), _site(request)

    def work() -> list[dict[str, Any]]:
        return [_collection(served, site) for served in context.maps.all()]

    links = [
        {"rel": "self", "href": f"{site.root}/collections", "type": "application/json"},
        {"rel": "root", "href": site.root, "type": "application/json"},
    ]
    return JsonReply({"collections": await context.readers.run(work), "links": links})


@router.get("/collections/{name}", responses=ERRORS, response_model=None)
async def one_collection(request: Request, name: Name) -> Any:
    """One map as a collection."""
    context, site = context_of(request), _site(request)
    served = context.maps.get(name)
    return JsonReply(await context.readers.run(lambda: _collection(served, site)))


@router.get("/collections/{name}/items", responses=ERRORS | FEATURES, response_model=None)
async def items(
    request: Request, name: Name, limit: Limit = 10, bbox: Text = None, datetime: Text = None, token: Token = None
) -> Any:
    """The photos of one map, page by page."""
    given = {"limit": limit, "bbox": _numbers(bbox), "datetime": datetime, "token": token, "collections": [name]}
    context_of(request).maps.get(name)  # 404 where there is none
    return await _found(request, _body(given))


@router.get("/collections/{name}/items/{item}", responses=ERRORS | FEATURES, response_model=None)
async def one_item(request: Request, name: Name, item: Annotated[str, Path(max_length=3000)]) -> Any:
    """One photo, with links to those around it."""
    context, site = context_of(request), _site(request)
    served = context.maps.get(name)

    def work() -> dict[str, Any]:
        photo = served.photo(photo_id(item))
        with served.use() as city:
            return to_item(photo, served.name, city.store.created_at, site, around(city.store, photo))

    return GeoJsonReply(await context.readers.run(work))


@router.get("/style.json", responses=problems(), response_model=None)
async def style(request: Request) -> Any:
    """How the vector tiles are drawn, for MapLibre."""
    return JsonReply(map_style(_site(request)))


@router.get("/tiles/{z}/{x}/{y}.mvt", responses=ERRORS | TILE, response_class=Response)
async def tile(request: Request, z: Number, x: Number, y: Number) -> Any:
    """The photos of all maps in a tile: a grid of counts, lines along streets, and from zoom 15 on each photo."""
    context, address = context_of(request), TileAddress.of(z, x, y)

    def work() -> bytes:
        content = TileContent(address)
        for served in context.maps.all():
            with served.use() as city:
                content.add(city.store, served.name, context.overviews.setdefault(served.name, Overview()))
        return content.to_bytes()

    found = await context.readers.run(work)
    return Response(found, media_type=MVT, headers={"Cache-Control": "private, max-age=60"})


@router.get("/search", responses=ERRORS | FEATURES, response_model=None)
async def search(  # noqa: PLR0913  the parameters of STAC
    request: Request,
    bbox: Text = None,
    intersects: Text = None,
    datetime: Text = None,
    ids: Text = None,
    collections: Text = None,
    limit: Limit = 10,
    token: Token = None,
) -> Any:
    """Photos in an area, of a time, or by id; lists are texts with commas."""
    given = {"bbox": _numbers(bbox), "datetime": datetime, "limit": limit, "token": token,
             "ids": ids.split(",") if ids else None,
             "collections": collections.split(",") if collections else None}  # fmt: skip
    return await _found(request, _body(given), intersects)


@router.post("/search", responses=ERRORS | FEATURES, response_model=None)
async def search_by_body(request: Request, body: SearchBody) -> Any:
    """The same search, with the parameters in a JSON body."""
    return await _found(request, body)


def _numbers(bbox: str | None) -> list[str] | None:
    return None if bbox is None else bbox.split(",")


def _body(given: dict[str, Any]) -> SearchBody:
    try:
        return SearchBody.model_validate(given)
    except ValidationError as error:
        raise out_of_range(error.errors()) from None


async def _found(request: Request, body: SearchBody, intersects: str | None = None) -> GeoJsonReply:
    context, site = context_of(request), _site(request)
    wanted, limit = Filter.of(body, intersects), min(body.limit, MOST_ITEMS)
    maps = _maps(context, body.collections)

    def work() -> tuple[list[dict[str, Any]], str | None]:
        # A token counts the maps that are done, and the row within the next: 3 digits and the rest.
        done, after = divmod(int(body.token or "0"), 10**15)
        found: list[dict[str, Any]] = []
        for number in range(done, len(maps)):
            served = maps[number]
            with served.use() as city:
                page: Page = page_of(city.store, wanted, limit - len(found), after)
                linked = wanted.ids is not None
                found += [
                    to_item(p, served.name, city.store.created_at, site, around(city.store, p) if linked else None)
                    for p in page.photos
                ]
            after = 0
            if page.after is not None:
                return found, str(number * 10**15 + page.after)
            if len(found) == limit:
                return found, str((number + 1) * 10**15) if number + 1 < len(maps) else None
        return found, None

    features, token = await context.readers.run(work)
    links = [
        {"rel": "self", "href": str(request.url), "type": GEOJSON},
        {"rel": "root", "href": site.root, "type": "application/json"},
    ]
    if token is not None:
        links.append(_next(request, body, token))
    return GeoJsonReply(
        {"type": "FeatureCollection", "features": features, "links": links, "numberReturned": len(features)}
    )


def _next(request: Request, body: SearchBody, token: str) -> dict[str, Any]:
    if request.method == "POST":
        sent = body.model_dump(exclude_none=True) | {"token": token}
        return {"rel": "next", "href": str(request.url), "type": GEOJSON, "method": "POST", "body": sent}
    return {"rel": "next", "href": str(request.url.include_query_params(token=token)), "type": GEOJSON, "method": "GET"}


def _maps(context: Context, names: list[str] | None) -> list[ServedMap]:
    every = context.maps.all()
    if not names:
        return every
    chosen = [served for served in every if served.name in names]
    if not chosen:
        known = ", ".join(served.name for served in every)
        raise not_found("map", f"There is no map called {names[0][:80]!r}. There are: {known}.")
    return chosen


def _collection(served: ServedMap, site: Site) -> dict[str, Any]:
    with served.use() as city:
        return collection(city, served.name, site)
