"""Hamming distances between sketches: by FAISS where it is installed, else by NumPy, which gives the same numbers."""

from __future__ import annotations

import functools
import importlib.util
from typing import Any

import numpy as np
import numpy.typing as npt

from .threads import one_thread

Codes = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.int32]

_AT_ONCE = 1 << 14  # rows that fit into the cache of a core, 1 MB of sketches of 64 bytes


@functools.cache
def has_faiss() -> bool:
    """Whether FAISS is installed. Without it, a million sketches take about 20 ms to compare instead of 3."""
    return importlib.util.find_spec("faiss") is not None


def differences(code: Codes, parts: list[Codes]) -> Numbers:
    """The Hamming distances from one (1, B) code to the rows of many (n, B) arrays, without copying them."""
    result = np.empty(sum(map(len, parts)), np.int32)
    done = 0
    for part in parts:
        into = result[done : done + len(part)]
        (_by_faiss if has_faiss() else _by_numpy)(code, part, into)
        done += len(part)
    return result


def nearest(code: Codes, codes: Codes, count: int) -> tuple[Numbers, npt.NDArray[np.int64]] | None:
    """The distances and indices of the `count` nearest codes; None without FAISS, which selects while it compares."""
    if not has_faiss():
        return None
    import faiss

    with one_thread():
        # "mc" selects by counting distances; a heap of 1,000 takes three times as long.
        distances, at = faiss.knn_hamming(code, codes, count, variant="mc")
    return np.asarray(distances[0], np.int32), np.asarray(at[0], np.int64)


def _by_faiss(code: Codes, part: Codes, into: Numbers) -> None:
    import faiss

    library: Any = faiss  # its type stubs are incomplete
    pointers = [library.swig_ptr(each) for each in (code, part, into)]
    library.hammings(*pointers[:2], 1, len(part), part.shape[1], pointers[2])


def _by_numpy(code: Codes, part: Codes, into: Numbers) -> None:
    query = np.ascontiguousarray(code).reshape(-1).view(np.uint64)
    for start in range(0, len(part), _AT_ONCE):
        words = np.ascontiguousarray(part[start : start + _AT_ONCE]).view(np.uint64)
        total = np.zeros(len(words), np.int32)
        for column, word in enumerate(query):
            total += _ones(words[:, column] ^ word)
        into[start : start + len(words)] = total


_ONES_OF_BYTE = np.array([value.bit_count() for value in range(256)], np.uint8)


def _ones(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint8]:
    """The number of ones in each (N,) word."""
    if hasattr(np, "bitwise_count"):  # from NumPy 2 on
        return np.asarray(np.bitwise_count(words))
    return np.asarray(_ONES_OF_BYTE[np.ascontiguousarray(words).view(np.uint8)].reshape(-1, 8).sum(1, dtype=np.uint8))
