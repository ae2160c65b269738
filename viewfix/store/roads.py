"""The roads of a map: one compact graph for each file that they came from."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..errors import BadInput, StorageFailed

MOST_BYTES = 64 * 2**20
"""The limit for one stored graph: some two million pieces of road."""

COLUMNS = "file, attribution, licence, edges, length_m, sha256, added_at"


@dataclass(frozen=True, slots=True)
class RoadSource:
    """A file whose roads are in the map, its attribution and licence, and how much there is of them.

    `edges` counts pieces of road between junctions. `sha256` is that of the stored bytes: it changes with the roads.
    """

    file: str
    attribution: str | None = None
    licence: str | None = None
    edges: int = 0
    length_m: float = 0.0
    sha256: str = ""
    added_at: datetime | None = None


class Roads(ABC):
    """The roads of one map. Any number of threads read them; a writer replaces those of one file."""

    @abstractmethod
    def sources(self) -> list[RoadSource]:
        """The files that the roads came from, in the order in which they were added."""

    @abstractmethod
    def replace(self, source: RoadSource, content: bytes) -> None:
        """Store the graph of a file in place of the one that came from it before, in one transaction."""

    @abstractmethod
    def remove(self, file: str | None = None) -> int:
        """Remove the roads of a file, or all. Returns the number of files whose roads were removed.

        Raises:
            BadInput: the map has no roads from that file.
        """

    @abstractmethod
    def _content(self, file: str) -> bytes | None:
        """The stored bytes; None if they are missing or too many."""

    def load(self, source: RoadSource) -> bytes:
        """The stored graph of a file.

        Raises:
            StorageFailed: it is damaged, or was removed meanwhile.
        """
        content = self._content(source.file)
        if content is None or hashlib.sha256(content).hexdigest() != source.sha256:
            raise StorageFailed(
                f"The roads from {source.file} are damaged, or were just replaced. Try again, or add the file again "
                "with: viewfix roads add"
            )
        return content


def to_sources(found: Iterable[Sequence[Any]]) -> list[RoadSource]:
    """Parse tuples of COLUMNS; damaged ones are left out."""
    sources = []
    for *values, added_at in found:
        try:
            file, attribution, licence, edges, length_m, sha256 = values
            at = datetime.fromisoformat(added_at)
            sources.append(RoadSource(file, attribution, licence, int(edges), float(length_m), str(sha256), at))
        except (ValueError, TypeError):
            continue
    return sources


def to_values(source: RoadSource, content: bytes) -> tuple[Any, ...]:
    """The values of COLUMNS and the content."""
    if len(content) > MOST_BYTES:
        raise BadInput(
            f"The roads of {source.file} take more than {MOST_BYTES // 2**20} MB. Cut out the area of the map first: "
            "osmium extract -b WEST,SOUTH,EAST,NORTH"
        )
    added_at = (source.added_at or datetime.now(UTC)).isoformat(timespec="seconds")
    sha256 = hashlib.sha256(content).hexdigest()
    head = (source.file, source.attribution, source.licence, source.edges, source.length_m)
    return (*head, sha256, added_at, content)


def unknown_file(address: object, file: str, known: Sequence[str]) -> BadInput:
    """The error for roads that are not in the map."""
    has = f"It has those from: {', '.join(known[:5])}." if known else "It has none."
    return BadInput(f"{address} has no roads from {file}. {has}")
