"""Maps and settings go in; an ASGI application comes out. No globals: make as many as you like."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from .. import __version__
from ..store.store import Place
from .adding import Writer
from .context import Context
from .guard import Guard, body_of
from .logs import log, request_id
from .metrics import Metrics
from .routes import asking, maps, page, photos, state
from .served import Maps
from .settings import Settings
from .thumbnails import Thumbnailer
from .uploads import Receiver
from .work import Workers

ABOUT = """Take a photo, get the place: where a photo was taken, by the photos of a map.

Answers are GeoJSON. "Not in this map" is an answer (200, `found: false`), not an error. Every error has the form of
`ErrorReply`, with one line that says what happened and what to do."""


def create_app(places: Sequence[Place], settings: Settings | None = None, *, model: str | None = None) -> FastAPI:
    """An application that answers by these maps.

    Args:
        places: files or URLs of maps; the name of each is that of its file, without .map, or the last of its URL.
        settings: how; the defaults let everybody on this machine ask, and nobody write.
        model: of the maps, where it is a file of somebody's own.

    Raises:
        NotAMap, BadInput: a map cannot be opened, or two have one name.
    """
    settings = settings or Settings()
    opened = Maps(places, model)
    workers = Workers(settings.workers, settings.waiting, settings.answer_s)
    receiver = Receiver(settings.most_bytes, settings.most_buffered_bytes, settings.upload_s)
    context = Context(
        opened, settings, workers, receiver, Metrics(opened, workers, receiver), Thumbnailer(settings.thumbnails)
    )
    writer = Writer(settings.photos_folder, settings.most_pixels) if settings.write and settings.photos_folder else None

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        about = {"maps": {served.name: len(served.city) for served in opened.all()}, "workers": settings.workers}
        log.info("ready", extra={"about": about})
        yield
        workers.close()
        if writer is not None:
            writer.close()
        opened.close()
        log.info("stopped")

    app = FastAPI(
        title="viewfix",
        version=__version__,
        description=ABOUT,
        lifespan=lifespan,
        docs_url=None,  # its page would load scripts from elsewhere
        redoc_url=None,
        openapi_url="/v1/openapi.json",
    )
    app.state.context, app.state.writer = context, writer
    for module in (asking, maps, photos, state, page):
        app.include_router(module.router)
    page.mount_files(app)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    if settings.cors:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "X-API-Key", "X-Request-Id"],
            expose_headers=["X-Request-Id", "Retry-After"],
        )
    app.add_middleware(Guard, settings=settings, metrics=context.metrics, is_draining=lambda: context.is_draining)
    return app


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    known = {404: "There is nothing at this address. What there is says v1/openapi.json.",
             405: "This address is not asked in this way. What there is says v1/openapi.json."}  # fmt: skip
    message = known.get(error.status_code, str(error.detail))
    code = {404: "no_such_address", 405: "no_such_method"}.get(error.status_code, "refused")
    headers = dict(error.headers or {})
    if error.status_code == 405:  # of all routes at this address: the router names those of the first
        routes = [route for route in request.app.routes if isinstance(route, APIRoute)]
        here = [route for route in routes if route.path_regex.match(request.scope["path"])]
        headers["Allow"] = ", ".join(sorted({method for route in here for method in route.methods or ()}))
    return JSONResponse(body_of(error.status_code, code, message, request_id.get()), error.status_code, headers)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"][1:]) or "the request"
    message = f"{name} cannot be used: {first['msg']}. What is taken says v1/openapi.json."
    return JSONResponse(body_of(422, "bad_parameter", " ".join(message.split()), request_id.get()), 422)
