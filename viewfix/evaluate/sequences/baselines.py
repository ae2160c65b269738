"""Sequence matching of fixed length, as baselines: SeqSLAM, and the sum of similarities.

Both compare the last frames with stretches of the map's photos in their order, and answer with a photo.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

LENGTH = 10
"""Frames of a sequence, d_s of the paper."""

WINDOW = 10
"""Photos of the map around one, R_window of the paper: for the contrast, and for the second best match."""

SPEEDS = (0.8, 0.9, 1.0, 1.1, 1.2)
"""Speeds of the camera as a share of the usual one: v_min to v_max of the paper, in steps of v_step."""


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """The row of the best photo for each frame, (Q,) int64, and by how much it beats the photos further away, (Q,)."""

    rows: Rows
    margins: Floats


def seqslam(similarities: Iterable[Floats], advance: float) -> Matches:
    """SeqSLAM on descriptors: local contrast enhancement, and the best straight trajectory through the last frames.

    Milford and Wyeth, SeqSLAM: Visual Route-Based Navigation for Sunny Summer Days and Stormy Winter Nights, ICRA 2012.
    Constants are theirs. The trajectory ends at the frame, since later frames are not known yet.

    Args:
        similarities: for each frame, (M,) similarities to the photos of the map, in the order of the map.
        advance: photos of the map from one frame to the next, at the usual speed.
    """
    return _matched(([_enhanced(-row)] for row in similarities), advance, SPEEDS)


def sum_of_similarities(similarities: Iterable[Floats], advance: float) -> Matches:
    """The sums of similarities along the last frames, at the usual speed. Arguments as of `seqslam`."""
    return _matched(([-row] for row in similarities), advance, (1.0,))


def _enhanced(differences: Floats) -> Floats:
    """Each difference, less the mean of its neighbours in the map, over their standard deviation."""
    half = WINDOW // 2
    count = len(differences)
    sums = np.concatenate([[0.0], np.cumsum(differences)])
    squares = np.concatenate([[0.0], np.cumsum(differences**2)])
    low, high = np.maximum(np.arange(count) - half, 0), np.minimum(np.arange(count) + half + 1, count)
    mean = (sums[high] - sums[low]) / (high - low)
    variance = (squares[high] - squares[low]) / (high - low) - mean**2
    return np.asarray((differences - mean) / np.sqrt(np.maximum(variance, 1e-12)))


def _matched(rows_of_frames: Iterable[list[Floats]], advance: float, speeds: tuple[float, ...]) -> Matches:
    """The end of the trajectory with the smallest mean difference, for each frame."""
    last: deque[Floats] = deque(maxlen=LENGTH)
    best, margins = [], []
    for (row,) in rows_of_frames:
        last.appendleft(row)
        scores = np.min([_score(last, speed * advance) for speed in speeds], axis=0)
        found = int(np.argmin(scores))
        others = np.delete(scores, np.arange(max(found - WINDOW // 2, 0), min(found + WINDOW // 2 + 1, len(scores))))
        others = others[np.isfinite(others)]
        best.append(found)
        margins.append(float(others.min() - scores[found]) if len(others) else 0.0)
    return Matches(np.array(best, np.int64), np.array(margins))


def _score(last: deque[Floats], speed: float) -> Floats:
    """(M,) mean difference along the trajectory that ends at each photo; infinite if less than half is in the map."""
    count = len(last[0])
    total, inside = np.zeros(count), np.zeros(count)
    for back, row in enumerate(last):
        at = np.rint(np.arange(count) - speed * back).astype(np.int64)
        valid = (at >= 0) & (at < count)
        total[valid] += row[at[valid]]
        inside += valid
    return np.where(inside * 2 >= len(last), total / np.maximum(inside, 1), np.inf)
