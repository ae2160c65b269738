"""A map and the corners of a view go in; its photos come out as points, or where they are many as clusters of them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import BadInput
from ..geo import Box
from ..photos.licences import Thumbnails, may_show
from ..store.records import Version
from ..store.store import Store
from ..types import Photo
from .answers import thumbnail_address

SINGLE = 400
"""Up to so many photos in view each is a point of its own."""

COUNTED = 20_000
"""Up to so many are counted; in a view of more, a sample of the map stands for it, so that ten million cost no more."""

SAMPLE = 60_000

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sample:
    """Positions of photos drawn at random, and how many photos each stands for."""

    version: Version
    lats: Floats
    lons: Floats
    each: float


class Overview:
    """Where the photos of one map are, at any scale, in bounded time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sample: Sample | None = None

    def view(self, store: Store, box: Box, cells: int, name: str, thumbnails: Thumbnails) -> dict[str, Any]:
        """A GeoJSON FeatureCollection of what lies in a box, with at most `cells` x `cells` clusters."""
        rows = store.rows_in(box, COUNTED + 1)
        if len(rows) <= SINGLE:
            return _collection([_point(photo, name, thumbnails) for photo in store.photos(rows)], len(rows), False)
        if len(rows) <= COUNTED:
            at = np.array([(p.position.lat, p.position.lon) for p in store.photos(rows)])
            return _collection(_clusters(at[:, 0], at[:, 1], box, cells, 1.0), len(rows), False)
        sample = self._current(store)
        inside = box.contains(sample.lats, sample.lons)
        lats, lons = sample.lats[inside], sample.lons[inside]
        return _collection(_clusters(lats, lons, box, cells, sample.each), round(len(lats) * sample.each), True)

    def _current(self, store: Store) -> Sample:
        version = store.version
        with self._lock:
            held = self._sample
            if held is None or held.version.map_id != version.map_id or _moved_on(held.version, version):
                self._sample = held = _drawn(store, version)
            return held


def _moved_on(before: Version, now: Version) -> bool:
    changed = now.last_row - before.last_row + now.removals - before.removals
    return changed > 0.01 * before.last_row


def _drawn(store: Store, version: Version) -> Sample:
    count = len(store)
    rng = np.random.default_rng(0)
    drawn = np.unique(rng.integers(1, version.last_row + 1, size=SAMPLE))
    at = np.array([(p.position.lat, p.position.lon) for p in store.photos(drawn)]).reshape(-1, 2)
    return Sample(version, at[:, 0], at[:, 1], count / max(1, len(at)))


def _clusters(lats: Floats, lons: Floats, box: Box, cells: int, each: float) -> list[dict[str, Any]]:
    width = (box.east - box.west) % 360 or 360.0
    columns = np.clip(((lons - box.west) % 360) / width * cells, 0, cells - 1).astype(int)
    share = (lats - box.south) / max(box.north - box.south, 1e-12)
    cell = np.clip(share * cells, 0, cells - 1).astype(int) * cells + columns
    order = np.argsort(cell, kind="stable")
    edges = np.flatnonzero(np.diff(cell[order], prepend=-1))
    found = []
    for part in np.split(order, edges[1:]) if len(order) else ():
        # Longitudes from the west of the view, so that a mean beside the 180th meridian stays beside it.
        lon = float(np.mean((lons[part] - box.west) % 360)) + box.west
        found.append(
            _feature(float(np.mean(lats[part])), (lon + 180) % 360 - 180, {"count": max(1, round(len(part) * each))})
        )
    return found


def _point(photo: Photo, name: str, thumbnails: Thumbnails) -> dict[str, Any]:
    shown = thumbnail_address(photo.id, name) if may_show(photo.licence, thumbnails) else None
    about = {"id": photo.id, "heading_deg": photo.heading_deg, "thumbnail": shown, "count": 1}
    return _feature(photo.position.lat, photo.position.lon, about)


def _feature(lat: float, lon: float, properties: dict[str, Any]) -> dict[str, Any]:
    at = [round(lon, 7), round(lat, 7)]  # GeoJSON's order
    return {"type": "Feature", "geometry": {"type": "Point", "coordinates": at}, "properties": properties}


def _collection(features: Sequence[dict[str, Any]], photos: int, approximate: bool) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(features), "photos": photos, "approximate": approximate}


def box_of(text: str | None) -> Box:
    """ "west,south,east,north" in degrees, GeoJSON's order; the whole Earth for None.

    Raises:
        BadInput: they are no box.
    """
    if text is None:
        return Box(-90.0, -180.0, 90.0, 180.0)
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        raise BadInput(f"bounds is {text[:80]!r}. Give west,south,east,north in degrees.") from None
    return Box(south, west, north, east)
