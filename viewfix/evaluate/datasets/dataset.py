"""A dataset: map pictures, queries, and the right map pictures of every query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from ...errors import BadInput
from ...types import Photo, Position, Skipped, View
from ..protocol import Count, Protocol

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of a dataset; `source` is a path or a URL, `heading_deg` clockwise from north, [0, 360)."""

    id: str
    source: str
    position: Position | None = None
    heading_deg: float | None = None
    attribution: str | None = None
    licence: str | None = None
    view: View | None = None
    taken_at: datetime | None = None

    @classmethod
    def of(cls, photo: Photo) -> Picture:
        return cls(
            photo.id,
            photo.source,
            photo.position,
            photo.heading_deg,
            photo.attribution,
            photo.licence,
            photo.view,
            photo.taken_at,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Areas:
    """Parts of a dataset that are measured separately: a query is compared only with map pictures of its own area.

    `map` is (M,) int64 and `queries` (Q,) int64: the area number of each.
    """

    map: Rows
    queries: Rows


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """M map pictures, Q queries, and for every query the rows of `map` that are right: (n,) int64, ascending.

    `skipped` are pictures that could not be used, `notes` sentences for people. `areas` is None if every query is
    compared with every map picture.

    Raises:
        BadInput: on creation, if there is no map picture or no query.
    """

    name: str
    map: tuple[Picture, ...]
    queries: tuple[Picture, ...]
    positives: Sequence[Rows]
    protocol: Protocol
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()
    areas: Areas | None = None

    def __post_init__(self) -> None:
        assert len(self.positives) == len(self.queries), "every query has its rows, even if there are none"
        for what, found in (("map pictures", self.map), ("queries", self.queries)):
            if not found:
                first = f" The first, {self.skipped[0].id}: {self.skipped[0].reason}" if self.skipped else ""
                raise BadInput(f"{self.name} has no usable {what}.{first} Check the folder.")

    @property
    def answerable(self) -> npt.NDArray[np.bool_]:
        """(Q,) bool: whether the map has a right picture at all."""
        return np.array([len(rows) > 0 for rows in self.positives], np.bool_)

    def count_check(self) -> str:
        """One line: the number of queries and map pictures, compared with the published numbers."""
        queries = _counted(len(self.queries), "queries", self.protocol.expected_queries)
        photos = _counted(len(self.map), "map pictures", self.protocol.expected_database)
        return f"{self.name}: {queries}; {photos}"

    @property
    def warning(self) -> str | None:
        """The line of `count_check` if a number differs from the published one, else None."""
        pairs = (
            (len(self.queries), self.protocol.expected_queries),
            (len(self.map), self.protocol.expected_database),
        )
        matches = all(count is None or count.allows(found) for found, count in pairs)
        return None if matches else self.count_check()


def _counted(found: int, what: str, count: Count | None) -> str:
    if count is None:
        return f"{found:,} {what}"
    if count.allows(found):
        if count.certain:
            return f"{found:,} {what}, as published"
        return f"{found:,} {what}, as far as known: {count}"
    fault = "the folder is incomplete" if found < count.least else "the folder has more pictures than the protocol"
    return f"{found:,} {what}, but {count} are published: {fault}"
