"""Stable approximate results: the results for a smaller k are the first results for a larger k.

An approximate search compares a shortlist of candidates exactly. A longer shortlist may contain a better photo that a
shorter one missed, which would then appear among the first results. So up to 20 results come from one shortlist, and up
to 100 from a longer one, which adds photos only after the first 20.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .search import Rows, Similarities, best

LEVELS = (20, 100)
"""Numbers of results that share one shortlist. `locate` asks for 20."""

Levels = npt.NDArray[np.int8]


def rounded_up(k: int) -> int:
    """The number of results to make a shortlist for, if k are wanted."""
    return next((level for level in LEVELS if k <= level), k)


def levels_of(present: npt.NDArray[np.bool_], k: int, spare: int) -> Levels:
    """The level from which on each candidate of an ordered shortlist is considered: (N,) int8.

    Args:
        present: (N,) bool, which candidates are still in the map.
        k: the number of results the shortlist was made for.
        spare: the number of candidates beyond 2 k.
    """
    levels = np.zeros(len(present), np.int8)
    for number, level in enumerate(LEVELS, start=1):
        if level < k:
            count = spare + 2 * level
            while count < len(present) and np.count_nonzero(present[:count]) < level:
                count *= 4  # as the search for that many results does
            levels[count:] = number
    return levels


def merge(rows: Rows, similarities: Similarities, levels: Levels, k: int) -> tuple[Rows, Similarities]:
    """The k best of (N,) candidates, with those of a higher level after all results of lower levels.

    A candidate of a higher level that is better than a result of a lower level is left out, unless fewer than k remain.
    """
    if not levels.any():
        return best(rows, similarities, k)
    all_rows, all_similarities = best(rows, similarities, len(rows))
    order = np.argsort(rows)
    level = levels[order][np.searchsorted(rows[order], all_rows)]
    kept: list[Rows] = []
    start = count = 0
    for number, most in enumerate((*LEVELS, k)):
        known = start + np.flatnonzero(level[start:] <= number)[: max(0, min(most, k) - count)]
        if len(known):
            kept.append(known)
            count, start = count + len(known), int(known[-1]) + 1
    if count < min(k, len(rows)):
        return all_rows[:k], all_similarities[:k]
    at = np.concatenate(kept)
    return all_rows[at], all_similarities[at]
