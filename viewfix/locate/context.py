"""What answers the queries to one map: its store, its search, its calibration, its verifier."""

from __future__ import annotations

from dataclasses import dataclass

from ..geo import Circle
from ..search.search import Search
from ..store.store import Store
from .confidence import Calibration
from .fuse import AGREE_M, Consensus
from .verify import Verifier

MOST_COUNTED = 200
"""Photos counted around a place: more say nothing new about how dense the map is there."""


@dataclass(frozen=True, slots=True)
class MapContext:
    """The parts of an open map that a query uses; without a verifier it is answered by similarity alone."""

    store: Store
    search: Search
    calibration: Calibration
    verifier: Verifier | None = None


def density(store: Store, consensus: Consensus) -> int:
    """How many photos of the map lie within AGREE_M of a consensus, at most MOST_COUNTED."""
    at = consensus.position
    return len(store.rows_in(Circle(at.lat, at.lon, AGREE_M), MOST_COUNTED))
