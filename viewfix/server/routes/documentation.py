"""The page at /docs, which shows the OpenAPI document by Swagger UI, from this server alone."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import FileResponse, Response

from ..errors import HttpError
from .page import WEB

router = APIRouter()


@router.get("/docs", include_in_schema=False)
async def documentation() -> Response:
    """The routes of this service, to read and to try."""
    if not (WEB / "vendor" / "swagger-ui-bundle.js").exists():
        line = "This viewfix was installed without its pages. See /v1/openapi.json for the available routes."
        raise HttpError(501, "no_page", line)
    return FileResponse(WEB / "docs" / "index.html", headers={"Cache-Control": "no-cache"})
