"""Descriptors of queries and photos become the photos ranked for every query, and the failures worth looking at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .. import metrics
from ..geo import distance_m
from ..map import Map
from ..types import Position
from .described import Described
from .result import Failure

CHUNK = 256
"""Queries compared with the whole map at a time: a bounded table of similarities."""

ELSEWHERE = -2.0
"""Below any cosine."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """(Q, K) int64 rows of the photos, best first, and their (Q, K) float32 similarities."""

    rows: npt.NDArray[np.int64]
    similarities: npt.NDArray[np.float32]

    def error(self, photos: Described, queries: Described) -> metrics.MetricError | None:
        """How far the best match of every query lies from the truth; None where positions are not known."""
        if not (photos.placed and queries.placed):
            return None
        return metrics.metric_error(
            [
                _apart_m(query.position, photos.pictures[int(row)].position)
                for query, row in zip(queries.pictures, self.rows[:, 0], strict=True)
            ]
        )


def rank_exactly(photos: Described, queries: Described, k: int) -> Ranking:
    """Compare every query with every photo."""
    rows, similarities = [], []
    for start in range(0, len(queries), CHUNK):
        table = compared(photos, queries, slice(start, start + CHUNK))
        best = metrics.ranked(table, k)
        rows.append(best)
        similarities.append(np.take_along_axis(table, best, axis=1))
    return Ranking(np.concatenate(rows), np.concatenate(similarities))


def compared(photos: Described, queries: Described, rows: slice) -> npt.NDArray[np.float32]:
    """(q, M) float32 cosines of some queries and all photos; photos of another area come behind whatever can be."""
    table: npt.NDArray[np.float32] = queries.descriptors[rows] @ photos.descriptors.T
    if photos.areas is not None and queries.areas is not None:
        table[queries.areas[rows, None] != photos.areas[None]] = ELSEWHERE
    return table


def rank_by_map(city: Map, queries: Described, k: int) -> Ranking:
    """Ask a map, by whatever index it has; rows count its photos in the order of `Map.photos`."""
    row_of = {key: row for row, key in enumerate(city.store.ids())}
    k = min(k, len(row_of))
    rows = np.empty((len(queries), k), np.int64)
    similarities = np.empty((len(queries), k), np.float32)
    for query, descriptor in enumerate(queries.descriptors):
        candidates = city.locate_descriptor(descriptor, k=k, least_confidence=0.0).candidates
        rows[query] = [row_of[each.photo.id] for each in candidates]
        similarities[query] = [each.similarity for each in candidates]
    return Ranking(rows, similarities)


def failures(
    ranking: Ranking,
    hits: npt.NDArray[np.bool_],
    right: Sequence[npt.NDArray[np.int64]],
    photos: Described,
    queries: Described,
) -> tuple[Failure, ...]:
    """Every query whose best match is wrong, the surest mistakes first, each beside its most similar right photo."""
    found = [
        _failure(query, int(ranking.rows[query, 0]), right[query], photos, queries)
        for query in map(int, np.flatnonzero(~hits[:, 0]))
    ]
    return tuple(sorted(found, key=lambda each: -each.wrong_similarity))


def _failure(query: int, wrong: int, right: npt.NDArray[np.int64], photos: Described, queries: Described) -> Failure:
    asked, taken_for = queries.pictures[query], photos.pictures[wrong]
    similarities = compared(photos, queries, slice(query, query + 1))[0]
    best = int(right[np.argmax(similarities[right])]) if len(right) else None
    apart_m = _apart_m(asked.position, taken_for.position)
    return Failure(
        query_id=asked.id,
        query_source=asked.source,
        wrong_id=taken_for.id,
        wrong_source=taken_for.source,
        wrong_similarity=float(similarities[wrong]),
        wrong_m=None if np.isnan(apart_m) else apart_m,
        right_id=None if best is None else photos.pictures[best].id,
        right_source=None if best is None else photos.pictures[best].source,
        right_similarity=None if best is None else float(similarities[best]),
        right_rank=None if best is None else 1 + int((similarities > similarities[best]).sum()),
    )


def _apart_m(one: Position | None, other: Position | None) -> float:
    return float("nan") if one is None or other is None else distance_m(one, other)
