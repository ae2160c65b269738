"""Vector tiles of the photos of maps, in the layers that the Panoramax viewer draws: grid, sequences, pictures."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from vt2pbf import Tile

from ...geo import Box, earth_centred_m, mercator_down, mercator_lats
from ...store.store import Store
from ...types import Photo
from ..errors import not_found
from ..overview import COUNTED, Cluster, Overview, clusters
from .ids import item_id
from .items import rfc3339
from .style import DEEPEST

EXTENT = 4096
MARGIN = 128
"""A tile has the photos this far around it too, so that no circle or line ends at its edge. In units of EXTENT."""

CELLS = 32
"""Cells of the grid along each side of a tile."""

MOST_PICTURES = 4_999
"""Single photos of one map in a tile; of more, these are drawn, evenly. From 5,000 on, the viewer hides them."""

LINE_M, LINE_S = 50.0, 300.0
"""Photos that follow each other in a map are connected by a line if they were taken no further apart than this."""

POINT, LINE = 1, 2
Feature = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TileAddress:
    """A tile of the usual pyramid: Web Mercator, (0, 0) at the north-west."""

    z: int
    x: int
    y: int

    @classmethod
    def of(cls, z: int, x: int, y: int) -> TileAddress:
        """The tile of a request.

        Raises:
            HttpError: 404 if there is no such tile.
        """
        if not (0 <= z <= DEEPEST and 0 <= x < 2**z and 0 <= y < 2**z):
            raise not_found("tile", f"There is no tile {z}/{x}/{y}; zooms are 0 to {DEEPEST}, x and y below 2^zoom.")
        return cls(z, x, y)

    def box(self, margin: int = 0) -> Box:
        """The tile with a margin, in degrees; the margin ends at the 180th meridian."""
        aside = margin / EXTENT
        west, east = ((self.x + each) / 2**self.z * 360 - 180 for each in (-aside, 1 + aside))
        down = (self.y + np.array([-aside, 1 + aside])) / 2**self.z
        north, south = mercator_lats(np.clip(down, 0.0, 1.0)).tolist()
        return Box(south, max(west, -180.0), north, min(east, 180.0))

    def places(self, lats: npt.ArrayLike, lons: npt.ArrayLike) -> list[tuple[int, int]]:
        """Where N positions are in the tile, in units of EXTENT: to the east, and to the south."""
        east = ((np.asarray(lons, np.float64) + 180) / 360 * 2**self.z - self.x) * EXTENT
        south = (mercator_down(lats) * 2**self.z - self.y) * EXTENT
        return list(zip(np.rint(east).astype(int).tolist(), np.rint(south).astype(int).tolist(), strict=True))


@dataclass(slots=True)
class TileContent:
    """The features of a tile, by layer. Cost and size are bounded for each map."""

    address: TileAddress
    grid: list[Feature] = field(default_factory=list)
    sequences: list[Feature] = field(default_factory=list)
    pictures: list[Feature] = field(default_factory=list)

    def add(self, store: Store, name: str, overview: Overview) -> None:
        """Add the photos of a map."""
        around, box = self.address.box(MARGIN), self.address.box()
        rows = store.rows_in(around, COUNTED + 1)
        if len(rows) == 0:
            return
        if len(rows) > COUNTED:
            self._add_grid(overview.estimated(store, box, CELLS), len(store))
            if self.address.z == DEEPEST:
                self._add_pictures(store.photos(_spread(rows)), name)
            return
        photos = store.photos(rows)
        inside = box.contains([p.position.lat for p in photos], [p.position.lon for p in photos])
        self._add_grid(clusters([p for p, is_in in zip(photos, inside, strict=True) if is_in], box, CELLS), len(store))
        self._add_sequences(photos, name)
        if self.address.z == DEEPEST:
            self._add_pictures(_spread(photos), name)

    def to_bytes(self) -> bytes:
        """The tile in the Mapbox Vector Tile format 2.1; empty layers are left out."""
        tile = Tile(extend=EXTENT)
        for layer in ("grid", "sequences", "pictures"):
            if features := getattr(self, layer):
                tile.add_layer(layer, features=features)
        return bytes(tile.serialize_to_bytestring())

    def _add_grid(self, found: Sequence[Cluster], photos: int) -> None:
        places = self.address.places([lat for lat, _, _ in found], [lon for _, lon, _ in found])
        for place, (_, _, count) in zip(places, found, strict=True):
            share = min(1.0, math.log1p(count) / math.log1p(max(photos, 2)))
            tags = {"nb_pictures": count, "nb_flat_pictures": count, "coef": round(share, 3)}
            self.grid.append(_feature(POINT, [place], tags))

    def _add_sequences(self, photos: Sequence[Photo], name: str) -> None:
        """The path of the photos of a map, as one feature of several lines."""
        lines: list[list[tuple[int, int]]] = []
        for place, follows in zip(self._places(photos), _follows(photos), strict=True):
            if not follows:
                lines.append([place])
            elif lines[-1][-1] != place:
                lines[-1].append(place)
        if lines := [line for line in lines if len(line) > 1]:
            self.sequences.append(_feature(LINE, lines, {"id": name, "type": "flat"}))

    def _add_pictures(self, photos: Sequence[Photo], name: str) -> None:
        seen: set[tuple[str, tuple[int, int]]] = set()
        for place, photo in zip(self._places(photos), photos, strict=True):
            if photo.view is not None:  # the views of one panorama are one circle
                if (photo.source, place) in seen:
                    continue
                seen.add((photo.source, place))
            self.pictures.append(_feature(POINT, [place], _tags(photo, name)))

    def _places(self, photos: Sequence[Photo]) -> list[tuple[int, int]]:
        return self.address.places([p.position.lat for p in photos], [p.position.lon for p in photos])


def _tags(photo: Photo, name: str) -> dict[str, Any]:
    """What a viewer needs to show and to open a photo. MVT has no lists: that of the sequences is a text."""
    tags: dict[str, Any] = {"id": item_id(photo.id), "type": "flat", "collection": name}
    tags |= {"sequences": json.dumps([name]), "first_sequence": name}
    if photo.heading_deg is not None:
        tags["heading"] = round(photo.heading_deg % 360, 1)
    if photo.taken_at is not None:
        tags["ts"] = rfc3339(photo.taken_at)
    if photo.position.radius_m is not None:
        tags["gps_accuracy"] = round(photo.position.radius_m, 1)
    return tags


def _feature(kind: int, geometry: Sequence[Any], tags: dict[str, Any]) -> Feature:
    return {"type": kind, "geometry": geometry, "tags": tags}


def _follows(photos: Sequence[Photo]) -> list[bool]:
    """Whether each photo continues the line of the one before it."""
    at = earth_centred_m([p.position.lat for p in photos], [p.position.lon for p in photos])
    near = np.linalg.norm(np.diff(at, axis=0), axis=1) <= LINE_M
    pairs = zip(photos, photos[1:], near.tolist(), strict=False)
    return [False, *(is_near and _apart_s(before, photo) <= LINE_S for before, photo, is_near in pairs)]


def _apart_s(before: Photo, photo: Photo) -> float:
    """The time between two photos; infinite if it is not known, as for photos in no order."""
    one, other = before.taken_at, photo.taken_at
    if one is None or other is None or (one.tzinfo is None) != (other.tzinfo is None):
        return math.inf
    return abs((other - one).total_seconds())


def _spread(values: Any) -> Any:
    """At most MOST_PICTURES of these rows or photos, evenly."""
    return values if len(values) <= MOST_PICTURES else values[:: math.ceil(len(values) / MOST_PICTURES)]
