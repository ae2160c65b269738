"""Routes of the page for people, and of its files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.responses import FileResponse, Response
from fastapi.staticfiles import StaticFiles

from ..errors import HttpError

WEB = Path(__file__).parents[2] / "web"
FOLDERS = ("page", "shared", "vendor", "docs")
TYPES = {".mjs": "text/javascript", ".js": "text/javascript", ".wasm": "application/wasm", ".json": "application/json"}

router = APIRouter()


@router.get("/", include_in_schema=False)
async def page() -> Response:
    """The page itself."""
    if not (WEB / "vendor" / "maplibre-gl.mjs").exists() or not (WEB / "page" / "index.html").exists():
        line = "This viewfix was installed without its page, because npm could not be reached. The routes at /v1/ work."
        raise HttpError(501, "no_page", line)
    return FileResponse(WEB / "page" / "index.html", headers={"Cache-Control": "no-cache"})


class _Files(StaticFiles):
    """Files of the page, with the types that browsers need, whatever the machine's own table says."""

    def file_response(self, full_path: Any, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(full_path, *args, **kwargs)
        if kind := TYPES.get(Path(str(full_path)).suffix):
            response.headers["content-type"] = kind
        response.headers["cache-control"] = "no-cache"  # a browser asks again, with the ETag
        return response


def mount_files(app: FastAPI) -> None:
    """Serve /page, /shared, /vendor and /docs, as far as they are installed."""
    for folder in FOLDERS:
        if (WEB / folder).is_dir():
            app.mount(f"/{folder}", _Files(directory=WEB / folder), name=folder)
