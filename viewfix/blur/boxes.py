"""Boxes around what a detector found, and the removal of those that overlap a better one."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

Boxes = npt.NDArray[np.float32]
"""(N, 5) x0, y0, x1, y1 in pixels of the picture, and a score, [0, 1]."""

OVERLAP = 0.3
"""Of two boxes that overlap by more than this share of their union, the one with the lower score goes."""


class Detector(Protocol):
    """Finds what must be blurred."""

    def find(self, pixels: npt.NDArray[np.uint8]) -> Boxes:
        """The boxes in (H, W, 3) uint8 RGB pixels."""
        ...


def best_of_overlapping(boxes: Boxes) -> Boxes:
    """Non-maximum suppression: the boxes without those that overlap a better one."""
    rest = boxes[np.argsort(-boxes[:, 4], kind="stable")]
    kept = []
    while len(rest):
        first, rest = rest[0], rest[1:]
        kept.append(first)
        rest = rest[_overlaps(first, rest) <= OVERLAP]
    return np.array(kept, np.float32).reshape(-1, 5)


def _overlaps(box: npt.NDArray[np.float32], boxes: Boxes) -> npt.NDArray[np.float32]:
    """(N,) shares of the union that box and boxes have in common."""
    sides = np.minimum(box[2:4], boxes[:, 2:4]) - np.maximum(box[:2], boxes[:, :2])
    common = np.prod(np.maximum(sides, 0.0), axis=1)
    areas = np.prod(boxes[:, 2:4] - boxes[:, :2], axis=1) + np.prod(box[2:4] - box[:2])
    return np.asarray(common / np.maximum(areas - common, 1e-9), np.float32)
