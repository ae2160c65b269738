"""Nearest-neighbour search in PostgreSQL, by pgvector's HNSW index or, in a small map, by exact comparison."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ..geo import Region
from ..store.postgres import halfvec, vector_index
from ..store.postgres.read import corners, vectors
from ..store.records import to_units
from ..store.regions import cover, inside
from ..types import Progress, silent
from .levels import rounded_up
from .search import Rows, Similarities, Units, best, cosines

if TYPE_CHECKING:
    from ..store.postgres.connect import Connection
    from ..store.postgres.store import PostgresStore

SPARE = 20  # candidates beyond 2 k that are compared with full precision
SMALL_REGION = 8_000  # in a region with at most this many photos, all are compared


class PostgresSearch:
    """Search over a map in PostgreSQL. Similarities are computed from the stored descriptors. See Search.

    The next query sees photos that were added or removed.
    """

    def __init__(self, store: PostgresStore, progress: Progress = silent) -> None:
        self._store = store
        self._progress = progress
        self._dim = store.model.dim
        self._distance = vector_index.by_distance(self._dim)

    @classmethod
    def opened(
        cls, store: PostgresStore, *, progress: Progress = silent, notice: Callable[[str], None] | None = None
    ) -> Self:
        """See open_search. This search never calls `notice`."""
        return cls(store, progress)

    def nearest(self, query: Units, k: int, region: Region | None = None) -> tuple[Rows, Similarities]:
        """See Search. In a large map, about 2 in 100 of the true ten may be missed if no region is given."""
        query = np.ascontiguousarray(query, dtype=np.float32)
        values = {"query": halfvec.literal(query), "count": 2 * rounded_up(k) + SPARE}
        if region is None:
            rows, units = self._of_all(values)
        else:
            rows, units = self._of_region(values, rounded_up(k), region)
        return best(rows, cosines(units, query), k)

    @property
    def _order(self) -> str:
        """The SQL expression that orders candidates of the whole map or a large region, so that the index is used."""
        if self._dim <= vector_index.MOST_DIM:
            return self._distance
        ready = self._store.read(vector_index.state, self._store.url.map, self._dim) == "ready"
        return vector_index.by_signs(self._dim) if ready else self._distance

    def _of_region(self, values: dict[str, Any], k: int, region: Region) -> tuple[Rows, Units]:
        """The candidates in a region: all photos of a small region, or by the HNSW index in a large one."""
        boxes = {f"box{n}": corners(box) for n, box in enumerate(cover(region))}
        within = " OR ".join(f"at <@ %({name})s::box" for name in boxes)
        values |= boxes | {"most": SMALL_REGION + 1}
        small = (
            f"WITH here AS MATERIALIZED (SELECT coalesce(array_agg(row), '{{}}') AS rows FROM "
            f"(SELECT row FROM photos WHERE {within} LIMIT %(most)s) AS those) "
            "SELECT row, vector, at[1], at[0], (SELECT cardinality(rows) FROM here) FROM (SELECT row, vector FROM "
            "descriptors WHERE row = ANY((SELECT rows FROM here)::bigint[]) "
            f"ORDER BY {self._distance}, row LIMIT %(count)s) AS best JOIN photos USING (row)"
        )
        query = small
        while True:
            found = self._store.lines(query, values, binary=True)
            if query is small and found and found[0][4] > SMALL_REGION:
                query = (
                    f"SELECT row, vector, at[1], at[0] FROM descriptors JOIN photos USING (row) WHERE {within} "
                    f"ORDER BY {self._order}, row LIMIT %(count)s"
                )
                continue
            lats, lons = (np.array([line[at] for line in found], np.float64) for at in (2, 3))
            kept = [found[at] for at in np.flatnonzero(inside(region, lats, lons))]
            if len(kept) >= k or len(found) < values["count"]:
                halves = halfvec.to_halves([line[1] for line in kept], self._store.model.dim)
                assert halves is not None, "a column of halfvec(dim) holds nothing else"
                return np.array([line[0] for line in kept], np.int64), to_units(halves)
            values["count"] *= 4  # many were in the box but outside the circle

    def _of_all(self, values: dict[str, Any]) -> tuple[Rows, Units]:
        query = f"SELECT row, vector FROM descriptors ORDER BY {self._order}, row LIMIT %(count)s"
        store = self._store
        rows, halves = store.read(vectors, query, values, store.model.dim, store.address)
        return rows, to_units(halves) if len(rows) else halves.astype(np.float32)

    def refresh(self) -> None:
        """Build the index if there are enough photos, without blocking other readers and writers."""
        if len(self._store) >= vector_index.INDEX_FROM:
            with self._store.alone(f"index of {self._store.map_id}") as connection:
                if connection is not None:
                    self._build(connection)

    def _build(self, connection: Connection) -> None:
        state = vector_index.state(connection, self._store.url.map, self._dim)
        if state == "unusable":
            connection.execute(f"DROP INDEX IF EXISTS {vector_index.INDEX}")
        if state != "ready":
            self._progress("making the search index", 0, None)
            vector_index.build(connection, self._dim)

    def close(self) -> None:
        """Do nothing: there is nothing to release."""
