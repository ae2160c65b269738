"""viewfix: take a photo, get the place. A folder of geotagged photos becomes a map, a photo becomes a fix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import ViewfixError
from .types import Camera, Candidate, Fix, Nearby, Photo, PointOfInterest, Position, Skipped, View

if TYPE_CHECKING:
    from .map import Map

__version__ = "0.1.0"
__all__ = [
    "Camera",
    "Candidate",
    "Fix",
    "Map",
    "Nearby",
    "Photo",
    "PointOfInterest",
    "Position",
    "Skipped",
    "View",
    "ViewfixError",
    "__version__",
]


def __getattr__(name: str) -> Any:
    if name == "Map":  # brings ONNX Runtime and FAISS: only for those who use it
        from .map import Map

        return Map
    raise AttributeError(f"module 'viewfix' has no attribute {name!r}")
