"""Spots go in; the usual way from one to the next, and the holes in streets, come out. Pure geometry."""

from __future__ import annotations

import numpy as np

from ..locate.fuse import AGREE_M
from .grid import Floats, Grid, Indices

WIDE = 2.0
"""A way this many times the usual one is a gap; never one below AGREE_M, which leaves no place unseen."""

LONGEST_M = 100.0
LONGEST = 4.0
"""Beyond LONGEST_M, or in sparse maps LONGEST usual ways, two spots are not taken for neighbours in one street."""

STRAIGHT_COS = float(np.cos(np.radians(35)))
CORRIDOR = 0.25


def usual_m(nearest_m: Floats) -> float | None:
    """The median way from a spot to the next, metres; None where no spot has a next one."""
    known = nearest_m[np.isfinite(nearest_m)]
    return float(np.median(known)) if len(known) else None


def gaps(spots_m: Floats, spacing_m: float) -> list[tuple[int, int, float]]:
    """Pairs of spots with a hole between them, and how long it is, metres; the longest first.

    A hole is a way much longer than the usual with nothing beside it, in a street that goes on straight behind both
    of its ends: across a block of houses there is no hole, nor beyond the end of a road.

    Args:
        spots_m: (S, 3) float64 earth-centred metres.
        spacing_m: the usual way from a spot to the next.
    """
    least_m, most_m = max(WIDE * spacing_m, AGREE_M), max(LONGEST_M, LONGEST * spacing_m)
    grid = Grid(spots_m, most_m)
    found: list[tuple[int, int, float]] = []
    for start in range(len(spots_m)):
        near, apart_m = grid.near(spots_m[start])
        for end, length_m in _open_ways(spots_m, start, near, apart_m, (least_m, spacing_m)):
            there, there_m = grid.near(spots_m[end])
            ahead = (spots_m[end] - spots_m[start]) / length_m
            if _goes_on(spots_m[near] - spots_m[start], apart_m, -ahead, least_m) and _goes_on(
                spots_m[there] - spots_m[end], there_m, ahead, least_m
            ):
                found.append((start, end, length_m))
    return _one_each(spots_m, sorted(found, key=lambda gap: gap[2]))[::-1]


def _open_ways(
    spots_m: Floats, start: int, near: Indices, apart_m: Floats, scale_m: tuple[float, float]
) -> list[tuple[int, float]]:
    """Later spots beyond `scale_m[0]` with no spot in the corridor to them, and how far they are."""
    least_m, spacing_m = scale_m
    ends = np.flatnonzero((apart_m > least_m) & (near > start))
    if not len(ends):
        return []
    ways = spots_m[near] - spots_m[start]  # (K, 3)
    lengths_m = apart_m[ends]
    along = ways @ (ways[ends] / lengths_m[:, None]).T  # (K, E) metres
    beside_m2 = (apart_m**2)[:, None] - along**2
    wide_m = np.maximum(spacing_m, CORRIDOR * lengths_m)
    between = (along > 1e-3) & (along < lengths_m - 1e-3) & (beside_m2 <= wide_m**2)
    return [(int(near[ends[i]]), float(lengths_m[i])) for i in np.flatnonzero(~between.any(axis=0))]


def _goes_on(ways: Floats, apart_m: Floats, onward: Floats, within_m: float) -> bool:
    """Whether a spot has another behind it in line with the gap; one that has none at all may be of the street too."""
    close = (apart_m > 0) & (apart_m <= within_m)
    return bool(not close.any() or (ways[close] @ onward >= STRAIGHT_COS * apart_m[close]).any())


def _one_each(spots_m: Floats, pairs: list[tuple[int, int, float]]) -> list[tuple[int, int, float]]:
    """Two lanes have one hole: of gaps with nearly one middle the shortest."""
    kept: list[tuple[int, int, float]] = []
    middles = np.empty((len(pairs), 3))
    for start, end, length_m in pairs:
        middle = (spots_m[start] + spots_m[end]) / 2
        if (np.linalg.norm(middles[: len(kept)] - middle, axis=1) > AGREE_M).all():
            middles[len(kept)] = middle
            kept.append((start, end, length_m))
    return kept
