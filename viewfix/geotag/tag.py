"""What is written about one photo: position, direction, radius, probability and the names of the place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import BadInput
from ..types import Position

MOST_NAME = 200
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]+")


@dataclass(frozen=True, slots=True)
class Tag:
    """What to write about one photo.

    `heading_deg`, [0, 360), is the direction of the camera. `confidence` is the probability, [0, 1], that the photo
    was taken within the radius of the position. `by` tells what it rests on, such as "photo" or "photo, neighbours".
    `place` is the name of a sight, `road` that of a road. None is unknown.
    """

    position: Position
    heading_deg: float | None = None
    confidence: float | None = None
    by: str | None = "photo"
    place: str | None = None
    road: str | None = None

    def __post_init__(self) -> None:
        # Names come from maps of volunteers: a line end would be another argument for exiftool.
        for name in ("by", "place", "road"):
            object.__setattr__(self, name, line_of_text(getattr(self, name)))

    def to_json(self) -> dict[str, Any]:
        """Convert to plain values."""
        at = self.position
        return {
            "lat": at.lat,
            "lon": at.lon,
            "radius_m": at.radius_m,
            "heading_deg": self.heading_deg,
            "confidence": self.confidence,
            "by": self.by,
            "place": self.place,
            "road": self.road,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Tag:
        """Read what `to_json` made; missing names are unknown.

        Raises:
            BadInput: a value has the wrong type or is out of range.
        """
        lat, lon = _number(stored, "lat"), _number(stored, "lon")
        if lat is None or lon is None:
            raise BadInput("a position has no lat or no lon")
        heading_deg, confidence = _number(stored, "heading_deg"), _number(stored, "confidence")
        if heading_deg is not None and not 0 <= heading_deg < 360:
            raise BadInput(f"heading_deg is {heading_deg}, but it must be at least 0 and below 360")
        if confidence is not None and not 0 <= confidence <= 1:
            raise BadInput(f"confidence is {confidence}, but it must be from 0 to 1")
        position = Position(lat, lon, _number(stored, "radius_m"))
        return cls(position, heading_deg, confidence, stored.get("by"), stored.get("place"), stored.get("road"))


def line_of_text(value: Any) -> str | None:
    """A text of a map or of a file as one line without control characters; None for anything else."""
    return _CONTROL.sub(" ", value).strip()[:MOST_NAME] or None if isinstance(value, str) else None


def _number(stored: Mapping[str, Any], name: str) -> float | None:
    value = stored.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadInput(f"{name} is {str(value)[:40]!r}, which is not a number")
    return float(value)
