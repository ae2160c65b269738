"""The spacing of spots along streets, and the gaps between them. Geometry only."""

from __future__ import annotations

import numpy as np

from ..locate.fuse import AGREE_M
from .grid import Floats, Grid, Indices

WIDE = 2.0
"""A distance this many times the usual one is a gap, but never one below AGREE_M, which leaves nothing unseen."""

LONGEST_M = 100.0
LONGEST = 4.0
"""Spots farther apart than LONGEST_M, or LONGEST times the usual spacing in sparse maps, are not neighbours."""

STRAIGHT_COS = float(np.cos(np.radians(35)))
CORRIDOR = 0.25


def usual_spacing_m(nearest_m: Floats) -> float | None:
    """The median distance from a spot to the next, metres; None if no spot has a next one."""
    known = nearest_m[np.isfinite(nearest_m)]
    return float(np.median(known)) if len(known) else None


def find_gaps(spots_m: Floats, spacing_m: float) -> list[tuple[int, int, float]]:
    """Pairs of spots with a gap between them, and its length, metres; the longest first.

    A gap is much longer than the usual spacing and has no spots beside it, and the street continues straight on beyond
    both of its ends. So there is no gap across a block of houses, nor beyond the end of a road.

    Args:
        spots_m: (S, 3) float64 earth-centred metres.
        spacing_m: the usual distance from a spot to the next.
    """
    least_m, most_m = max(WIDE * spacing_m, AGREE_M), max(LONGEST_M, LONGEST * spacing_m)
    grid = Grid(spots_m, most_m)
    found: list[tuple[int, int, float]] = []
    for start in range(len(spots_m)):
        near, apart_m = grid.near(spots_m[start])
        for end, length_m in _free_lines(spots_m, start, near, apart_m, (least_m, spacing_m)):
            there, there_m = grid.near(spots_m[end])
            ahead = (spots_m[end] - spots_m[start]) / length_m
            if _goes_on(spots_m[near] - spots_m[start], apart_m, -ahead, least_m) and _goes_on(
                spots_m[there] - spots_m[end], there_m, ahead, least_m
            ):
                found.append((start, end, length_m))
    return _merge_lanes(spots_m, sorted(found, key=lambda gap: gap[2]))[::-1]


def _free_lines(
    spots_m: Floats, start: int, near: Indices, apart_m: Floats, scale_m: tuple[float, float]
) -> list[tuple[int, float]]:
    """Later spots beyond `scale_m[0]` with no spot in the corridor to them, and their distances."""
    least_m, spacing_m = scale_m
    ends = np.flatnonzero((apart_m > least_m) & (near > start))
    if not len(ends):
        return []
    offsets = spots_m[near] - spots_m[start]  # (K, 3)
    lengths_m = apart_m[ends]
    along = offsets @ (offsets[ends] / lengths_m[:, None]).T  # (K, E) metres
    beside_m2 = (apart_m**2)[:, None] - along**2
    wide_m = np.maximum(spacing_m, CORRIDOR * lengths_m)
    between = (along > 1e-3) & (along < lengths_m - 1e-3) & (beside_m2 <= wide_m**2)
    return [(int(near[ends[i]]), float(lengths_m[i])) for i in np.flatnonzero(~between.any(axis=0))]


def _goes_on(offsets: Floats, apart_m: Floats, onward: Floats, within_m: float) -> bool:
    """Whether the street continues behind one end of a gap; a spot with no neighbours at all counts as an end."""
    close = (apart_m > 0) & (apart_m <= within_m)
    return bool(not close.any() or (offsets[close] @ onward >= STRAIGHT_COS * apart_m[close]).any())


def _merge_lanes(spots_m: Floats, pairs: list[tuple[int, int, float]]) -> list[tuple[int, int, float]]:
    """Keep the shortest of gaps with nearly the same middle: two lanes of a street have one gap."""
    kept: list[tuple[int, int, float]] = []
    middles = np.empty((len(pairs), 3))
    for start, end, length_m in pairs:
        middle = (spots_m[start] + spots_m[end]) / 2
        if (np.linalg.norm(middles[: len(kept)] - middle, axis=1) > AGREE_M).all():
            middles[len(kept)] = middle
            kept.append((start, end, length_m))
    return kept
