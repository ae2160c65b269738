"""The page, its files, and the base map under it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import FileResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles

from ..context import context_of
from ..replies import BasemapReply
from ..trouble import HttpError, no_such
from .documented import troubles

WEB = Path(__file__).parents[2] / "web"
FOLDERS = ("page", "shared", "vendor")
TYPES = {".mjs": "text/javascript", ".js": "text/javascript", ".wasm": "application/wasm", ".json": "application/json"}

router = APIRouter()


@router.get("/", include_in_schema=False)
async def page() -> Response:
    """The page itself."""
    if not (WEB / "vendor" / "maplibre-gl.mjs").exists() or not (WEB / "page" / "index.html").exists():
        line = "This viewfix was installed without its page: npm could not be asked. The service at v1/ works."
        raise HttpError(501, "no_page", line)
    return FileResponse(WEB / "page" / "index.html", headers={"Cache-Control": "no-cache"})


@router.get("/v1/basemap", response_model=BasemapReply, responses=troubles(429), tags=["maps"])
async def basemap(request: Request) -> Any:
    """What the operator set as the base map of the page; null for a plain ground."""
    return JSONResponse({"style": context_of(request).settings.basemap})


@router.get("/basemap.pmtiles", include_in_schema=False)
async def pmtiles(request: Request) -> Response:
    """The operator's file of tiles, part by part: Range is answered."""
    file = context_of(request).settings.basemap_file
    if file is None:
        raise no_such("basemap", "The operator has set no file as the base map.")
    return FileResponse(file, media_type="application/vnd.pmtiles", headers={"Cache-Control": "public, max-age=86400"})


class _Files(StaticFiles):
    """Files of the page, with the types that a browser wants whatever the machine's own table says."""

    def file_response(self, full_path: Any, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(full_path, *args, **kwargs)
        if kind := TYPES.get(Path(str(full_path)).suffix):
            response.headers["content-type"] = kind
        response.headers["cache-control"] = "no-cache"  # asked for again, answered by its ETag
        return response


def mount_files(app: FastAPI) -> None:
    """/page, /shared and /vendor, as far as they are there."""
    for folder in FOLDERS:
        if (WEB / folder).is_dir():
            app.mount(f"/{folder}", _Files(directory=WEB / folder), name=folder)
