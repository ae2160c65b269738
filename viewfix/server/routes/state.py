"""How the service is: alive, ready, and in numbers."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from ..context import context_of
from ..replies import StateReply
from .documented import troubles

router = APIRouter(tags=["state"])


@router.get("/healthz", response_model=StateReply)
async def healthz() -> Any:
    """200 as long as the process answers."""
    return JSONResponse({"status": "alive"})


@router.get("/readyz", response_model=StateReply, responses={503: {"model": StateReply, "description": "Stopping"}})
async def readyz(request: Request) -> Any:
    """200 when photos are answered; 503 from the moment the service is told to stop."""
    if context_of(request).is_draining:
        return JSONResponse({"status": "stopping"}, 503)
    return JSONResponse({"status": "ready"})


@router.get("/metrics", response_class=Response, responses=troubles(429) | {200: {"content": {"text/plain": {}}}})
async def metrics(request: Request) -> Any:
    """For Prometheus."""
    return Response(context_of(request).metrics.text(), media_type="text/plain; version=0.0.4")
