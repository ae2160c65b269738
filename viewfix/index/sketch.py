"""Descriptors and positions go in; the rows that may be nearest to a query come out, everywhere or in a region."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..geo import Region
from .regions import cover, inside
from .threads import one_thread

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Units = npt.NDArray[np.float32]
Codes = npt.NDArray[np.uint8]

# 512 signs a photo. The 150 nearest by them held 0.9995 of the 10 truly nearest among 200,000 photos and 0.9988 among a
# million (benchmarks/million.py). The distances of a million are counted in 2.4 ms of one core with AVX-512, 4.0 with
# AVX2; of 25,000 in 0.1 to 0.2 ms.
BITS = 512
_BAND_DEG = 0.01  # 1.1 km: a circle of 1 km touches three bands, in each of them its photos lie side by side
_STRIDE = 400.0  # more than 360: a band and a longitude in one number


@dataclass(frozen=True, slots=True)
class Sketcher:
    """Descriptors become 512 signs: how they lie to random directions, measured from their common middle.

    `turn` is (dim + 1, 512) float32: the directions, and below them the thresholds. It is kept
    with the sketches, for random numbers may differ between versions of NumPy.
    """

    turn: Units

    @classmethod
    def of(cls, sample: Units) -> Sketcher:
        """A sketcher for descriptors like those of an (N, dim) sample."""
        rng, dim = np.random.default_rng(0), sample.shape[1]
        directions = np.empty((dim, 0))
        while directions.shape[1] < BITS:  # directions at right angles say more than random ones
            directions = np.hstack([directions, np.linalg.qr(rng.standard_normal((dim, min(dim, BITS))))[0]])
        directions = directions[:, :BITS].astype(np.float32)
        return cls(np.vstack([directions, sample.mean(axis=0) @ directions]).astype(np.float32))

    def sketch(self, units: Units) -> Codes:
        """(N, dim) float32 to (N, 64) uint8."""
        return np.packbits(units @ self.turn[:-1] > self.turn[-1], axis=1)


@dataclass(frozen=True, slots=True)
class Sketches:
    """The sketch and the position of every row of a map, photos that are near each other side by side.

    `places` is (4, N) float64: sort key, latitude, longitude, row; `codes` (N, 64) uint8. Both may lie
    in a file that is only mapped into memory: a region touches no more of them than it needs.
    """

    sketcher: Sketcher
    places: Floats
    codes: Codes

    @classmethod
    def empty(cls, sketcher: Sketcher) -> Sketches:
        return cls(sketcher, np.empty((4, 0)), np.empty((0, BITS // 8), np.uint8))

    def __len__(self) -> int:
        return int(self.places.shape[1])

    def joined(self, rows: Rows, lats: Floats, lons: Floats, codes: Codes) -> Sketches:
        """These and more, in order."""
        more = np.stack([_band(lats) * _STRIDE + lons + 180.0, lats, lons, rows.astype(np.float64)])
        places, all_codes = np.concatenate([self.places, more], axis=1), np.concatenate([self.codes, codes])
        order = np.argsort(places[0], kind="stable")
        return Sketches(self.sketcher, places[:, order], all_codes[order])

    def shortlist(self, query: Units, count: int, region: Region | None) -> Rows:
        """The rows of the `count` sketches most like that of a (dim,) query; fewer only where there are fewer."""
        code = self.sketcher.sketch(query[None])
        if region is None:
            return self._rows(_closest(code, self.codes, min(count, len(self))))
        slots = self._slots(region)
        if len(slots) > count:
            slots = slots[_closest(code, self.codes[slots], count)]
        return self._rows(slots)

    def _rows(self, slots: Rows) -> Rows:
        return np.asarray(self.places[3, slots], dtype=np.int64)

    def _slots(self, region: Region) -> Rows:
        keys, lats, lons, _ = self.places
        spans: list[Rows] = [np.empty(0, np.int64)]
        boxes = cover(region)
        for box in boxes:
            bands = np.arange(int(_band(box.south)), int(_band(box.north)) + 1) * _STRIDE
            starts = np.searchsorted(keys, bands + box.west + 180.0, side="left")
            ends = np.searchsorted(keys, bands + box.east + 180.0, side="right")
            spans += [np.arange(a, b) for a, b in zip(starts, ends, strict=True) if a < b]
        slots = np.unique(np.concatenate(spans)) if len(boxes) > 1 else np.concatenate(spans)
        return slots[inside(region, lats[slots], lons[slots])]


def _closest(code: Codes, codes: Codes, count: int) -> Rows:
    """Where the `count` codes are that differ least from one code."""
    import faiss

    with one_thread():
        _, at = faiss.knn_hamming(code, codes, count, variant="mc")  # counts: a heap of 1,000 takes three times as long
    return np.asarray(at[0], dtype=np.int64)


def _band(lats: npt.ArrayLike) -> Floats:
    return np.asarray(np.floor((np.asarray(lats) + 90.0) / _BAND_DEG))
