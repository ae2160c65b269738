"""Answers as GeoJSON, for the command line and the HTTP service."""

from __future__ import annotations

import json
from typing import Any

from .types import Candidate, Fix, Nearby


def to_feature(query: str | None, fix: Fix, *, k: int | None = None, language: str | None = None) -> dict[str, Any]:
    """Convert one answer to a GeoJSON Feature. Its geometry is a Point, or null if the photo is not in the map.

    Args:
        query: the name of the photo; None to leave it out.
        fix: the answer.
        k: the largest number of candidates to list; None for all.
        language: the language of the names of sights, such as uk or pt-BR; None for the local names.
    """
    at = fix.position
    named = {} if query is None else {"query": query}
    return {
        "type": "Feature",
        # GeoJSON's order: longitude, latitude
        "geometry": None if at is None else {"type": "Point", "coordinates": [round(at.lon, 7), round(at.lat, 7)]},
        "properties": {
            **named,
            "found": fix.found,
            "confidence": round(fix.confidence, 4),
            "radius_m": None if at is None or at.radius_m is None else round(at.radius_m, 1),
            "heading_deg": None if fix.heading_deg is None else round(fix.heading_deg, 1),
            "reason": fix.reason,
            "candidates": [to_candidate(each) for each in fix.candidates[:k]],
            "attribution": credits_of(fix, k=k),
            "nearby": [to_nearby(each, language) for each in fix.nearby],
            "links": dict(fix.links),
        },
    }


def to_candidate(candidate: Candidate) -> dict[str, Any]:
    """Convert one candidate to a dictionary for JSON."""
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
    }


def to_nearby(near: Nearby, language: str | None = None) -> dict[str, Any]:
    """Convert one sight near a fix to a dictionary for JSON."""
    point = near.point
    return {
        "id": point.id,
        "name": point.named(language),
        "names": dict(point.names),
        "kind": point.kind,
        "position": {"lat": point.position.lat, "lon": point.position.lon},
        "distance_m": round(near.distance_m, 1),
        "bearing_deg": round(near.bearing_deg, 1) % 360.0,
        "side": near.side,
        "links": dict(point.links),
    }


def credits_of(fix: Fix, *, k: int | None = None) -> list[str]:
    """The credits to show beside the first `k` candidates and the sights nearby, without duplicates."""
    photos = [candidate.photo.attribution for candidate in fix.candidates[:k]]
    return list(dict.fromkeys(filter(None, [*photos, *(near.point.credit for near in fix.nearby)])))


def to_json(value: Any) -> str:
    """Convert to JSON text that every parser accepts: without NaN and lone surrogates, which file names can contain.

    Raises:
        ValueError: a number is not finite.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    if text.isascii():
        return text
    # Surrogates that form a pair become one character; a lone one becomes U+FFFD.
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
