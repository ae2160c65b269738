"""Inverted lists: sketches grouped by similarity. A query reads only a few lists of a large map."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .blocks import Array, Stopped
from .search import Rows
from .sketches import BITS, Codes, with_ties
from .threads import one_thread

Numbers = npt.NDArray[np.int32]

# The number of lists to search. Measured share of the true ten in the searched lists, for a million photos: 0.994 with
# 256 of 2,048 lists, 0.992 with 256 of 4,096, 0.985 with 256 of 8,192. For ten million photos in 4,096 lists: 0.983
# with 256 lists, 0.990 with 384, 0.994 with 512. With 8,192 lists, 512 are needed for 0.983; searching takes the same
# time, and training four times as long.
PROBES = 320
# The same share for ten million photos in 4,096 lists: 0.977 with 20 samples per list and 4 rounds, in 7 s; 0.983 with
# 30 and 5, in 13 s; no better with 40 or 60 and 6. For a million photos in 2,048 lists, centroids drawn at random give
# 0.988 instead of 0.994.
_ROUNDS = 5
_SAMPLES_PER_LIST = 30
_CODE_BYTES = BITS // 8
RECORD_BYTES = _CODE_BYTES + 8


@dataclass(frozen=True, slots=True)
class Lists:
    """A second copy of every sketch of a map, grouped by similarity.

    `centroids` is (L, 64) uint8: the sketch at the centre of each list. `sizes` is (L,) int64. `packed` is (72 N,)
    uint8: for each list first its sketches, then its rows.
    """

    centroids: Codes
    sizes: Rows
    packed: Array
    _index: Any
    _parts: tuple[Any, ...]  # what FAISS points into

    @classmethod
    def of(cls, centroids: Codes, sizes: Rows, packed: Array, file: Path | None) -> Lists:
        """Wrap lists in a file, or in memory if `file` is None, as a FAISS index. FAISS's own format is not used."""
        import faiss

        quantizer = faiss.IndexBinaryFlat(BITS)
        quantizer.add(centroids)
        index: Any = faiss.IndexBinaryIVF(quantizer, BITS, len(centroids))
        on_disk = file is not None and hasattr(faiss, "OnDiskInvertedLists")  # Windows has none
        stored = _on_disk(sizes, file) if file is not None and on_disk else _in_memory(sizes, packed)
        index.replace_invlists(stored, False)
        index.is_trained, index.ntotal, index.nprobe = True, int(sizes.sum()), min(PROBES, len(centroids))
        return cls(centroids, sizes, packed, index, (quantizer, stored))

    def __len__(self) -> int:
        return int(self.sizes.sum())

    def each(self) -> Iterator[tuple[Codes, Rows]]:
        """Iterate over the lists: the (n, 64) sketches and (n,) rows of each."""
        yield from _lists_of(self.sizes, self.packed)

    def shortlist(self, code: Codes, count: int) -> Rows:
        """The rows of the `count` sketches nearest to a (1, 64) sketch, within the nearest lists. See Sketches."""
        with one_thread():
            found, rows = (each[0] for each in self._index.search(code, with_ties(count)))
            found, rows = found[rows >= 0], rows[rows >= 0]
            if len(rows) == with_ties(count) and found[-1] == found[count - 1]:
                _, found, rows = self._index.range_search(code, int(found[-1]) + 1)  # many ties: fetch all of them
        return np.asarray(rows[np.lexsort((rows, found))[:count]], dtype=np.int64)


def list_count(photos: int) -> int:
    """The number of lists to make: the power of two nearest to 1.5 times the square root of the number of photos.

    2,048 for a million photos, 4,096 for ten million.
    """
    return int(2 ** max(2, round(math.log2(1.5 * math.sqrt(photos)))))


def train(codes: Codes, stopped: Callable[[], bool]) -> Codes:
    """Train the centroids of the lists, (L, 64) uint8, on a sample of (N, 64) sketches.

    Raises:
        Stopped: the search is being closed.
    """
    import faiss

    size = min(list_count(len(codes)), len(codes))
    rng = np.random.default_rng(0)
    chosen = np.sort(rng.choice(len(codes), min(len(codes), size * _SAMPLES_PER_LIST), replace=False))
    sample = np.unpackbits(codes[chosen], axis=1).astype(np.float32)
    sample -= 0.5
    centroids: Any = None
    for _ in range(_ROUNDS):
        if stopped():
            raise Stopped("the training of the index")
        kmeans = faiss.Kmeans(BITS, size, niter=1, seed=1, min_points_per_centroid=1)
        kmeans.train(sample, init_centroids=centroids)
        centroids = kmeans.centroids
    return np.packbits(centroids > 0, axis=1)


def assign(codes: Codes, centroids: Codes) -> Numbers:
    """The number of the list that each of (N, 64) sketches belongs to: (N,) int32."""
    import faiss

    _, nearest = faiss.knn_hamming(np.ascontiguousarray(codes), centroids, 1)
    return np.asarray(nearest[:, 0], dtype=np.int32)


def _lists_of(sizes: Rows, packed: Array) -> Iterator[tuple[Codes, Rows]]:
    at = 0
    for size in sizes.tolist():
        middle, end = at + size * _CODE_BYTES, at + size * RECORD_BYTES
        yield packed[at:middle].reshape(size, _CODE_BYTES), packed[middle:end].view(np.int64)
        at = end


def _on_disk(sizes: Rows, file: Path) -> Any:
    import faiss

    stored: Any = faiss.OnDiskInvertedLists(len(sizes), _CODE_BYTES, str(file))
    stored.read_only = True
    counts = sizes.astype(np.uint64)
    stored.set_all_lists_sizes(faiss.swig_ptr(counts))
    stored.totsize = int(sizes.sum()) * RECORD_BYTES
    stored.do_mmap()
    # FAISS would start 32 threads to read ahead at every search, which takes 2.5 ms. The system reads ahead by itself.
    stored.prefetch_nthread = 0
    return stored


def _in_memory(sizes: Rows, packed: Array) -> Any:
    import faiss

    stored: Any = faiss.ArrayInvertedLists(len(sizes), _CODE_BYTES)
    for number, (codes, rows) in enumerate(_lists_of(sizes, packed)):
        if len(rows):
            stored.add_entries(number, len(rows), faiss.swig_ptr(rows), faiss.swig_ptr(codes))
    return stored
