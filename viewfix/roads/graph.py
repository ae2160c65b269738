"""The road graph: junctions and edges as columns of numbers."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

STEP_DEG = 1e-5
"""The unit of coordinates: 1.1 m of latitude."""

METRES_A_DEGREE = 111_320.0

DM_A_UNIT = 5
"""The lengths of a graph that was built are multiples of this, so that few bytes store them exactly."""

GATE = "gate"
"""The class of the edges of length 0 that stand for a barrier: only some may pass."""

MOST_JUNCTIONS, MOST_EDGES, MOST_SHAPE = 1_000_000, 1_000_000, 4_000_000
MOST_TURNS = 1_000_000
LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Kind:
    """What edges have in common: the value of `highway`, or GATE, and the access mask (see `access`)."""

    road: str
    access: int


@dataclass(frozen=True, slots=True)
class Graph:
    """A road graph of N junctions and E edges. Coordinates are whole multiples of STEP_DEG.

    `starts`, `ends`: (E,) junctions, starts <= ends. `kinds`, `names`: (E,) places in `kind_table` and `name_table`,
    whose first name is empty. `lengths_dm`: (E,) decimetres, along the road as it was drawn. `shape_counts`: (E,) the
    number of points between start and end; `shape_lats`, `shape_lons` hold these of all edges, one after the other. A
    graph across the 180th meridian continues beyond 180 degrees. `turns`: (T, 3) forbidden turns: twice the edge on
    which one comes, plus 1 against its direction; the edge on which one must not go on; 1 for bicycles + 2 for cars.
    """

    lats: Ints
    lons: Ints
    starts: Ints
    ends: Ints
    kinds: Ints
    names: Ints
    lengths_dm: Ints
    shape_counts: Ints
    shape_lats: Ints
    shape_lons: Ints
    kind_table: tuple[Kind, ...]
    name_table: tuple[str, ...]
    attribution: str | None = None
    licence: str | None = None
    turns: Ints = field(default_factory=lambda: np.empty((0, 3), np.int64))

    @property
    def length_m(self) -> float:
        """The length of all roads together."""
        return float(self.lengths_dm.sum()) / 10.0

    @property
    def credit(self) -> str | None:
        """The credit to show with a route."""
        return ", ".join(part for part in (self.attribution, self.licence) if part) or None
