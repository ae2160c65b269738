"""A store goes in; where its photos stand and look, and the spots they stand on, come out as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..geo import earth_centred_m
from ..locate.calibrate import OWN_PLACE_M
from ..locate.fuse import AGREE_M
from ..store.store import Store
from ..types import Progress
from .grid import Floats, Grid, Indices, gathered

SPOT_M = OWN_PLACE_M
"""A spot is what is left out together."""

CHUNK = 16_384


@dataclass(frozen=True)
class Ground:
    """N photos in the order of their rows, and S spots.

    `rows` (N,); `lats`, `lons`, `headings_deg` (N,) float64 degrees, NaN for headings that nobody knows; `points_m`
    (N, 3) earth-centred metres; `groups` (N,) the spot of each photo; `leaders` (S,) the first photo of each spot,
    whose position is the spot's.
    """

    rows: Indices
    lats: Floats
    lons: Floats
    headings_deg: Floats
    points_m: Floats
    groups: Indices
    leaders: Indices

    @property
    def spots_m(self) -> Floats:
        """(S, 3) float64 earth-centred metres."""
        return self.points_m[self.leaders]

    @cached_property
    def _grid(self) -> Grid:
        return Grid(self.points_m, AGREE_M)

    def neighbours(self, photo: int) -> Indices:
        """The photos by which one can be found: not of its own place, and near enough to show the same."""
        near, apart_m = self._grid.near(self.points_m[photo])
        return near[apart_m > OWN_PLACE_M]


def ground_of(store: Store, progress: Progress) -> Ground:
    """Read positions and headings, and gather the photos into spots."""
    rows, lats, lons = store.positions()
    parts, kept = [np.empty(0)], [np.empty(0, np.int64)]
    for start in range(0, len(rows), CHUNK):
        progress("reading the photos", start, len(rows))
        chunk = rows[start : start + CHUNK]
        photos = store.photos(chunk)
        while len(photos) != len(chunk):  # another process took some out meanwhile
            chunk = chunk[np.isin(chunk, store.rows())]
            photos = store.photos(chunk)
        kept.append(chunk)
        parts.append(np.array([np.nan if p.heading_deg is None else p.heading_deg for p in photos]))
    here = np.isin(rows, np.concatenate(kept))
    rows, lats, lons = rows[here], lats[here], lons[here]
    progress("gathering spots", 0, None)
    points_m = earth_centred_m(lats, lons) if len(rows) else np.empty((0, 3))
    groups, leaders = gathered(points_m, SPOT_M)
    return Ground(rows, lats, lons, np.concatenate(parts), points_m, groups, leaders)
