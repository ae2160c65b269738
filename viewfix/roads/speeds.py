"""How fast one moves on each class of road, and which roads are preferred."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from .access import CYCLE, DRIVE, WALK
from .graph import Graph

Mode = Literal["walk", "cycle", "drive"]
MODES: tuple[Mode, ...] = get_args(Mode)

MASKS: dict[Mode, int] = {"walk": WALK, "cycle": CYCLE, "drive": DRIVE}

SPEED_KMH: dict[Mode, dict[str, float]] = {  # "" stands for every other class; a ferry includes waiting for it
    "walk": {"": 5.0, "steps": 3.0, "elevator": 1.0},
    "cycle": {"": 14.0, "cycleway": 18.0, "footway": 9.0, "pedestrian": 9.0, "path": 12.0, "track": 12.0, "ferry": 5.0,
              "primary": 18.0, "secondary": 18.0, "tertiary": 18.0, "residential": 18.0, "unclassified": 18.0},
    "drive": {"": 20.0, "motorway": 100.0, "motorway_link": 60.0, "trunk": 80.0, "trunk_link": 50.0, "primary": 50.0,
              "primary_link": 40.0, "secondary": 45.0, "secondary_link": 35.0, "tertiary": 40.0, "tertiary_link": 30.0,
              "unclassified": 30.0, "residential": 25.0, "living_street": 10.0, "service": 12.0, "pedestrian": 7.0,
              "ferry": 5.0},
}  # fmt: skip

WEIGHT: dict[Mode, dict[str, float]] = {  # how much longer a road feels than it takes
    "walk": {"primary": 1.1, "trunk": 1.3, "service": 1.1, "ferry": 1.5},
    "cycle": {"primary": 1.5, "trunk": 2.0, "primary_link": 1.5, "secondary": 1.2, "service": 1.1, "ferry": 1.5},
    "drive": {"service": 1.5, "pedestrian": 2.0, "ferry": 1.5},
}

FASTEST_KMH: dict[Mode, float] = {mode: max(speeds.values()) for mode, speeds in SPEED_KMH.items()}


def seconds_a_metre(graph: Graph, mode: Mode) -> npt.NDArray[np.float64]:
    """(K,) how long a metre takes, for each kind of road of the graph."""
    speeds = SPEED_KMH[mode]
    return np.array([3.6 / speeds.get(kind.road, speeds[""]) for kind in graph.kind_table], np.float64)


def cost_a_metre(graph: Graph, mode: Mode) -> npt.NDArray[np.float64]:
    """(K,) what a metre costs, in seconds that it feels like, for each kind of road of the graph."""
    weights = np.array([WEIGHT[mode].get(kind.road, 1.0) for kind in graph.kind_table], np.float64)
    return seconds_a_metre(graph, mode) * weights
