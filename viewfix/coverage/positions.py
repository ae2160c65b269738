"""The photos of a map as arrays of positions and headings, grouped into spots."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..geo import earth_centred_m
from ..locate.calibrate import OWN_PLACE_M
from ..locate.fuse import AGREE_M
from ..store.store import Store
from ..types import Progress
from .grid import Floats, Grid, Indices, group_within

SPOT_M = OWN_PLACE_M
"""Photos this close form one spot: exactly those that calibration leaves out together."""

CHUNK = 16_384


@dataclass(frozen=True)
class MapPositions:
    """N photos in the order of their rows, and S spots.

    `rows` (N,); `lats`, `lons`, `headings_deg` (N,) float64 degrees, NaN for an unknown heading; `points_m` (N, 3)
    earth-centred metres; `spot_of` (N,) the spot of each photo; `leaders` (S,) the first photo of each spot, whose
    position is that of the spot.
    """

    rows: Indices
    lats: Floats
    lons: Floats
    headings_deg: Floats
    points_m: Floats
    spot_of: Indices
    leaders: Indices

    @property
    def spots_m(self) -> Floats:
        """(S, 3) float64 earth-centred metres."""
        return self.points_m[self.leaders]

    @cached_property
    def _grid(self) -> Grid:
        return Grid(self.points_m, AGREE_M)

    def neighbours(self, photo: int) -> Indices:
        """The photos by which one can be found: at another spot, and near enough to show the same place."""
        near, apart_m = self._grid.near(self.points_m[photo])
        return near[apart_m > OWN_PLACE_M]


def read_positions(store: Store, progress: Progress) -> MapPositions:
    """Read positions and headings from a map, and group the photos into spots."""
    rows, lats, lons = store.positions()
    headings, kept = [np.empty(0)], [np.empty(0, np.int64)]
    for start in range(0, len(rows), CHUNK):
        progress("reading the photos", start, len(rows))
        chunk = rows[start : start + CHUNK]
        photos = store.photos(chunk)
        while len(photos) != len(chunk):  # another process removed some in the meantime
            chunk = chunk[np.isin(chunk, store.rows())]
            photos = store.photos(chunk)
        kept.append(chunk)
        headings.append(np.array([np.nan if p.heading_deg is None else p.heading_deg for p in photos]))
    present = np.isin(rows, np.concatenate(kept))
    rows, lats, lons = rows[present], lats[present], lons[present]
    progress("grouping photos into spots", 0, None)
    points_m = earth_centred_m(lats, lons) if len(rows) else np.empty((0, 3))
    spot_of, leaders = group_within(points_m, SPOT_M)
    return MapPositions(rows, lats, lons, np.concatenate(headings), points_m, spot_of, leaders)
