"""Whole numbers as bytes, seven bits in each (LEB128), for arrays at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

MOST_BYTES_EACH = 5
"""Enough for numbers below 2**35."""


def to_zigzag(values: Ints) -> Ints:
    """(N,) numbers of both signs as numbers of 0 or more, small if they are near 0: 0, -1, 1, -2 become 0, 1, 2, 3."""
    return np.where(values < 0, -2 * values - 1, 2 * values)


def from_zigzag(values: Ints) -> Ints:
    """The reverse of `to_zigzag`."""
    return np.where(values & 1, -(values + 1) // 2, values // 2)


def encoded(values: Ints) -> bytes:
    """(N,) numbers from 0 to 2**35 - 1, the lowest seven bits first; the last byte of each is below 128."""
    parts = np.stack([(values >> (7 * n)) & 127 for n in range(MOST_BYTES_EACH)], axis=-1)
    longest = np.ones(len(values), np.int64)
    for n in range(1, MOST_BYTES_EACH):
        longest[values >> (7 * n) > 0] = n + 1
    at = np.arange(MOST_BYTES_EACH)
    parts |= np.where(at < longest[:, None] - 1, 128, 0)
    return parts[at < longest[:, None]].astype(np.uint8).tobytes()


def decoded(content: bytes, start: int) -> Ints | None:
    """All numbers from a byte on; None if the last one is cut off, or one takes more than MOST_BYTES_EACH bytes."""
    found = np.frombuffer(content, np.uint8, offset=start)
    if not len(found):
        return np.empty(0, np.int64)
    ends = np.flatnonzero(found < 128)
    if not len(ends) or ends[-1] != len(found) - 1:
        return None
    firsts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - firsts + 1
    if int(lengths.max()) > MOST_BYTES_EACH:
        return None
    place = np.arange(len(found)) - np.repeat(firsts, lengths)
    return np.asarray(np.add.reduceat((found & 127).astype(np.int64) << (7 * place), firsts), np.int64)
