"""Visual place recognition: build a map from geotagged photos, and find out where a new photo was taken."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .errors import (
    BadInput,
    MapBusy,
    MissingExtra,
    ModelMismatch,
    NotAMap,
    StorageFailed,
    UnknownModel,
    UnreadablePhoto,
    ViewfixError,
)
from .types import Camera, Candidate, Fix, Nearby, Photo, PointOfInterest, Position, Skipped, View

if TYPE_CHECKING:
    from .embed.ingest import Added
    from .explain.explanation import Explanation
    from .geo import Box, Circle, Region
    from .locate.confidence import Calibration
    from .locate.evidence import Evidence
    from .map import Map
    from .models.devices import set_device
    from .models.model import Model
    from .pois.nearby import Reach
    from .sources import SourceOptions
    from .sources.services.fetch import Fetched, fetch
    from .sources.services.open import open_service
    from .sources.services.options import ServiceOptions
    from .track.track import Track, TrackFix

__version__ = "0.1.0"

_LAZY = {  # these bring numpy, ONNX Runtime or FAISS: imported when they are first used
    "Added": "embed.ingest",
    "Box": "geo",
    "Calibration": "locate.confidence",
    "Circle": "geo",
    "Evidence": "locate.evidence",
    "Explanation": "explain.explanation",
    "Fetched": "sources.services.fetch",
    "Map": "map",
    "Model": "models.model",
    "Reach": "pois.nearby",
    "Region": "geo",
    "ServiceOptions": "sources.services.options",
    "SourceOptions": "sources",
    "fetch": "sources.services.fetch",
    "open_service": "sources.services.open",
    "set_device": "models.devices",
    "Track": "track.track",
    "TrackFix": "track.track",
}

__all__ = [
    "Added",
    "BadInput",
    "Box",
    "Calibration",
    "Camera",
    "Candidate",
    "Circle",
    "Evidence",
    "Explanation",
    "Fetched",
    "Fix",
    "Map",
    "MapBusy",
    "MissingExtra",
    "Model",
    "ModelMismatch",
    "Nearby",
    "NotAMap",
    "Photo",
    "PointOfInterest",
    "Position",
    "Reach",
    "Region",
    "ServiceOptions",
    "Skipped",
    "SourceOptions",
    "StorageFailed",
    "Track",
    "TrackFix",
    "UnknownModel",
    "UnreadablePhoto",
    "View",
    "ViewfixError",
    "__version__",
    "fetch",
    "open_service",
    "set_device",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
