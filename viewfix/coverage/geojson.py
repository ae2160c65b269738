"""Coverage as a GeoJSON FeatureCollection (RFC 7946): spots, look-alikes, gaps and suggestions."""

from __future__ import annotations

from typing import Any

from ..geo import wrap_lon_deg
from ..types import Position
from .result import Coverage, Gap, LookAlike, Spot, Suggestion

Json = dict[str, Any]


def to_geojson(coverage: Coverage) -> Json:
    """Convert to a FeatureCollection: features with their `kind`, and the figures of the map under `coverage`."""
    features = [
        *(_spot(spot) for spot in coverage.spots),
        *(_gap(gap) for gap in coverage.gaps),
        *(_look_alike(pair) for pair in coverage.look_alikes),
        *(_suggestion(rank, each) for rank, each in enumerate(coverage.suggestions, start=1)),
    ]
    return {"type": "FeatureCollection", "coverage": coverage.figures(), "features": features}


def _spot(spot: Spot) -> Json:
    return _feature(
        "spot",
        _point(spot.position),
        state=spot.state,
        photo=spot.photo,
        photos=spot.photos,
        asked=spot.asked,
        alone=spot.alone,
        found=spot.found,
        misled=spot.misled,
        share_found=spot.share_found,
        probability=None if spot.probability is None else round(spot.probability, 4),
        nearest_m=None if spot.nearest_m is None else round(spot.nearest_m, 2),
        missing=None if spot.missing is None else list(spot.missing),
        headless=spot.headless,
    )


def _gap(gap: Gap) -> Json:
    return _feature("gap", _line(gap.start, gap.end), length_m=round(gap.length_m, 1), missing=gap.missing)


def _look_alike(pair: LookAlike) -> Json:
    return _feature(
        "look-alike",
        _line(pair.asked.position, pair.rival.position),
        photo=pair.asked.photo,
        rival=pair.rival.photo,
        apart_m=round(pair.apart_m, 1),
        similarity=round(pair.similarity, 4),
        right=None if pair.right is None else round(pair.right, 4),
        wins=pair.wins,
        photos=pair.photos,
    )


def _suggestion(rank: int, each: Suggestion) -> Json:
    return _feature(
        "suggestion",
        _point(each.position),
        rank=rank,
        because=each.kind,
        heading_deg=each.heading_deg,
        reason=each.reason,
        gain=round(each.gain, 2),
    )


def _feature(kind: str, geometry: Json, **properties: Any) -> Json:
    return {"type": "Feature", "geometry": geometry, "properties": {"kind": kind, **properties}}


def _point(at: Position) -> Json:
    return {"type": "Point", "coordinates": _lon_lat(at.lon, at.lat)}


def _line(start: Position, end: Position) -> Json:
    """A LineString, or one on each side of the 180th meridian if it crosses it, as RFC 7946 (3.1.9) recommends."""
    west, east = sorted((start, end), key=lambda at: at.lon)
    ends = [[start.lon, start.lat], [end.lon, end.lat]]
    if east.lon - west.lon <= 180:
        return {"type": "LineString", "coordinates": [_lon_lat(*each) for each in ends]}
    # Eastwards: first to the meridian at 180, then on from -180.
    to_edge, way = 180.0 - east.lon, float(wrap_lon_deg(west.lon - east.lon))
    lat = east.lat + to_edge / way * (west.lat - east.lat) if way else east.lat
    parts = [[[east.lon, east.lat], [180.0, lat]], [[-180.0, lat], [west.lon, west.lat]]]
    real = [[_lon_lat(*a), _lon_lat(*b)] for a, b in parts if a != b]  # an end may lie on the meridian
    if len(real) == 1:
        return {"type": "LineString", "coordinates": real[0]}
    return {"type": "MultiLineString", "coordinates": real}


def _lon_lat(lon: float, lat: float) -> list[float]:
    """A GeoJSON position: longitude first; seven decimals are a centimetre."""
    return [round(lon, 7), round(lat, 7)]
