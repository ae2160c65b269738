"""The application: maps and settings become ASGI, for `viewfix serve` or as a part of another application."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import HTTPConnection

from .. import __version__
from ..photos import DecodeLimits, set_limits
from ..store.store import Place
from .context import Context
from .errors import error_body
from .logs import log, request_id
from .middleware import Middleware
from .parameters import out_of_range, refuse_unknown
from .registry import MapRegistry
from .routes import basemap, documentation, live, locate, maps, page, photos, route, stac, state, track
from .settings import Settings

ABOUT = """Take a photo, get the place: where a photo was taken, by the photos of a map.

Answers are GeoJSON. "Not in this map" is an answer (200, `found: false`), not an error. Every error has the form of
`ErrorReply`, with one line that says what happened and what to do."""

ROUTERS = [
    module.router for module in (locate, track, live, route, maps, photos, stac, state, basemap, page, documentation)
]


def create_app(places: Sequence[Place], settings: Settings | None = None, *, model: str | None = None) -> FastAPI:
    """Make an application that answers by these maps. The limits of decoding are those of the process.

    Args:
        places: files or URLs of maps. A map's name is that of its file without .map, or the last part of its URL.
        settings: how the service behaves; by default everybody who reaches it may ask, and photos cannot be added.
        model: the file of a custom model, where the maps need one.

    Raises:
        NotAMap, BadInput: a map cannot be opened, or two have one name.
    """
    settings = settings or Settings()
    set_limits(DecodeLimits(memory_bytes=settings.most_decoded_bytes, decode_s=settings.decode_s))
    opened = MapRegistry(places, model, statement_s=settings.statement_s)
    context = Context.of(opened, settings)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        opened.follow()
        about = {"maps": {served.name: served.photos for served in opened.all()}, "workers": settings.workers}
        log.info("ready", extra={"about": about})
        yield
        context.close()
        log.info("stopped")

    app = FastAPI(
        title="viewfix",
        version=__version__,
        description=ABOUT,
        lifespan=lifespan,
        docs_url=None,  # FastAPI's own page would load scripts from elsewhere: see routes/documentation.py
        redoc_url=None,
        openapi_url="/v1/openapi.json",
        dependencies=[Depends(_refuse_unknown)],
    )
    app.state.context = context
    for router in ROUTERS:
        app.include_router(router)
    page.mount_files(app)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    if settings.cors:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors),
            allow_methods=["GET", "HEAD", "POST"],
            allow_headers=["Authorization", "Content-Type", "X-API-Key", "X-Request-Id"],
            expose_headers=["X-Request-Id", "Retry-After", "Server-Timing"],
        )
    app.add_middleware(
        Middleware,
        settings=settings,
        metrics=context.metrics,
        access=context.access,
        is_draining=lambda: context.is_draining,
    )
    return app


async def _refuse_unknown(request: HTTPConnection) -> None:
    """Parameters that the document does not name, on the routes that it describes: those of HTTP."""
    if request.scope["type"] != "http":
        return
    path = getattr(request.scope.get("route"), "path", "")
    operation = request.app.openapi()["paths"].get(path.replace(":path}", "}"), {}).get(request.scope["method"].lower())
    if operation is not None and path.startswith("/v1/"):
        known = [each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"]
        refuse_unknown(request.query_params.multi_items(), known)


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    status, headers = error.status_code, dict(error.headers or {})
    known = {
        404: ("no_such_address", "There is nothing at this address. See /v1/openapi.json for the available routes."),
        405: ("no_such_method", "This address does not take this method. The header Allow names those it takes."),
    }
    code, message = known.get(status, ("refused", str(error.detail)))
    if status == 405:
        headers["Allow"] = ", ".join(methods_at(request.scope["path"].removeprefix(request.scope.get("root_path", ""))))
    return JSONResponse(error_body(status, code, message, request_id.get()), status, headers)


def methods_at(path: str) -> list[str]:
    """The methods of an address, of all its routes together."""
    routes = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    found = {method for route in routes if route.path_regex.match(path) for method in route.methods or ()}
    if not found or "GET" in found:  # files of the page have no route, and are only read
        found |= {"GET", "HEAD"}
    return sorted(found)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    refused = out_of_range(error.errors())
    body = error_body(refused.status, refused.code, str(refused), request_id.get())
    return JSONResponse(body, refused.status)
