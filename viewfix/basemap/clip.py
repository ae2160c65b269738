"""Cut lines and areas at the edges of a drawing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

BEYOND = 12.0
"""How far beyond the edge lines and areas reach, in units: wider than any line, so that no cut is seen."""

Floats = npt.NDArray[np.float64]


def clipped_line(points: Floats, width: float, height: float) -> Iterator[Floats]:
    """The runs of a line that may be seen: with every step whose box meets the drawing."""
    if len(points) < 2:
        return
    low, high = np.minimum(points[:-1], points[1:]), np.maximum(points[:-1], points[1:])
    seen = (high >= -BEYOND).all(axis=1) & (low <= np.array([width, height]) + BEYOND).all(axis=1)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], seen, [False]]).astype(np.int8)))
    for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        yield points[start : end + 1]


def clipped_ring(points: Floats, width: float, height: float) -> Floats:
    """The part of a ring within the drawing, (N, 2), empty if there is none; by Sutherland and Hodgman."""
    ring = points
    for axis, edge, sign in (
        (0, -BEYOND, 1.0),
        (0, width + BEYOND, -1.0),
        (1, -BEYOND, 1.0),
        (1, height + BEYOND, -1.0),
    ):
        if len(ring) < 3:
            return np.empty((0, 2))
        inside = (ring[:, axis] - edge) * sign
        if (inside >= 0).all():
            continue
        following = np.roll(ring, -1, axis=0)
        after = np.roll(inside, -1)
        crosses = (inside >= 0) != (after >= 0)
        share = np.divide(inside, inside - after, out=np.zeros_like(inside), where=crosses)
        cut = ring + share[:, None] * (following - ring)
        # In order: each point that is inside, then the crossing on the way to the next.
        both = np.stack([ring, cut], axis=1).reshape(-1, 2)
        ring = both[np.stack([inside >= 0, crosses], axis=1).reshape(-1)]
    return ring
