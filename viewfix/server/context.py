"""What every route needs, in one place: the maps, the settings, the workers. Made once for an application."""

from __future__ import annotations

from dataclasses import dataclass, field

from starlette.requests import Request

from .clusters import Overview
from .metrics import Metrics
from .served import Maps
from .settings import Settings
from .thumbnails import Thumbnailer
from .uploads import Receiver
from .work import Workers


@dataclass(slots=True)
class Context:
    """Of one application; routes get it from their request, nothing is global."""

    maps: Maps
    settings: Settings
    workers: Workers
    receiver: Receiver
    metrics: Metrics
    thumbnailer: Thumbnailer
    overviews: dict[str, Overview] = field(default_factory=dict)
    is_draining: bool = False


def context_of(request: Request) -> Context:
    context: Context = request.app.state.context
    return context
