"""What the service answers: GeoJSON or an OGC GeoPose, and JSON that every reader accepts."""

from __future__ import annotations

import math
from typing import Any, Literal
from urllib.parse import quote

from starlette.responses import JSONResponse

from ..geojson import to_feature, to_json
from ..photos.licences import Thumbnails, may_show
from ..types import Fix
from .errors import HttpError
from .parameters import LocateParameters

Form = Literal["geojson", "geopose"]


class JsonReply(JSONResponse):
    """A JSON answer in UTF-8."""

    def render(self, content: Any) -> bytes:
        return to_json(content).encode()


def fix_feature(
    fix: Fix, asked: LocateParameters, map_name: str, thumbnails: Thumbnails, took_ms: float
) -> dict[str, Any]:
    """The answer as the shell gives it (`viewfix locate --json`), and what only a service knows beside it."""
    feature = to_feature(None, fix, k=asked.k, language=asked.language)
    properties = feature["properties"]
    properties |= {"map": map_name, "verify": asked.verify, "took_ms": round(took_ms, 1)}
    for said, candidate in zip(properties["candidates"], fix.candidates, strict=False):
        shown = may_show(candidate.photo.licence, thumbnails)
        said["thumbnail"] = thumbnail_address(candidate.photo.id, map_name) if shown else None
    return feature


def server_timing(fix: Fix) -> str:
    """Where the time of an answer went, as the header `Server-Timing` has it: `decode;dur=16.2, embed;dur=5.1`."""
    return ", ".join(f"{stage};dur={took_ms:.1f}" for stage, took_ms in fix.timings.items())


def thumbnail_address(photo_id: str, map_name: str) -> str:
    """The address of a small picture, relative, so that it holds behind a prefix."""
    return f"v1/photos/{quote(photo_id, safe='', errors='replace')}/thumbnail?map={quote(map_name, safe='')}"


def to_geopose(fix: Fix) -> dict[str, Any]:
    """The answer as an OGC GeoPose 1.0, Basic-YPR: a position on WGS84 and where the camera looks.

    Yaw turns the camera's forward axis from east towards north, as the standard has it: 90 degrees less the heading.
    Pitch, roll and height are unknown; the standard requires them, so they are 0: a level camera on the ellipsoid.

    Raises:
        HttpError: the photo is not in the map, or its heading is unknown, so there is no pose.
    """
    if fix.position is None:
        line = (
            f"The photo is not in this map, so it has no pose ({fix.reason}). Use format=geojson to see the evidence."
        )
        raise HttpError(400, "no_pose", line)
    if fix.heading_deg is None:
        line = "The heading of the camera is unknown, so there is no pose. Use format=geojson to get the position."
        raise HttpError(400, "no_pose", line)
    yaw_deg = math.remainder(90.0 - fix.heading_deg, 360.0)
    return {
        "position": {"lat": round(fix.position.lat, 7), "lon": round(fix.position.lon, 7), "h": 0.0},
        "angles": {"yaw": round(yaw_deg, 2), "pitch": 0.0, "roll": 0.0},
    }
