"""A query descriptor goes in, its nearest rows come out: HNSW of pgvector, or everything where photos are few."""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..geo import Region
from ..store.postgres import wire
from ..store.postgres.connect import told
from ..store.postgres.reading import corners, one, vectors
from ..store.records import to_units
from ..store.regions import cover, inside
from ..types import Progress, silent
from .search import best, cosines

if TYPE_CHECKING:
    from ..store.postgres.connect import Connection
    from ..store.postgres.store import PostgresStore

Rows = npt.NDArray[np.int64]
Units = npt.NDArray[np.float32]

INDEX = "descriptors_by_likeness"
INDEX_FROM = 20_000  # photos: comparing with all of them takes about 10 ms of the server
MOST_DIM = 4_000  # HNSW of pgvector holds no longer halfvecs: longer ones are indexed by their signs
SPARE = 30  # candidates beyond 2 k that are compared with all digits
SMALL_REGION = 8_000  # photos: up to so many, all of a region are compared
BUILD_MEMORY = "1GB"  # of the server while an index is made, at most; with less pgvector goes by the disk, slowly


def likeness(dim: int) -> tuple[str, str]:
    """What HNSW is made over, and what a query is ordered by; both in SQL, the second with a mark for the query."""
    if dim <= MOST_DIM:
        return "vector halfvec_ip_ops", f"vector <#> %(query)s::halfvec({dim})"
    signs = f"(binary_quantize(vector)::bit({dim}))"
    return f"({signs}) bit_hamming_ops", f"{signs} <~> binary_quantize(%(query)s::halfvec({dim}))::bit({dim})"


class PostgresSearch:
    """See Search. Similarities are those of the stored descriptors; what was put or removed is seen at once."""

    def __init__(self, store: PostgresStore, progress: Progress = silent) -> None:
        self._store = store
        self._progress = progress
        self._over, self._order = likeness(store.model.dim)

    def nearest(
        self, query: npt.NDArray[np.float32], k: int, region: Region | None = None
    ) -> tuple[Rows, npt.NDArray[np.float32]]:
        """See Search. Without a region about 2 in 100 of the true ten may be missed in a large map."""
        query = np.ascontiguousarray(query, dtype=np.float32)
        asked = {"query": wire.literal(query), "count": 2 * k + SPARE}
        if region is None:
            rows, units = self._of_all(asked)
        else:
            rows, units = self._of_region(asked, k, region)
        return best(rows, cosines(units, query), k)

    def _of_region(self, asked: dict[str, Any], k: int, region: Region) -> tuple[Rows, Units]:
        """Candidates of a region: of a small one all photos are compared, in a large one the graph is followed."""
        boxes = {f"box{n}": corners(box) for n, box in enumerate(cover(region))}
        within = " OR ".join(f"at <@ %({name})s::box" for name in boxes)
        asked |= boxes | {"most": SMALL_REGION + 1}
        small = (
            f"WITH here AS MATERIALIZED (SELECT coalesce(array_agg(row), '{{}}') AS rows FROM "
            f"(SELECT row FROM photos WHERE {within} LIMIT %(most)s) AS those) "
            "SELECT row, vector, at[1], at[0], (SELECT cardinality(rows) FROM here) FROM (SELECT row, vector FROM "
            f"descriptors WHERE row = ANY((SELECT rows FROM here)::bigint[]) ORDER BY {self._order} LIMIT %(count)s) "
            "AS best JOIN photos USING (row)"
        )
        large = (
            f"SELECT row, vector, at[1], at[0] FROM descriptors JOIN photos USING (row) WHERE {within} "
            f"ORDER BY {self._order} LIMIT %(count)s"
        )
        query = small
        while True:
            found = self._store.lines(query, asked, binary=True)
            if query is small and found and found[0][4] > SMALL_REGION:
                query = large
                continue
            lats, lons = (np.array([line[at] for line in found], np.float64) for at in (2, 3))
            kept = [found[at] for at in np.flatnonzero(inside(region, lats, lons))]
            if len(kept) >= k or len(found) < asked["count"]:
                halves = wire.to_halves([line[1] for line in kept], self._store.model.dim)
                assert halves is not None, "a column of halfvec(dim) holds nothing else"
                return np.array([line[0] for line in kept], np.int64), to_units(halves)
            asked["count"] *= 4  # many lay in the box, and beside the circle

    def _of_all(self, asked: dict[str, Any]) -> tuple[Rows, Units]:
        query = f"SELECT row, vector FROM descriptors ORDER BY {self._order} LIMIT %(count)s"
        store = self._store
        rows, halves = store.read(vectors, query, asked, store.model.dim, store.address)
        return rows, to_units(halves) if len(rows) else halves.astype(np.float32)

    def refresh(self) -> None:
        """Make the index once there are photos enough, while others read and write; nothing to do where it is there."""
        if len(self._store) >= INDEX_FROM:
            with self._store.alone(f"index of {self._store.map_id}") as connection:
                if connection is not None and not self._made(connection):
                    self._progress("making the search index", 0, None)
                    self._make(connection)

    def _made(self, connection: Connection) -> bool:
        query = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)"
        found = connection.execute(query, (f'"{self._store.place.map}".{INDEX}',)).fetchone()
        if found is not None and not found[0]:  # a build that was killed leaves one that is of no use
            connection.execute(f"DROP INDEX IF EXISTS {INDEX}")
        return bool(found and found[0])

    def _make(self, connection: Connection) -> None:
        connection.execute(f"SET maintenance_work_mem = '{BUILD_MEMORY}'")
        connection.execute(f"CREATE INDEX CONCURRENTLY {INDEX} ON descriptors USING hnsw ({self._over})")
        connection.execute("RESET maintenance_work_mem")
        connection.execute("ANALYZE descriptors, photos")

    def close(self) -> None:
        """Nothing to give back."""


@contextlib.contextmanager
def advisory(store: PostgresStore, purpose: str) -> Iterator[Connection | None]:
    """A connection to do something on that one process at a time may do; None where another is at it."""
    key = zlib.crc32(purpose.encode())
    with told(store.place), store.pool.borrowed() as connection:
        (mine,) = one(connection, "SELECT pg_try_advisory_lock(%s, %s)", (0x7669, key - 2**31))
        if not mine:
            yield None
            return
        try:
            yield connection
        finally:
            if not connection.closed:
                connection.execute("SELECT pg_advisory_unlock(%s, %s)", (0x7669, key - 2**31))
