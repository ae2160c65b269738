"""Photos of a map for a view: points where they are few, clusters where they are many."""

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
from .errors import HttpError
from .replies import thumbnail_address

SINGLE = 400
"""Up to this many photos in view, each is a point."""

COUNTED = 20_000
"""Up to this many photos in view are counted; above, a sample of the map is used: ten million cost the same."""

SAMPLE = 60_000
"""Rows that are drawn for it."""

Floats = npt.NDArray[np.float64]
Cluster = tuple[float, float, int]
"""Mean latitude and longitude of the photos of a cell, in degrees, and how many there are."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Positions of photos drawn at random, and how many photos each of them stands for."""

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
        """A GeoJSON FeatureCollection of the photos in a box, with at most `cells` x `cells` clusters."""
        rows = store.rows_in(box, COUNTED + 1)
        if len(rows) <= SINGLE:
            return _collection([_point(photo, name, thumbnails) for photo in store.photos(rows)], len(rows), False)
        if len(rows) <= COUNTED:
            found = clusters(store.photos(rows), box, cells)
            return _collection([_cluster(*each) for each in found], len(rows), False)
        found = self.estimated(store, box, cells)
        return _collection([_cluster(*each) for each in found], sum(count for *_, count in found), True)

    def estimated(self, store: Store, box: Box, cells: int) -> list[Cluster]:
        """Clusters from a sample of the map, whatever the number of photos in the box."""
        sample = self._current(store)
        inside = box.contains(sample.lats, sample.lons)
        return _clusters(sample.lats[inside], sample.lons[inside], box, cells, sample.each)

    def _current(self, store: Store) -> Sample:
        version = store.version
        with self._lock:
            sample = self._sample
            if sample is None or sample.version.map_id != version.map_id or _has_grown(sample.version, version):
                self._sample = sample = _draw(store, version)
            return sample


def _has_grown(before: Version, now: Version) -> bool:
    changed = now.last_row - before.last_row + now.removals - before.removals
    return changed > 0.01 * before.last_row


def _draw(store: Store, version: Version) -> Sample:
    count = len(store)
    rng = np.random.default_rng(0)
    drawn = np.unique(rng.integers(1, version.last_row + 1, size=SAMPLE))
    at = np.array([(p.position.lat, p.position.lon) for p in store.photos(drawn)]).reshape(-1, 2)
    return Sample(version, at[:, 0], at[:, 1], count / max(1, len(at)))


def clusters(photos: Sequence[Photo], box: Box, cells: int) -> list[Cluster]:
    """Photos of a box as at most `cells` x `cells` clusters."""
    at = np.array([(p.position.lat, p.position.lon) for p in photos]).reshape(-1, 2)
    return _clusters(at[:, 0], at[:, 1], box, cells, 1.0)


def _clusters(lats: Floats, lons: Floats, box: Box, cells: int, each: float) -> list[Cluster]:
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
        found.append((float(np.mean(lats[part])), (lon + 180) % 360 - 180, max(1, round(len(part) * each))))
    return found


def _cluster(lat: float, lon: float, count: int) -> dict[str, Any]:
    return _feature(lat, lon, {"count": count})


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
        HttpError: 400 where they are not a box.
    """
    if text is None:
        return Box(-90.0, -180.0, 90.0, 180.0)
    try:
        west, south, east, north = (float(part) for part in text.split(","))
        return Box(south, west, north, east)
    except ValueError:
        raise HttpError(400, "bad_bounds", f"bounds is {text[:80]!r}; use west,south,east,north in degrees.") from None
    except BadInput as error:
        raise HttpError(400, "bad_bounds", str(error)) from None
