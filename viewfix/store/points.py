"""The points of interest of a map: replaced file by file, read by place or in order."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import BadInput
from ..geo import Region
from ..types import PointOfInterest, Position
from .damage import DamageLog
from .regions import inside

Floats = npt.NDArray[np.float64]

COLUMNS = "points.id, name, kind, lat, lon, notability, names, links, attribution, licence, outline"
JOINED = "points JOIN point_sources USING (source) LEFT JOIN outlines USING (number)"
"""The columns for `to_point`, and the tables that have them."""

MOST_CORNERS = 100
"""The limit for an outline."""


@dataclass(frozen=True, slots=True)
class PointSource:
    """A file whose points are in the map, its attribution and licence, and the number of its points."""

    file: str
    attribution: str | None = None
    licence: str | None = None
    points: int = 0
    added_at: datetime | None = None


class Spots(NamedTuple):
    """The points of a region, with what is needed to choose between them: (N,) numbers, degrees and notability."""

    numbers: npt.NDArray[np.int64]
    lats: Floats
    lons: Floats
    notability: Floats

    @classmethod
    def within(cls, region: Region, found: Sequence[tuple[int, float, float, float]]) -> Spots:
        """The rows of (number, latitude, longitude, notability) that lie in a region, without repetitions."""
        if not found:
            empty = np.empty(0)
            return cls(np.empty(0, np.int64), empty, empty, empty)
        numbers = {each for each in found if all(isinstance(value, int | float) for value in each)}
        table = np.array(sorted(numbers), np.float64).reshape(
            -1, 4
        )  # numbers are whole and below 2**53: float64 holds them
        table = table[inside(region, table[:, 1], table[:, 2])]
        return cls(table[:, 0].astype(np.int64), table[:, 1], table[:, 2], table[:, 3])


class Points(ABC):
    """The points of interest of one map. Any number of threads read them; a writer replaces those of one file."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def sources(self) -> list[PointSource]:
        """The files that the points came from, in the order in which they were added."""

    @abstractmethod
    def spots(self, region: Region) -> Spots:
        """The points that lie in a region."""

    @abstractmethod
    def get(self, numbers: npt.ArrayLike) -> list[PointOfInterest]:
        """The points with these numbers, in the same order; numbers that are gone are left out."""

    @abstractmethod
    def all(self, chunk: int = 4096) -> Iterator[PointOfInterest]:
        """Every point, in the order in which they were added."""

    @abstractmethod
    def replacing(self, source: PointSource) -> AbstractContextManager[PointWriter]:
        """Replace all points of a file with those that are put within the block, in one transaction."""

    @abstractmethod
    def remove(self, file: str | None = None) -> int:
        """Remove the points of a file, or all points. Returns the number removed.

        Raises:
            BadInput: the map has no points from that file.
        """


class PointWriter(ABC):
    """The points of one file while they are put into a map."""

    count: int

    @abstractmethod
    def has(self, point_id: str) -> bool:
        """Whether a point with this id was put."""

    @abstractmethod
    def alike(self, column: str, value: str, at: Position, within_m: float) -> list[tuple[int, PointOfInterest]]:
        """Points of this source with the same "name_key" or "wikidata", within about `within_m` metres."""

    @abstractmethod
    def put(self, point: PointOfInterest, *, name_key: str, wikidata: str | None) -> int:
        """Add a point; returns its number."""

    @abstractmethod
    def change(self, number: int, point: PointOfInterest, *, name_key: str, wikidata: str | None) -> None:
        """Replace a point."""


def to_point(values: Sequence[Any]) -> PointOfInterest:
    """Parse the values of COLUMNS."""
    key, name, kind, lat, lon, notability, names, links, attribution, licence, outline = values
    at = Position(lat, lon)
    texts = json.loads(names), json.loads(links)
    corners = () if outline is None else _corners(json.loads(outline))
    return PointOfInterest(key, name, kind, at, *texts, notability, attribution, licence, corners)


def _corners(value: Any) -> tuple[tuple[float, float], ...]:
    corners = [Position(lat, lon) for lat, lon in value[:MOST_CORNERS]]  # which checks the numbers
    return tuple((corner.lat, corner.lon) for corner in corners)


def to_outline(point: PointOfInterest) -> str | None:
    """The stored outline of a point, which is a row of its own; None if it has none."""
    return json.dumps([[round(lat, 7), round(lon, 7)] for lat, lon in point.outline]) if point.outline else None


def to_points(found: Iterable[Sequence[Any]], damage: DamageLog) -> Iterator[tuple[int, PointOfInterest]]:
    """Parse tuples of a number and COLUMNS into points; damaged ones are left out."""
    for number, *values in found:
        try:
            yield number, to_point(values)
        except (BadInput, ValueError, TypeError):
            damage.report_point(number)


def to_values(point: PointOfInterest, name_key: str, wikidata: str | None) -> tuple[Any, ...]:
    """The stored values of a point: id, name, name_key, kind, lat, lon, notability, wikidata, names, links."""
    names, links = (json.dumps(dict(each), ensure_ascii=False) for each in (point.names, point.links))
    at = point.position
    head = (point.id, point.name, name_key, point.kind, float(at.lat), float(at.lon), float(point.notability))
    return (*head, wikidata, names, links)
