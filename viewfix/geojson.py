"""A Fix becomes GeoJSON: the one form in which answers leave viewfix, on the shell and over HTTP."""

from __future__ import annotations

from typing import Any

from .types import Candidate, Fix, Nearby


def to_feature(query: str, fix: Fix, *, k: int | None = None) -> dict[str, Any]:
    """A GeoJSON Feature of one answer.

    Geometry is a Point [lon, lat], in GeoJSON's order, or None when the photo is not in the map;
    the first `k` candidates are given either way, all of them for None.
    """
    at = fix.position
    return {
        "type": "Feature",
        "geometry": None if at is None else {"type": "Point", "coordinates": [round(at.lon, 7), round(at.lat, 7)]},
        "properties": {
            "query": query,
            "found": fix.found,
            "confidence": round(fix.confidence, 4),
            "radius_m": None if at is None or at.radius_m is None else round(at.radius_m, 1),
            "heading_deg": None if fix.heading_deg is None else round(fix.heading_deg, 1),
            "reason": fix.reason,
            "candidates": [_candidate(c) for c in fix.candidates[:k]],
            "attribution": credits_of(fix, k=k),
            "nearby": [to_nearby(each) for each in fix.nearby],
        },
    }


def _candidate(candidate: Candidate) -> dict[str, Any]:
    photo = candidate.photo
    return {
        "id": photo.id,
        "lat": photo.position.lat,
        "lon": photo.position.lon,
        "heading_deg": photo.heading_deg,
        "similarity": round(candidate.similarity, 4),
        "inliers": candidate.inliers,
        "attribution": photo.attribution,
    }


def to_nearby(near: Nearby) -> dict[str, Any]:
    """One sight near a fix: what it is, its names by language, where, how far, and on which side."""
    point = near.point
    return {
        "id": point.id,
        "name": point.name,
        "names": dict(point.names),
        "kind": point.kind,
        "position": {"lat": point.position.lat, "lon": point.position.lon},
        "distance_m": round(near.distance_m, 1),
        "bearing_deg": round(near.bearing_deg, 1) % 360.0,
        "side": near.side,
        "links": dict(point.links),
    }


def credits_of(fix: Fix, *, k: int | None = None) -> list[str]:
    """Everybody who is to be named where the first `k` candidates and what is near are shown, each once."""
    photos = [candidate.photo.attribution for candidate in fix.candidates[:k]]
    return list(dict.fromkeys(filter(None, [*photos, *(near.point.credit for near in fix.nearby)])))
