"""The places of a map: its photos by cells of a grid on the ground, and which places lie near others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ..geo import lon_differences_deg, metres_per_degree, wrap_lon_deg

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

METRES_PER_DEGREE = 111_320.0
"""The scale of the grid. Only the cells depend on it, not distances."""

LON_CELLS, LAT_OFFSET = 1 << 25, 1 << 23
"""More than the columns of one row of the grid, and than the rows south of the equator, for cells of 4 m or more: row
and column fit into one whole number below 2**53, which JavaScript holds too."""

FINE_STEPS = 6
"""A reach of more than this many cells is searched on a coarser grid, so that its cost does not grow with the reach."""

SPACING_SAMPLE = 256


@dataclass(frozen=True)
class Places:
    """The places of a map, sorted by `keys`, the numbers of their cells.

    `keys`, `lats` and `lons` are (N,): int64, and float64 degrees, the mean of the photos of the cell. `rows` are the
    (M,) rows of the photos, ascending, and `of_row` the (M,) index of the place of each. `spacing_m` is the median
    distance from a place to the nearest other one, at least `cell_m`.
    """

    keys: Ints
    lats: Floats
    lons: Floats
    rows: Ints
    of_row: Ints
    cell_m: float
    spacing_m: float
    coarser: dict[int, tuple[Ints, Ints]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.keys)

    @classmethod
    def of(cls, rows: Ints, lats: Floats, lons: Floats, cell_m: float) -> Places:
        """Group photos into places: (M,) rows, ascending, and their latitudes and longitudes in degrees."""
        photo_keys = cell_keys(lats, lons, cell_m)
        keys, of_row = np.unique(photo_keys, return_inverse=True)
        count = np.bincount(of_row, minlength=len(keys)).astype(np.float64)
        first = np.zeros(len(keys), np.int64)
        first[of_row[::-1]] = np.arange(len(rows))[::-1]
        # A cell is small, so differences to its first photo do not cross the 180th meridian wrongly.
        east = lon_differences_deg(lons, lons[first][of_row])
        mean_lats = np.bincount(of_row, lats, len(keys)) / count
        mean_lons = wrap_lon_deg(lons[first] + np.bincount(of_row, east, len(keys)) / count)
        made = cls(keys, mean_lats, mean_lons, rows, of_row, cell_m, cell_m)
        return cls(keys, mean_lats, mean_lons, rows, of_row, cell_m, made._measured_spacing_m())

    def places_of_rows(self, rows: Ints) -> Ints:
        """The place of each of (K,) rows; -1 for rows that are not in these places."""
        if not len(self.rows):
            return np.full(len(rows), -1, np.int64)
        at = np.minimum(np.searchsorted(self.rows, rows), len(self.rows) - 1)
        return np.where(self.rows[at] == rows, self.of_row[at], -1)

    def indices_of(self, keys: Ints) -> Ints:
        """The index of each of (K,) cells; -1 for cells without photos."""
        if not len(self.keys):
            return np.full(len(keys), -1, np.int64)
        at = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[at] == keys, at, -1)

    def offsets_m(self, start: Ints, end: Ints) -> tuple[Floats, Floats]:
        """Metres east and north from places to others; the two arrays of indices broadcast."""
        north_scale, east_scale = metres_per_degree(self.lats[start])
        east = lon_differences_deg(self.lons[end], self.lons[start]) * east_scale
        return east, (self.lats[end] - self.lats[start]) * north_scale

    def offsets_from(self, lat: float, lon: float, end: Ints) -> tuple[Floats, Floats]:
        """Metres east and north from a point in degrees to (k,) places."""
        north_scale, east_scale = metres_per_degree(lat)
        east = lon_differences_deg(self.lons[end], np.asarray(lon)) * east_scale
        return east, (self.lats[end] - lat) * north_scale

    def near(self, centres: Ints, reach_m: float) -> Ints:
        """Places within `reach_m` of any of these: ascending indices. Some more, in the corners, may be among them.

        Of a reach of many cells, only one place for each coarser cell is returned: it is called for the places that a
        traveller may have reached, and after a long way nothing finer is known.
        """
        level = 0
        while reach_m > FINE_STEPS * self.cell_m * 2**level and level < 20:
            level += 1
        keys, members = self._level(level)
        cell_m = self.cell_m * 2**level
        steps = int(reach_m // cell_m) + 1
        lat_row = np.floor(self.lats[centres] * METRES_PER_DEGREE / cell_m).astype(np.int64)
        found_rows = (lat_row[:, None] + np.arange(-steps, steps + 1)[None]).ravel()
        lon = np.repeat(self.lons[centres], 2 * steps + 1)
        scale = _columns_per_degree(found_rows, cell_m)
        half_deg = np.minimum((reach_m + cell_m) / cell_m / scale, 180.0)
        spans = [(np.maximum(lon - half_deg, -180.0), np.minimum(lon + half_deg, 180.0))]
        for over, shift in ((lon - half_deg < -180.0, 360.0), (lon + half_deg > 180.0, -360.0)):
            if over.any():  # across the 180th meridian
                low = np.where(over, np.maximum(lon - half_deg + shift, -180.0), 1.0)
                high = np.where(over, np.minimum(lon + half_deg + shift, 180.0), 0.0)
                spans.append((low, high))
        found = []
        for low, high in spans:
            base = (found_rows + LAT_OFFSET) * LON_CELLS + LON_CELLS // 2
            begin = np.searchsorted(keys, base + np.floor(low * scale).astype(np.int64), "left")
            end = np.searchsorted(keys, base + np.floor(high * scale).astype(np.int64), "right")
            found.append(members[_ranges(begin, np.where(high >= low, end, begin))])
        return np.unique(np.concatenate(found))

    def _level(self, level: int) -> tuple[Ints, Ints]:
        """The cells of a grid that is 2**level times coarser, and the index of the first place in each."""
        if level == 0:
            return self.keys, np.arange(len(self.keys))
        if level not in self.coarser:
            keys = cell_keys(self.lats, self.lons, self.cell_m * 2**level)
            self.coarser[level] = np.unique(keys, return_index=True)
        return self.coarser[level]

    def _measured_spacing_m(self) -> float:
        n = len(self.keys)
        if n < 2:
            return self.cell_m
        sample = np.unique(np.linspace(0, n - 1, min(n, SPACING_SAMPLE)).astype(np.int64))
        nearest = np.full(len(sample), np.inf)
        for i, place in enumerate(sample):
            reach_m = 2 * self.cell_m
            while not np.isfinite(nearest[i]) and reach_m < 1e5:
                others = self.near(np.array([place]), reach_m)
                others = others[others != place]
                if len(others):
                    nearest[i] = float(np.hypot(*self.offsets_m(np.full(len(others), place), others)).min())
                reach_m *= 4
        known: Sequence[float] = nearest[np.isfinite(nearest)]
        return max(self.cell_m, float(np.median(known))) if len(known) else self.cell_m


def cell_keys(lats: Floats, lons: Floats, cell_m: float) -> Ints:
    """The number of the cell of each point: (N,) int64, sorted from south to north, then from west to east.

    Rows are `cell_m` high; each row has columns `cell_m` wide at its middle.
    """
    row = np.floor(lats * METRES_PER_DEGREE / cell_m).astype(np.int64)
    column = np.floor(wrap_lon_deg(lons) * _columns_per_degree(row, cell_m)).astype(np.int64)
    return (row + LAT_OFFSET) * LON_CELLS + LON_CELLS // 2 + column


def _columns_per_degree(row: Ints, cell_m: float) -> Floats:
    middle_deg = np.clip((row + 0.5) * cell_m / METRES_PER_DEGREE, -89.999, 89.999)
    return np.asarray(METRES_PER_DEGREE * np.cos(np.radians(middle_deg)) / cell_m)


def _ranges(begin: Ints, end: Ints) -> Ints:
    """The numbers begin[0], ..., end[0] - 1, begin[1], ..., end[1] - 1, and so on."""
    counts = np.maximum(end - begin, 0)
    total = int(counts.sum())
    if not total:
        return np.empty(0, np.int64)
    starts = np.cumsum(counts) - counts
    return np.repeat(begin - starts, counts) + np.arange(total)
