"""A piece of road between two junctions, while a graph is being built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .access import reversed_access


@dataclass(slots=True)
class RoadPiece:
    """A piece of road. `nodes` are those of the file, its two ends included; `start` and `end` are junctions.

    `first_way` and `last_way` are the ways of the file at its start and its end; 0 for a gate.
    """

    start: int
    end: int
    nodes: Sequence[int]
    road: str
    access: int
    name: str
    first_way: int = 0
    last_way: int = 0

    def turned(self) -> RoadPiece:
        """The same piece, drawn in the other direction."""
        nodes, access = self.nodes[::-1], reversed_access(self.access)
        return RoadPiece(self.end, self.start, nodes, self.road, access, self.name, self.last_way, self.first_way)

    def joined(self, after: RoadPiece) -> RoadPiece:
        """This piece and one that begins where it ends, as one."""
        nodes = [*self.nodes, *after.nodes[1:]]
        ends = self.first_way, after.last_way
        return RoadPiece(self.start, after.end, nodes, self.road, self.access, self.name, *ends)
