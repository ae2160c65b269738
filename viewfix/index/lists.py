"""Descriptors go into inverted lists of compressed codes; the rows that may be nearest to a query come out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from .threads import one_thread

Rows = npt.NDArray[np.int64]
Units = npt.NDArray[np.float32]

# A million photos in 2,048 lists, recall of the true 10 among 150 candidates, one core: 0.916 with 8 lists looked into
# (0.13 ms), 0.979 with 32 (0.24 ms), 0.991 with 64 (0.37 ms), 0.997 with 128 (0.61 ms). 4,096 lists find as much
# (0.983, 0.994, 0.9975) in the same time, and take 119 s of CPU to make instead of 48 s.
PROBES = 128
_ROUNDS = 6  # of k-means, as measured above; the default is 10
_SAMPLES_PER_LIST = 40
_SUBVECTOR = 4  # numbers coded by 4 bits: 64 bytes for a descriptor of 512


def size_of(count: int) -> int:
    """How many lists for so many photos: about twice the root, as a power of two (2,048 for a million)."""
    return int(2 ** max(2, round(math.log2(2 * math.sqrt(count)))))


def sample_size(count: int) -> int:
    """How many descriptors `trained` wants."""
    return min(count, size_of(count) * _SAMPLES_PER_LIST)


def trained(sample: Units, count: int) -> Any:
    """A FAISS index, empty, for `count` descriptors like those of an (N, dim) sample."""
    import faiss

    dim = sample.shape[1]
    wide = math.ceil(dim / _SUBVECTOR) * _SUBVECTOR
    lists: Any = faiss.index_factory(
        wide, f"IVF{size_of(count)},PQ{wide // _SUBVECTOR}x4fs", faiss.METRIC_INNER_PRODUCT
    )
    lists.cp.niter = _ROUNDS
    lists.cp.min_points_per_centroid = 1  # no warnings on the terminal: small maps may have fewer
    lists.pq.cp.min_points_per_centroid = 1
    # Turned at random, all dimensions carry as much, as product quantisation wants it; and any dim can be divided.
    turn = faiss.RandomRotationMatrix(dim, wide)
    turn.init(0)
    index = faiss.IndexPreTransform(turn, lists)
    index.train(np.ascontiguousarray(sample))
    return index


def copied(index: Any) -> Any:
    """One to add to, while others search this one."""
    import faiss

    return None if index is None else faiss.clone_index(index)


def add(index: Any, units: Units, rows: Rows) -> None:
    index.add_with_ids(np.ascontiguousarray(units), rows)


def shortlist(index: Any, query: Units, count: int) -> Rows:
    """The `count` rows that seem nearest to a (dim,) query; fewer when the lists looked into hold fewer."""
    import faiss

    inner = faiss.SearchParametersIVF()
    inner.nprobe = PROBES
    outer = faiss.SearchParametersPreTransform()
    outer.index_params = inner
    with one_thread():
        _, rows = index.search(query[None], count, params=outer)
    return np.asarray(rows[0][rows[0] >= 0], dtype=np.int64)
