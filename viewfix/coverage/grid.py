"""Neighbours among up to a million points in earth-centred metres."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Cell = tuple[int, int, int]

_AROUND = tuple(itertools.product((-1, 0, 1), repeat=3))


class Grid:
    """Points sorted into cubes: everything within one edge of a point lies in its cube or in those around it.

    It works in three dimensions, so the 180th meridian and the poles need no special care.

    Args:
        points_m: (N, 3) float64, as `geo.earth_centred_m` returns them.
        reach_m: the largest distance that `near` covers.
    """

    def __init__(self, points_m: Floats, reach_m: float) -> None:
        self.points_m, self.reach_m = points_m, reach_m
        cells = np.floor(points_m / reach_m).astype(np.int64)
        order = np.lexsort(cells.T)
        cells = cells[order]
        starts = np.flatnonzero(np.r_[True, (cells[1:] != cells[:-1]).any(axis=1)][: len(cells)])
        self._members: dict[Cell, Indices] = dict(
            zip(map(tuple, cells[starts].tolist()), np.split(order, starts)[1:], strict=True)
        )

    def near(self, point_m: Floats) -> tuple[Indices, Floats]:
        """The (K,) points within reach of a (3,) point, nearest first, and their (K,) distances, metres."""
        x, y, z = np.floor(point_m / self.reach_m).astype(np.int64).tolist()
        cells = ((x + dx, y + dy, z + dz) for dx, dy, dz in _AROUND)
        found = [self._members[cell] for cell in cells if cell in self._members]
        if not found:
            return np.empty(0, np.int64), np.empty(0)
        at = np.concatenate(found)
        apart_m = np.sqrt(((self.points_m[at] - point_m) ** 2).sum(axis=1))
        order = np.argsort(apart_m, kind="stable")
        order = order[apart_m[order] <= self.reach_m]
        return at[order], apart_m[order]


def nearest_m(points_m: Floats, reach_m: float) -> Floats:
    """(N,) distances from each point to the next one, metres; inf where there is none within reach."""
    grid = Grid(points_m, reach_m)
    result = np.full(len(points_m), np.inf)
    for i, point_m in enumerate(points_m):
        _, apart_m = grid.near(point_m)
        if len(apart_m) > 1:
            result[i] = apart_m[1]  # the first is the point itself
    return result


def group_within(points_m: Floats, reach_m: float) -> tuple[Indices, Indices]:
    """Group points: each joins the nearest leader within reach or, if there is none, becomes a leader.

    Returns:
        groups: (N,) int64, the group of each point, numbered in the order in which the groups were opened.
        leaders: (G,) int64, the leader of each group.
    """
    # Bursts, and the four views of one panorama, share a position to the centimetre: one step for all of them.
    _, first, inverse = np.unique(np.round(points_m, 2), axis=0, return_index=True, return_inverse=True)
    inverse = inverse.reshape(-1)
    group_of = np.empty(len(first), np.int64)
    order = np.argsort(first)
    chosen = first[order]
    leaders: list[int] = []
    opened: dict[Cell, list[tuple[int, float, float, float]]] = {}
    cells = np.floor(points_m[chosen] / reach_m).astype(np.int64).tolist()
    for at, point, (i, j, k), (x, y, z) in zip(order, chosen, cells, points_m[chosen].tolist(), strict=True):
        best, best_m2 = -1, reach_m**2
        for group, gx, gy, gz in _leaders_around(opened, i, j, k):
            apart_m2 = (x - gx) ** 2 + (y - gy) ** 2 + (z - gz) ** 2
            if apart_m2 <= best_m2:
                best, best_m2 = group, apart_m2
        if best < 0:
            best = len(leaders)
            leaders.append(int(point))
            opened.setdefault((i, j, k), []).append((best, x, y, z))
        group_of[at] = best
    return group_of[inverse], np.array(leaders, np.int64)


def _leaders_around(
    leaders: dict[Cell, list[tuple[int, float, float, float]]], i: int, j: int, k: int
) -> Iterator[tuple[int, float, float, float]]:
    for di, dj, dk in _AROUND:
        yield from leaders.get((i + di, j + dj, k + dk), ())
