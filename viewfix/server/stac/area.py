"""Areas that a search names: a box, or a GeoJSON geometry, as a region and an exact test."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import BadInput
from ...geo import Box
from ...types import Position
from ..errors import HttpError

MOST_CORNERS = 10_000
Ring = npt.NDArray[np.float64]


def box_of(values: Sequence[float] | str | None) -> Box | None:
    """west, south, east, north, or six numbers with heights; None for None.

    Raises:
        HttpError: 400 if they are not a box.
    """
    if values is None:
        return None
    try:
        numbers = [float(v) for v in (values.split(",") if isinstance(values, str) else values)]
        if len(numbers) == 6:
            numbers = [*numbers[:2], *numbers[3:5]]
        west, south, east, north = numbers
        return Box(south, west, north, east)
    except (ValueError, TypeError, BadInput):
        raise HttpError(400, "bad_bbox", f"bbox is {str(values)[:80]}; use west,south,east,north in degrees.") from None


def area_of(geometry: Any) -> tuple[Box, Callable[[Position], bool]]:
    """The box around a GeoJSON geometry, and whether a position lies in it. Text is read as JSON.

    Raises:
        HttpError: 400 if it is not a Point, Polygon or MultiPolygon, or too large.
    """
    try:
        if isinstance(geometry, str):
            geometry = json.loads(geometry)
        kind, coordinates = geometry["type"], geometry["coordinates"]
        if kind == "Point":
            lon, lat = (float(v) for v in coordinates[:2])
            return Box(lat, lon, lat, lon), lambda at: (at.lat, at.lon) == (lat, lon)
        polygons = {"Polygon": [coordinates], "MultiPolygon": coordinates}[kind]
        rings = [[_ring(ring) for ring in polygon] for polygon in polygons]
        corners = np.concatenate([ring for polygon in rings for ring in polygon])
        if len(corners) > MOST_CORNERS:
            raise HttpError(400, "bad_area", f"intersects has {len(corners):,} corners; at most {MOST_CORNERS:,}.")
        (west, south), (east, north) = corners.min(axis=0), corners.max(axis=0)
        box = Box(float(south), float(west), float(north), float(east))
        return box, lambda at: any(_inside(at, polygon) for polygon in rings)
    except (ValueError, TypeError, KeyError, IndexError, RecursionError, BadInput):
        line = "intersects is not a GeoJSON Point, Polygon or MultiPolygon in degrees, longitude first."
        raise HttpError(400, "bad_area", line) from None


def _ring(points: Any) -> Ring:
    ring = np.array([point[:2] for point in points[: MOST_CORNERS + 1]], np.float64)
    if len(ring) < 4 or ring.shape[1:] != (2,) or not np.isfinite(ring).all():
        raise ValueError("not a ring")
    return ring


def _inside(at: Position, polygon: Sequence[Ring]) -> bool:
    """In the outer ring and in none of the holes."""
    return all(_in_ring(at, ring) == (n == 0) for n, ring in enumerate(polygon))


def _in_ring(at: Position, ring: Ring) -> bool:
    """Whether a ray to the east crosses the ring an odd number of times."""
    return sum(_crossings(at, ring)) % 2 == 1


def _crossings(at: Position, ring: Ring) -> Iterator[bool]:
    (x0, y0), (x1, y1) = ring[:-1].T, ring[1:].T
    spans = (y0 > at.lat) != (y1 > at.lat)
    crossing = x0 + (at.lat - y0) * (x1 - x0) / np.where(y1 == y0, 1.0, y1 - y0)
    yield from (spans & (crossing > at.lon)).tolist()
