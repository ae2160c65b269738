"""The points of interest of a map in PostgreSQL; see `viewfix.store.points`."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ...errors import BadInput
from ...geo import Region
from ...types import PointOfInterest, Position
from ..points import (
    COLUMNS,
    JOINED,
    Points,
    PointSource,
    PointWriter,
    Spots,
    to_outline,
    to_point,
    to_points,
    to_values,
)
from ..regions import cover
from .connections import Connections
from .read import corners, one

if TYPE_CHECKING:
    from .connect import Connection

_LAT_DEG_M = 110_500.0  # under the shortest degree of latitude on WGS84
_SELECT = f"SELECT number, {COLUMNS} FROM {JOINED}"
_SELECT_OLDER = (  # a reader does not migrate a map
    f"SELECT number, {COLUMNS} FROM (SELECT *, NULL AS outline FROM points) AS points JOIN point_sources USING (source)"
)
_VALUES = "id, name, name_key, kind, lat, lon, notability, wikidata, names, links"


class PostgresPoints(Points):
    """See `Points`."""

    def __init__(self, connections: Connections, has_outlines: bool) -> None:
        self._connections = connections
        self._select = _SELECT if has_outlines else _SELECT_OLDER

    def __len__(self) -> int:
        query = "SELECT coalesce(sum(points), 0)::bigint FROM point_sources"
        return int(self._connections.lines(query)[0][0])

    def sources(self) -> list[PointSource]:
        query = "SELECT file, attribution, licence, points, added_at FROM point_sources ORDER BY source"
        found = self._connections.lines(query)
        return [
            PointSource(file, attribution, licence, points, datetime.fromisoformat(added_at))
            for file, attribution, licence, points, added_at in found
        ]

    def spots(self, region: Region) -> Spots:
        query = "SELECT number, lat, lon, notability FROM points WHERE point(lon, lat) <@ %s::box"
        found: list[tuple[int, float, float, float]] = []
        for box in cover(region):
            found += self._connections.lines(query, (corners(box),), binary=True)
        return Spots.within(region, found)

    def get(self, numbers: npt.ArrayLike) -> list[PointOfInterest]:
        asked = np.asarray(numbers, np.int64).tolist()
        query = f"{self._select} WHERE number = ANY(%s)"
        lines = self._connections.lines(query, (asked,))
        found = dict(to_points(lines, self._connections.damage))
        return [found[number] for number in asked if number in found]

    def all(self, chunk: int = 4096) -> Iterator[PointOfInterest]:
        after = 0
        query = f"{self._select} WHERE number > %s ORDER BY number LIMIT %s"
        while True:
            found = self._connections.lines(query, (after, chunk))
            if not found:
                return
            after = found[-1][0]
            for _, point in to_points(found, self._connections.damage):
                yield point

    @contextlib.contextmanager
    def replacing(self, source: PointSource) -> Iterator[PointWriter]:
        with self._connections.transaction() as connection:
            connection.execute("LOCK TABLE point_sources IN SHARE ROW EXCLUSIVE MODE")  # readers go on
            _forget(connection, source.file)
            added_at = (source.added_at or datetime.now(UTC)).isoformat(timespec="seconds")
            query = (
                "INSERT INTO point_sources (file, attribution, licence, added_at, points) VALUES (%s, %s, %s, %s, 0) "
                "RETURNING source"
            )
            (number,) = one(connection, query, (source.file, source.attribution, source.licence, added_at))
            writer = PostgresPointWriter(connection, number)
            yield writer
            connection.execute("UPDATE point_sources SET points = %s WHERE source = %s", (writer.count, number))

    def remove(self, file: str | None = None) -> int:
        with self._connections.transaction() as connection:
            connection.execute("LOCK TABLE point_sources IN SHARE ROW EXCLUSIVE MODE")
            known = [each for (each,) in connection.execute("SELECT file FROM point_sources ORDER BY source")]
            if file is not None and file not in known:
                raise BadInput(
                    f"{self._connections.url.address} has no points of interest from {file}. "
                    + (f"It has those from: {', '.join(known[:5])}." if known else "It has none.")
                )
            return sum(_forget(connection, each) for each in (known if file is None else [file]))


class PostgresPointWriter(PointWriter):
    """See `PointWriter`."""

    def __init__(self, connection: Connection, source: int) -> None:
        self._connection, self._source = connection, source
        self.count = 0

    def has(self, point_id: str) -> bool:
        query = "SELECT 1 FROM points WHERE source = %s AND id = %s"
        return self._connection.execute(query, (self._source, point_id)).fetchone() is not None

    def alike(self, column: str, value: str, at: Position, within_m: float) -> list[tuple[int, PointOfInterest]]:
        reach_deg = within_m / _LAT_DEG_M
        reach_lon_deg = reach_deg / max(math.cos(math.radians(abs(at.lat) + reach_deg)), 1e-9)
        query = (
            f"{_SELECT} WHERE {column} = %s AND lat BETWEEN %s AND %s "
            "AND least(abs(lon - %s), 360 - abs(lon - %s)) <= %s AND source = %s"
        )
        asked = (value, at.lat - reach_deg, at.lat + reach_deg, at.lon, at.lon, reach_lon_deg, self._source)
        return [(values[0], to_point(values[1:])) for values in self._connection.execute(query, asked).fetchall()]

    def put(self, point: PointOfInterest, *, name_key: str, wikidata: str | None) -> int:
        query = f"INSERT INTO points (source, {_VALUES}) VALUES (%s{', %s' * 10}) RETURNING number"
        (number,) = one(self._connection, query, (self._source, *to_values(point, name_key, wikidata)))
        self._outline(int(number), point)
        self.count += 1
        return int(number)

    def change(self, number: int, point: PointOfInterest, *, name_key: str, wikidata: str | None) -> None:
        query = f"UPDATE points SET ({_VALUES}) = (%s{', %s' * 9}) WHERE number = %s"
        self._connection.execute(query, (*to_values(point, name_key, wikidata), number))
        self._outline(number, point)

    def _outline(self, number: int, point: PointOfInterest) -> None:
        self._connection.execute("DELETE FROM outlines WHERE number = %s", (number,))
        if (outline := to_outline(point)) is not None:
            self._connection.execute("INSERT INTO outlines (number, outline) VALUES (%s, %s)", (number, outline))


def _forget(connection: Connection, file: str) -> int:
    mine = "SELECT source FROM point_sources WHERE file = %s"
    connection.execute(
        f"DELETE FROM outlines WHERE number IN (SELECT number FROM points WHERE source = ({mine}))", (file,)
    )
    gone = connection.execute(f"DELETE FROM points WHERE source = ({mine})", (file,)).rowcount
    connection.execute("DELETE FROM point_sources WHERE file = %s", (file,))
    return gone
