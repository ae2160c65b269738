"""The parts of an open map that queries use: store, search, calibration and verifier."""

from __future__ import annotations

from dataclasses import dataclass

from ..geo import Circle
from ..search.search import Search
from ..store.store import Store
from .confidence import Calibration
from .fuse import AGREE_M, Consensus
from .verify import Verifier

MOST_COUNTED = 200
"""The largest number of photos to count around a place. More would not change the density much."""


@dataclass(frozen=True, slots=True)
class MapContext:
    """The parts of an open map that a query uses. Without a verifier, it is answered by similarity alone."""

    store: Store
    search: Search
    calibration: Calibration
    verifier: Verifier | None = None


def density(store: Store, consensus: Consensus) -> int:
    """The number of photos of the map within AGREE_M of a consensus, at most MOST_COUNTED."""
    at = consensus.position
    return len(store.rows_in(Circle(at.lat, at.lon, AGREE_M), MOST_COUNTED))
