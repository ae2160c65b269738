"""Routes for load balancers and monitoring: alive, ready, and numbers."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from ..context import context_of
from ..schemas import StateReply
from .openapi import problems

router = APIRouter(tags=["state"])


@router.get("/healthz", response_model=StateReply)
async def healthz() -> Any:
    """200 as long as the process answers; nothing is asked for it."""
    return JSONResponse({"status": "alive"})


@router.get(
    "/readyz",
    response_model=StateReply,
    responses={503: {"model": StateReply, "description": "Stopping, or a map cannot be asked"}},
)
async def readyz(request: Request) -> Any:
    """200 when every map has just answered a query; 503 otherwise, and from the moment the service is told to stop."""
    context = context_of(request)
    if context.is_draining:
        return JSONResponse({"status": "stopping"}, 503)
    missing = await context.health.unavailable()
    if missing:
        return JSONResponse({"status": f"not ready: {', '.join(missing)}"}, 503)
    return JSONResponse({"status": "ready"})


@router.get("/metrics", response_class=Response, responses=problems(429) | {200: {"content": {"text/plain": {}}}})
async def metrics(request: Request) -> Any:
    """For Prometheus. The number of photos is that of the last query to a map: a scrape waits for no database."""
    context = context_of(request)
    context.health.start()
    return Response(context.metrics.text(), media_type="text/plain; version=0.0.4")
