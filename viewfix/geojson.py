"""Answers as GeoJSON: the one form in which they leave viewfix, in a shell and over HTTP."""

from __future__ import annotations

import json
from typing import Any

from .types import Candidate, Fix, Nearby


def to_feature(query: str | None, fix: Fix, *, k: int | None = None, language: str | None = None) -> dict[str, Any]:
    """A GeoJSON Feature of one answer.

    Args:
        query: the name of the photo; None leaves it out.
        fix: the answer. The geometry is a Point, or None when the photo is not in the map.
        k: how many candidates to list, whether or not the photo was found; None for all.
        language: of the names of sights, such as uk or pt-BR; None for the names as written there.
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
        },
    }


def to_candidate(candidate: Candidate) -> dict[str, Any]:
    """One photo of the map that looks like the query."""
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
    """One sight near a fix: what it is, its names by language, where, how far, and on which side."""
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
    """Everybody to name where the first `k` candidates and the sights nearby are shown, each once."""
    photos = [candidate.photo.attribution for candidate in fix.candidates[:k]]
    return list(dict.fromkeys(filter(None, [*photos, *(near.point.credit for near in fix.nearby)])))


def to_json(value: Any) -> str:
    """JSON text that every reader accepts: no NaN, and no half of a character, which the names of files can hold.

    Raises:
        ValueError: a number is not finite.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    if text.isascii():
        return text
    # Two halves that belong together become one character; a lone half becomes U+FFFD.
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
