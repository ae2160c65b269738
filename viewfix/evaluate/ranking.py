"""Rank the photos of the map for every query, and collect the failures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .. import metrics
from ..geo import distance_m
from ..map import Map
from ..reports.formatting import credit
from ..types import Position
from .descriptors import EmbeddedPictures
from .result import Failure

CHUNK = 256
"""Queries compared with the whole map at a time, so that the table of similarities stays small."""

ELSEWHERE = -2.0
"""Below any cosine."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """(Q, K) int64 rows of the photos, best first, and their (Q, K) float32 similarities."""

    rows: npt.NDArray[np.int64]
    similarities: npt.NDArray[np.float32]

    def error(self, photos: EmbeddedPictures, queries: EmbeddedPictures) -> metrics.MetricError | None:
        """The distance of the best match of every query from the ground truth; None if positions are unknown."""
        if not (photos.placed and queries.placed):
            return None
        return metrics.metric_error(
            [
                _distance_m(query.position, photos.pictures[int(row)].position)
                for query, row in zip(queries.pictures, self.rows[:, 0], strict=True)
            ]
        )


def rank_exactly(photos: EmbeddedPictures, queries: EmbeddedPictures, k: int) -> Ranking:
    """Compare every query with every photo."""
    rows, similarities = [], []
    for start in range(0, len(queries), CHUNK):
        table = similarities_of(photos, queries, slice(start, start + CHUNK))
        best = metrics.ranked(table, k)
        rows.append(best)
        similarities.append(np.take_along_axis(table, best, axis=1))
    return Ranking(np.concatenate(rows), np.concatenate(similarities))


def similarities_of(photos: EmbeddedPictures, queries: EmbeddedPictures, rows: slice) -> npt.NDArray[np.float32]:
    """(q, M) float32 cosines of some queries and all photos; photos of other areas rank last."""
    table: npt.NDArray[np.float32] = queries.descriptors[rows] @ photos.descriptors.T
    if photos.areas is not None and queries.areas is not None:
        table[queries.areas[rows, None] != photos.areas[None]] = ELSEWHERE
    return table


def rank_by_map(city: Map, queries: EmbeddedPictures, k: int) -> Ranking:
    """Search a map with its own index; rows count its photos in the order of `Map.photos`."""
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
    positives: Sequence[npt.NDArray[np.int64]],
    photos: EmbeddedPictures,
    queries: EmbeddedPictures,
) -> tuple[Failure, ...]:
    """Every query whose best match is wrong, with its most similar right photo; the most similar mistakes first."""
    found = [
        _failure(query, int(ranking.rows[query, 0]), positives[query], photos, queries)
        for query in map(int, np.flatnonzero(~hits[:, 0]))
    ]
    return tuple(sorted(found, key=lambda each: -each.wrong_similarity))


def _failure(
    query: int, wrong: int, positives: npt.NDArray[np.int64], photos: EmbeddedPictures, queries: EmbeddedPictures
) -> Failure:
    query_picture, wrong_photo = queries.pictures[query], photos.pictures[wrong]
    similarities = similarities_of(photos, queries, slice(query, query + 1))[0]
    best = int(positives[np.argmax(similarities[positives])]) if len(positives) else None
    wrong_m = _distance_m(query_picture.position, wrong_photo.position)
    shown = [query_picture, wrong_photo, *([] if best is None else [photos.pictures[best]])]
    return Failure(
        query_id=query_picture.id,
        query_source=query_picture.source,
        wrong_id=wrong_photo.id,
        wrong_source=wrong_photo.source,
        wrong_similarity=float(similarities[wrong]),
        wrong_m=None if np.isnan(wrong_m) else wrong_m,
        right_id=None if best is None else photos.pictures[best].id,
        right_source=None if best is None else photos.pictures[best].source,
        right_similarity=None if best is None else float(similarities[best]),
        right_rank=None if best is None else 1 + int((similarities > similarities[best]).sum()),
        credits=tuple(dict.fromkeys(filter(None, map(credit, shown)))),
        query_view=query_picture.view,
        wrong_view=wrong_photo.view,
        right_view=None if best is None else photos.pictures[best].view,
    )


def _distance_m(one: Position | None, other: Position | None) -> float:
    return float("nan") if one is None or other is None else distance_m(one, other)
