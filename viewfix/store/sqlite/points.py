"""The points of interest of a map file; see `viewfix.store.points`."""

from __future__ import annotations

import contextlib
import json
import math
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime

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

_IN_BOX = (
    "SELECT points.number, lat, lon, notability FROM point_places AS place JOIN points ON points.number = place.number "
    "WHERE place.south <= ? AND place.north >= ? AND place.west <= ? AND place.east >= ?"
)
_MARGIN_DEG = 1e-9  # 0.1 mm: the R*Tree rounds numbers too close to 0 for float32 to 0
_LAT_DEG_M = 110_500.0  # under the shortest degree of latitude on WGS84


class SqlitePoints(Points):
    """See `Points`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def __len__(self) -> int:
        with self._connections.borrow() as connection:
            return int(connection.execute("SELECT coalesce(sum(points), 0) FROM point_sources").fetchone()[0])

    def sources(self) -> list[PointSource]:
        query = "SELECT file, attribution, licence, points, added_at FROM point_sources ORDER BY source"
        with self._connections.borrow() as connection:
            found = connection.execute(query).fetchall()
        return [
            PointSource(file, attribution, licence, points, datetime.fromisoformat(added_at))
            for file, attribution, licence, points, added_at in found
        ]

    def spots(self, region: Region) -> Spots:
        found: list[tuple[int, float, float, float]] = []
        with self._connections.borrow() as connection:
            for box in cover(region):
                edges = (
                    box.north + _MARGIN_DEG,
                    box.south - _MARGIN_DEG,
                    box.east + _MARGIN_DEG,
                    box.west - _MARGIN_DEG,
                )
                found += connection.execute(_IN_BOX, edges)
        return Spots.within(region, found)

    def get(self, numbers: npt.ArrayLike) -> list[PointOfInterest]:
        asked = np.asarray(numbers, np.int64).tolist()
        query = f"SELECT number, {COLUMNS} FROM {JOINED} WHERE number IN (SELECT value FROM json_each(?))"
        with self._connections.borrow() as connection:
            lines = connection.execute(query, (json.dumps(asked),))
            found = dict(to_points(lines, self._connections.damage))
        return [found[number] for number in asked if number in found]

    def all(self, chunk: int = 4096) -> Iterator[PointOfInterest]:
        after = 0
        query = f"SELECT number, {COLUMNS} FROM {JOINED} WHERE number > ? ORDER BY number LIMIT ?"
        while True:
            with self._connections.borrow() as connection:
                found = connection.execute(query, (after, chunk)).fetchall()
            if not found:
                return
            after = found[-1][0]
            for _, point in to_points(found, self._connections.damage):
                yield point

    @contextlib.contextmanager
    def replacing(self, source: PointSource) -> Iterator[PointWriter]:
        with self._connections.transaction() as connection:
            _forget(connection, source.file)
            added_at = (source.added_at or datetime.now(UTC)).isoformat(timespec="seconds")
            query = "INSERT INTO point_sources (file, attribution, licence, added_at, points) VALUES (?, ?, ?, ?, 0)"
            number = connection.execute(query, (source.file, source.attribution, source.licence, added_at)).lastrowid
            assert number is not None
            writer = SqlitePointWriter(connection, number)
            yield writer
            connection.execute("UPDATE point_sources SET points = ? WHERE source = ?", (writer.count, number))

    def remove(self, file: str | None = None) -> int:
        with self._connections.transaction() as connection:
            if file is None:
                files = [each for (each,) in connection.execute("SELECT file FROM point_sources")]
            else:
                files = [file]
                if not connection.execute("SELECT 1 FROM point_sources WHERE file = ?", (file,)).fetchone():
                    known = ", ".join(each for (each,) in connection.execute("SELECT file FROM point_sources LIMIT 5"))
                    raise BadInput(
                        f"{self._connections.path} has no points of interest from {file}. "
                        + (f"It has those from: {known}." if known else "It has none.")
                    )
            return sum(_forget(connection, each) for each in files)


class SqlitePointWriter(PointWriter):
    """See `PointWriter`."""

    def __init__(self, connection: sqlite3.Connection, source: int) -> None:
        self._connection, self._source = connection, source
        self.count = 0

    def has(self, point_id: str) -> bool:
        query = "SELECT 1 FROM points WHERE source = ? AND id = ?"
        return self._connection.execute(query, (self._source, point_id)).fetchone() is not None

    def alike(self, column: str, value: str, at: Position, within_m: float) -> list[tuple[int, PointOfInterest]]:
        reach_deg = within_m / _LAT_DEG_M
        reach_lon_deg = reach_deg / max(math.cos(math.radians(abs(at.lat) + reach_deg)), 1e-9)
        # The plus keeps SQLite from using the index on the source and reading all of it: it has no statistics.
        query = (
            f"SELECT number, {COLUMNS} FROM {JOINED} WHERE {column} = ? AND lat BETWEEN ? AND ? "
            "AND min(abs(lon - ?), 360 - abs(lon - ?)) <= ? AND +source = ?"
        )
        asked = (value, at.lat - reach_deg, at.lat + reach_deg, at.lon, at.lon, reach_lon_deg, self._source)
        return [(values[0], to_point(values[1:])) for values in self._connection.execute(query, asked).fetchall()]

    def put(self, point: PointOfInterest, *, name_key: str, wikidata: str | None) -> int:
        columns = "source, id, name, name_key, kind, lat, lon, notability, wikidata, names, links"
        values = (self._source, *to_values(point, name_key, wikidata))
        query = f"INSERT INTO points ({columns}) VALUES (?{', ?' * 10})"
        number = self._connection.execute(query, values).lastrowid
        assert number is not None
        self._place(number, point.position)
        self._outline(number, point)
        self.count += 1
        return number

    def change(self, number: int, point: PointOfInterest, *, name_key: str, wikidata: str | None) -> None:
        columns = "id, name, name_key, kind, lat, lon, notability, wikidata, names, links"
        values = (*to_values(point, name_key, wikidata), number)
        self._connection.execute(f"UPDATE points SET ({columns}) = (?{', ?' * 9}) WHERE number = ?", values)
        self._connection.execute("DELETE FROM point_places WHERE number = ?", (number,))
        self._outline(number, point)
        self._place(number, point.position)

    def _place(self, number: int, at: Position) -> None:
        # The R*Tree keeps float32 and rounds the lower edges down and the upper ones up: the point stays inside.
        place = (number, at.lat, at.lat, at.lon, at.lon)
        self._connection.execute("INSERT INTO point_places VALUES (?, ?, ?, ?, ?)", place)

    def _outline(self, number: int, point: PointOfInterest) -> None:
        self._connection.execute("DELETE FROM outlines WHERE number = ?", (number,))
        if (outline := to_outline(point)) is not None:
            self._connection.execute("INSERT INTO outlines (number, outline) VALUES (?, ?)", (number, outline))


def _forget(connection: sqlite3.Connection, file: str) -> int:
    mine = "SELECT number FROM points WHERE source = (SELECT source FROM point_sources WHERE file = ?)"
    for beside in ("point_places", "outlines"):
        connection.execute(f"DELETE FROM {beside} WHERE number IN ({mine})", (file,))
    gone = connection.execute(f"DELETE FROM points WHERE number IN ({mine})", (file,)).rowcount
    connection.execute("DELETE FROM point_sources WHERE file = ?", (file,))
    return gone
