"""Sketches go into inverted lists of look-alikes, in one file; the rows that may be nearest to a query come out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .blocks import Array, Stopped
from .sketches import BITS, Codes
from .threads import one_thread

Rows = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.int32]

# What the lists looked into hold of the true ten. Of a million photos, 256 of 2,048 lists 0.994, of 4,096 0.992, of
# 8,192 0.985. Of ten million, 256 of 4,096 lists 0.983, 384 0.990, 512 0.994; of 8,192 it takes 512 to hold 0.983, in
# the same time, and four times as long to train them.
PROBES = 320
# Of ten million photos in 4,096 lists: 0.977 with 20 samples a list and 4 rounds, in 7 s; 0.983 with 30 and 5, in 13 s;
# no more with 40 or 60 and 6. Of a million in 2,048, middles drawn by lot: 0.988 instead of 0.994.
_ROUNDS = 5
_SAMPLES_PER_LIST = 30
_CODE_BYTES = BITS // 8
RECORD_BYTES = _CODE_BYTES + 8


@dataclass(frozen=True, slots=True)
class Lists:
    """Every sketch of a map once more, look-alikes side by side.

    `middles` is (L, 64) uint8, a sketch in the middle of each list; `sizes` (L,) int64. `packed` is
    (72 N,) uint8: of each list first its sketches, then its rows.
    """

    middles: Codes
    sizes: Rows
    packed: Array
    _index: Any
    _parts: tuple[Any, ...]  # what FAISS points into

    @classmethod
    def of(cls, middles: Codes, sizes: Rows, packed: Array, file: Path | None) -> Lists:
        """FAISS over lists that lie in a file, or in memory where there is none: it reads no file of its own format."""
        import faiss

        quantiser = faiss.IndexBinaryFlat(BITS)
        quantiser.add(middles)
        index: Any = faiss.IndexBinaryIVF(quantiser, BITS, len(middles))
        kept = _on_disk(sizes, file) if file and hasattr(faiss, "OnDiskInvertedLists") else _in_memory(sizes, packed)
        index.replace_invlists(kept, False)
        index.is_trained, index.ntotal, index.nprobe = True, int(sizes.sum()), min(PROBES, len(middles))
        return cls(middles, sizes, packed, index, (quantiser, kept))

    def __len__(self) -> int:
        return int(self.sizes.sum())

    def each(self) -> Iterator[tuple[Codes, Rows]]:
        """The sketches and rows of every list."""
        yield from _lists_of(self.sizes, self.packed)

    def shortlist(self, code: Codes, count: int) -> Rows:
        """The `count` rows whose sketches differ least from a (1, 64) one, as far as it was looked."""
        with one_thread():
            _, rows = self._index.search(code, count)
        return np.asarray(rows[0][rows[0] >= 0], dtype=np.int64)


def size_of(count: int) -> int:
    """How many lists for so many photos: one and a half times the root, about, as a power of two (2,048 for a million,
    4,096 for ten)."""
    return int(2 ** max(2, round(math.log2(1.5 * math.sqrt(count)))))


def trained(codes: Codes, stopped: Callable[[], bool]) -> Codes:
    """The middles of the lists for (N, 64) sketches, which may lie in a file: a sample of them is read."""
    import faiss

    size = min(size_of(len(codes)), len(codes))
    rng = np.random.default_rng(0)
    chosen = np.sort(rng.choice(len(codes), min(len(codes), size * _SAMPLES_PER_LIST), replace=False))
    sample = np.unpackbits(codes[chosen], axis=1).astype(np.float32)
    sample -= 0.5
    middles: Any = None
    for _ in range(_ROUNDS):
        if stopped():
            raise Stopped("the training of the index")
        rounds = faiss.Kmeans(BITS, size, niter=1, seed=1, min_points_per_centroid=1)
        rounds.train(sample, init_centroids=middles)
        middles = rounds.centroids
    return np.packbits(middles > 0, axis=1)


def assigned(codes: Codes, middles: Codes) -> Numbers:
    """(N,) int32: the list that each of (N, 64) sketches belongs to."""
    import faiss

    _, nearest = faiss.knn_hamming(np.ascontiguousarray(codes), middles, 1)
    return np.asarray(nearest[:, 0], dtype=np.int32)


def _lists_of(sizes: Rows, packed: Array) -> Iterator[tuple[Codes, Rows]]:
    at = 0
    for size in sizes.tolist():
        middle, end = at + size * _CODE_BYTES, at + size * RECORD_BYTES
        yield packed[at:middle].reshape(size, _CODE_BYTES), packed[middle:end].view(np.int64)
        at = end


def _on_disk(sizes: Rows, file: Path) -> Any:
    import faiss

    kept: Any = faiss.OnDiskInvertedLists(len(sizes), _CODE_BYTES, str(file))
    kept.read_only = True
    counts = sizes.astype(np.uint64)
    kept.set_all_lists_sizes(faiss.swig_ptr(counts))
    kept.totsize = int(sizes.sum()) * RECORD_BYTES
    kept.do_mmap()
    # It would start 32 threads at every search to read ahead, for 2.5 ms. The system reads ahead by itself.
    kept.prefetch_nthread = 0
    return kept


def _in_memory(sizes: Rows, packed: Array) -> Any:
    import faiss

    kept: Any = faiss.ArrayInvertedLists(len(sizes), _CODE_BYTES)
    for number, (codes, rows) in enumerate(_lists_of(sizes, packed)):
        if len(rows):
            kept.add_entries(number, len(rows), faiss.swig_ptr(rows), faiss.swig_ptr(codes))
    return kept
