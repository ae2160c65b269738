"""Sketches: 512 bits per photo, compared by Hamming distance to find candidates for the nearest rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..geo import Region
from ..store.regions import cover, inside
from .hamming import differences, nearest
from .search import Rows, Units

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.uint8]

# The length of a sketch in bits. The 150 nearest sketches contain 0.9995 of the 10 truly nearest among 200,000 photos,
# and 0.9988 among a million (benchmarks/million.py). Comparing with a million sketches takes 2.4 ms of one core with
# AVX-512 and 4.0 ms with AVX2; with 25,000 sketches it takes 0.1 to 0.2 ms.
BITS = 512
_BAND_DEG = 0.01  # 1.1 km: a circle of 1 km touches three bands, and its photos lie side by side in each of them
_STRIDE = 400.0  # more than 360, so that a band and a longitude fit into one number
# A region with at most this many times the wanted photos is filtered by position first, and only the sketches inside it
# are compared. In a larger region all sketches of its boxes are compared in place, and only the nearest are filtered by
# position: for 220,000 photos in a circle this takes 1.0 ms instead of 12.4 ms.
_FEW = 16


@dataclass(frozen=True, slots=True)
class Sketcher:
    """A projection of descriptors to 512 bits: the signs of their coordinates, relative to the mean of the map.

    `projection` is (dim + 1, 512) float32: the directions, and in the last row the thresholds. It is stored with the
    sketches, because random numbers may differ between versions of NumPy.
    """

    projection: Units

    @classmethod
    def of(cls, sample: Units) -> Sketcher:
        """Make a sketcher for descriptors like those of an (N, dim) sample."""
        rng, dim = np.random.default_rng(0), sample.shape[1]
        directions = np.empty((dim, 0))
        while directions.shape[1] < BITS:  # orthogonal directions tell more than random ones
            directions = np.hstack([directions, np.linalg.qr(rng.standard_normal((dim, min(dim, BITS))))[0]])
        directions = directions[:, :BITS].astype(np.float32)
        return cls(np.vstack([directions, sample.mean(axis=0) @ directions]).astype(np.float32))

    def sketch(self, units: Units) -> Codes:
        """Sketch (N, dim) float32 descriptors: (N, 64) uint8."""
        return np.packbits(units @ self.projection[:-1] > self.projection[-1], axis=1)


@dataclass(frozen=True, slots=True)
class Sketches:
    """The sketch and the position of every row of a map, sorted by place, so that neighbouring photos are adjacent.

    `places` is (4, N) float64: sort key, latitude, longitude, row. `codes` is (N, 64) uint8. Both may be mapped from a
    file, of which a search in a region reads only the parts that it needs.
    """

    sketcher: Sketcher
    places: Floats
    codes: Codes

    @classmethod
    def empty(cls, sketcher: Sketcher) -> Sketches:
        """Make sketches of no rows."""
        return cls(sketcher, np.empty((4, 0)), np.empty((0, BITS // 8), np.uint8))

    def __len__(self) -> int:
        return int(self.places.shape[1])

    def after(self, row: int) -> Sketches:
        """The sketches of later rows, copied into memory."""
        at = np.flatnonzero(self.places[3] > row)
        return Sketches(self.sketcher, self.places[:, at], self.codes[at])

    def shortlist(self, code: Codes, count: int, region: Region | None) -> Rows:
        """The rows of the `count` sketches nearest to a (1, 64) sketch, nearest first; fewer only if there are fewer.

        Of equally near ones the older row comes first, also for the last place: a longer shortlist begins with every
        shorter one.
        """
        if region is None:
            return self._rows(self._closest(code, None, count))
        spans = self._spans(region)
        most = sum(end - start for start, end in spans)
        if most <= _FEW * count:
            slots = _slots(spans)
            slots = slots[self._inside(region, slots)]
            return self._rows(self._closest(code, slots, count))
        apart = differences(code, [self.codes[start:end] for start, end in spans])
        wanted = 2 * count  # a circle fills 0.79 of the box around it
        while True:
            at = _lowest(apart, wanted)
            slots = _picked(spans, at)
            inner = self._inside(region, slots)
            if np.count_nonzero(inner) >= count or wanted >= most:
                return self._rows(self._first(slots[inner], apart[at[inner]], count))
            wanted *= 4

    def _closest(self, code: Codes, slots: Rows | None, count: int) -> Rows:
        """The `count` slots nearest to a code, of some slots or of all, in the order of a shortlist."""
        codes = self.codes if slots is None else self.codes[slots]
        if not len(codes):
            return np.empty(0, np.int64)
        apart, at = _nearest(code, codes, min(count, len(codes)))
        return self._first(at if slots is None else slots[at], apart, count)

    def _first(self, slots: Rows, differences: npt.NDArray[np.int32], count: int) -> Rows:
        """The `count` slots with the lowest differences; of equal ones the older row first."""
        return slots[np.lexsort((self.places[3, slots], differences))[:count]]

    def _rows(self, slots: Rows) -> Rows:
        return np.asarray(self.places[3, slots], dtype=np.int64)

    def _inside(self, region: Region, slots: Rows) -> npt.NDArray[np.bool_]:
        return inside(region, self.places[1, slots], self.places[2, slots])

    def _spans(self, region: Region) -> list[tuple[int, int]]:
        """The ranges of slots that hold the boxes around a region: sorted, disjoint, none empty."""
        keys = self.places[0]
        found: list[tuple[int, int]] = []
        for box in cover(region):
            bands = np.arange(int(_band(box.south)), int(_band(box.north)) + 1) * _STRIDE
            starts = np.searchsorted(keys, bands + box.west + 180.0, side="left")
            ends = np.searchsorted(keys, bands + box.east + 180.0, side="right")
            filled = np.flatnonzero(starts < ends)
            found += zip(starts[filled].tolist(), ends[filled].tolist(), strict=True)
        spans: list[tuple[int, int]] = []
        for start, end in sorted(found):
            if spans and start <= spans[-1][1]:
                spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
            else:
                spans.append((start, end))
        return spans


def keys_of(lats: Floats, lons: Floats) -> Floats:
    """The sort keys of (N,) positions: band by band from the south, and from west to east within a band."""
    return np.asarray(_band(lats) * _STRIDE + lons + 180.0)


def _slots(spans: list[tuple[int, int]]) -> Rows:
    return np.concatenate([np.empty(0, np.int64), *(np.arange(start, end) for start, end in spans)])


def _picked(spans: list[tuple[int, int]], at: Rows) -> Rows:
    """The slots at the indices `at` into the concatenation of all spans."""
    starts = np.array([start for start, _ in spans])
    before = np.concatenate([[0], np.cumsum([end - start for start, end in spans])])
    which = np.searchsorted(before, at, side="right") - 1
    return np.asarray(starts[which] + at - before[which], np.int64)


def _lowest(differences: npt.NDArray[np.int32], count: int) -> Rows:
    """The indices of the `count` lowest distances, and of all that equal the last of them."""
    upto = np.cumsum(np.bincount(differences, minlength=BITS + 1))
    return np.flatnonzero(differences <= np.searchsorted(upto, min(count, len(differences))))


def _nearest(code: Codes, codes: Codes, count: int) -> tuple[npt.NDArray[np.int32], Rows]:
    """The distances and indices of the `count` codes nearest to a code, and of all as near as the last of them."""
    wanted = min(with_ties(count), len(codes))
    found = nearest(code, codes, wanted)
    if found is not None:
        distances, at = found
        if wanted == len(codes) or distances.max() > np.partition(distances, count - 1)[count - 1]:
            return distances, at
    apart = differences(code, [codes])  # without FAISS, or a large part of the map looks the same
    places = _lowest(apart, count)
    return apart[places], places


def with_ties(count: int) -> int:
    """The number of sketches to search for, so that all ties with the last of `count` are nearly always included."""
    return count + count // 2 + 32


def _band(lats: npt.ArrayLike) -> Floats:
    return np.asarray(np.floor((np.asarray(lats) + 90.0) / _BAND_DEG))
