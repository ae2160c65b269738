"""Points of interest go into a map, source by source, each whole or not at all; they come out by place or in order."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..geo import Region
from ..types import PointOfInterest, Position
from .regions import inside

Floats = npt.NDArray[np.float64]

COLUMNS = "points.id, name, kind, lat, lon, notability, names, links, attribution, licence"
"""What `to_point` wants, of the tables points and point_sources joined."""


@dataclass(frozen=True, slots=True)
class PointSource:
    """A file whose points are in the map, whom to name for them, and how many they are."""

    file: str
    attribution: str | None = None
    licence: str | None = None
    points: int = 0
    added_at: datetime | None = None


class Spots(NamedTuple):
    """Points of a region, by the little that a choice needs: (N,) numbers, degrees, and how well known each is."""

    numbers: npt.NDArray[np.int64]
    lats: Floats
    lons: Floats
    notability: Floats

    @classmethod
    def within(cls, region: Region, found: Sequence[tuple[int, float, float, float]]) -> Spots:
        """Of rows of number, latitude, longitude and notability, some of them twice, those that lie in a region."""
        if not found:
            empty = np.empty(0)
            return cls(np.empty(0, np.int64), empty, empty, empty)
        table = np.array(sorted(set(found)), np.float64)  # numbers are whole and below 2**53: float64 holds them
        table = table[inside(region, table[:, 1], table[:, 2])]
        return cls(table[:, 0].astype(np.int64), table[:, 1], table[:, 2], table[:, 3])


class Points(ABC):
    """The points of interest of one map. Any number of threads read them; a writer replaces those of one source."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def sources(self) -> list[PointSource]:
        """Where they came from, in the order in which they were added."""

    @abstractmethod
    def spots(self, region: Region) -> Spots:
        """All that lie in a region."""

    @abstractmethod
    def get(self, numbers: npt.ArrayLike) -> list[PointOfInterest]:
        """The points of those numbers, in the order asked; any that are gone are left out."""

    @abstractmethod
    def all(self, chunk: int = 4096) -> Iterator[PointOfInterest]:
        """Every point, in the order in which they were added."""

    @abstractmethod
    def replacing(self, source: PointSource) -> AbstractContextManager[PointWriter]:
        """What is put in within the block replaces all that came from that file before, in one transaction."""

    @abstractmethod
    def remove(self, file: str | None = None) -> int:
        """Take out what came from a file, or everything; how many there were.

        Raises:
            BadInput: nothing came from that file.
        """


class PointWriter(ABC):
    """The points of one source, being put into a map."""

    count: int

    @abstractmethod
    def has(self, point_id: str) -> bool:
        """Whether a point of that id was put in."""

    @abstractmethod
    def alike(self, column: str, value: str, at: Position, within_m: float) -> list[tuple[int, PointOfInterest]]:
        """Points of this source with that "name_key" or "wikidata", within about so many metres."""

    @abstractmethod
    def put(self, point: PointOfInterest, *, name_key: str, wikidata: str | None) -> int:
        """Add a point; the number that it gets."""

    @abstractmethod
    def change(self, number: int, point: PointOfInterest, *, name_key: str, wikidata: str | None) -> None:
        """Replace what is known about a point that was put in."""


def to_point(values: Sequence[Any]) -> PointOfInterest:
    """COLUMNS to a PointOfInterest."""
    key, name, kind, lat, lon, notability, names, links, attribution, licence = values
    at = Position(lat, lon)
    return PointOfInterest(key, name, kind, at, json.loads(names), json.loads(links), notability, attribution, licence)


def to_values(point: PointOfInterest, name_key: str, wikidata: str | None) -> tuple[Any, ...]:
    """A point to id, name, name_key, kind, lat, lon, notability, wikidata, names, links."""
    names, links = (json.dumps(dict(each), ensure_ascii=False) for each in (point.names, point.links))
    at = point.position
    head = (point.id, point.name, name_key, point.kind, float(at.lat), float(at.lon), float(point.notability))
    return (*head, wikidata, names, links)
