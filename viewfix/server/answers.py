"""An uploaded photo and what is asked go in; the answer of a map comes out, as GeoJSON or as a GeoPose."""

from __future__ import annotations

import hashlib
import io
import math
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from .. import geojson as wire
from ..errors import BadInput, UnreadablePhoto
from ..locate.options import Verify
from ..photos import opening
from ..photos.licences import Thumbnails, may_show
from ..types import Candidate, Fix
from .served import Served

Form = Literal["geojson", "geopose"]
NEAR_RADIUS_M = 500.0


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks beside its photo."""

    k: int = 5
    near: tuple[float, float] | None = None
    radius_m: float = NEAR_RADIUS_M
    verify: Verify = "fast"
    language: str | None = None
    budget_ms: float | None = None


def near_of(text: str | None) -> tuple[float, float] | None:
    """ "52.2, 0.11" as two numbers.

    Raises:
        BadInput: they are not a place.
    """
    if text is None:
        return None
    try:
        lat, lon = (float(part) for part in text.split(","))
    except ValueError:
        raise BadInput(f"near is {text[:40]!r}, but it is a place. Give latitude,longitude: near=52.2,0.11") from None
    if not (abs(lat) <= 90 and abs(lon) <= 180):  # NaN fails too
        raise BadInput(f"near is {text[:40]!r}, which is no place on Earth. Give latitude,longitude in degrees.")
    return lat, lon


def checked(data: bytes, most_pixels: int) -> bytes:
    """The photo, once its header says that it is a picture of a size that is taken; nothing is decoded.

    Raises:
        UnreadablePhoto: it is not.
    """
    with opening.opened(data, "The photo") as picture:
        width, height = picture.size
    if width * height > most_pixels:
        raise UnreadablePhoto(
            f"The photo has {width} x {height} pixels, more than the {most_pixels / 1e6:.0f} million that are taken. "
            "Send it smaller."
        )
    return data


def located(data: bytes, asked: Asked, served: Served, most_pixels: int) -> tuple[Fix, float]:
    """The answer to one photo, and the milliseconds that it took."""
    began = time.perf_counter()
    photo = checked(data, most_pixels)
    near = None if asked.near is None else (*asked.near, asked.radius_m)
    fix = served.ask(
        lambda city: city.locate(photo, k=asked.k, near=near, verify=asked.verify, budget_ms=asked.budget_ms)
    )
    return fix, 1000 * (time.perf_counter() - began)


def to_feature(fix: Fix, asked: Asked, served: Served, thumbnails: Thumbnails, took_ms: float) -> dict[str, Any]:
    """The answer as GeoJSON. `query` and other names of files are left out: a server has no business with them."""
    feature = wire.to_feature("", fix, k=asked.k)
    properties = feature["properties"]
    del properties["query"]
    for each, near in zip(properties["nearby"], fix.nearby, strict=True):
        each["name"] = near.point.named(asked.language)
    properties |= {
        "map": served.name,
        "verify": asked.verify,
        "took_ms": round(took_ms, 1),
        "candidates": [_candidate(each, served.name, thumbnails) for each in fix.candidates[: asked.k]],
    }
    return feature


def _candidate(candidate: Candidate, name: str, thumbnails: Thumbnails) -> dict[str, Any]:
    photo = candidate.photo
    at = photo.position
    return {
        "id": photo.id,
        "similarity": round(candidate.similarity, 4),
        "inliers": candidate.inliers,
        "position": {"lat": at.lat, "lon": at.lon, "radius_m": at.radius_m},
        "heading_deg": photo.heading_deg,
        "taken_at": None if photo.taken_at is None else photo.taken_at.isoformat(),
        "attribution": photo.attribution,
        "licence": photo.licence,
        "thumbnail": thumbnail_address(photo.id, name) if may_show(photo.licence, thumbnails) else None,
    }


def thumbnail_address(photo_id: str, name: str) -> str:
    """Relative, so that it holds behind a prefix."""
    return f"v1/photos/{quote(photo_id, safe='')}/thumbnail?map={quote(name, safe='')}"


def to_geopose(fix: Fix) -> dict[str, Any]:
    """The answer as an OGC GeoPose 1.0, Basic-YPR: a position on WGS84 and where the camera looks.

    Yaw turns the camera's forward axis from east towards north, as the standard has it: 90 degrees less the heading.
    Pitch and roll are not known to a photo's surroundings and are 0, as a photo held level has them; the height, which
    the standard wants and no photo tells, is 0 above the ellipsoid.

    Raises:
        BadInput: the photo is not in the map, or its heading is not known: there is no pose to give.
    """
    if fix.position is None:
        raise BadInput(f"The photo is not in this map, so it has no pose ({fix.reason}). Ask for GeoJSON to see more.")
    if fix.heading_deg is None:
        raise BadInput(
            "Where the camera looked is not known, so there is no pose. Ask for GeoJSON to get the position."
        )
    yaw = math.remainder(90.0 - fix.heading_deg, 360.0)
    return {
        "position": {"lat": round(fix.position.lat, 7), "lon": round(fix.position.lon, 7), "h": 0.0},
        "angles": {"yaw": round(yaw, 2), "pitch": 0.0, "roll": 0.0},
    }


def keep_query(data: bytes, folder: Path) -> None:
    """Store a query, where the operator asked for it: under its content, by day."""
    day = folder / datetime.now(UTC).strftime("%Y-%m-%d")
    day.mkdir(exist_ok=True)
    form = (opening.form_of(data[:64]) or "bin").lower()
    target = day / f"{hashlib.sha256(data).hexdigest()[:32]}.{form}"
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    part.write_bytes(data)
    part.replace(target)


def small_jpeg(pixels: Any, longest_px: int) -> bytes:
    """(H, W, 3) uint8 RGB to a JPEG whose longer side is at most that; without EXIF, since pixels have none."""
    from PIL import Image

    picture = Image.fromarray(pixels)
    picture.thumbnail((longest_px, longest_px))
    into = io.BytesIO()
    picture.save(into, "JPEG", quality=80, optimize=True)
    return into.getvalue()
