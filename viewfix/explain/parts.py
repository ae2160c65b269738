"""The parts of an explanation: candidates compared with the query, and the numbers behind the probability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..types import Candidate, Position

Pixels = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Pair:
    """The query and one candidate, with the points that were matched between them.

    `picture` is the candidate's, (H, W, 3) uint8 RGB, or None if it cannot be shown (`missing` says why). The matched
    points are (N, 2) x, y in pixels of the query and of `picture`; `agree` (N,) bool marks the inliers of the geometry,
    which is "fundamental" or "homography", or None if no geometry was found or searched for.
    """

    candidate: Candidate
    picture: Pixels | None
    query_points: Points
    candidate_points: Points
    agree: npt.NDArray[np.bool_]
    geometry: str | None
    missing: str | None = None


@dataclass(frozen=True, slots=True)
class Number:
    """One number behind the probability.

    `part` is its contribution to the log-odds, None if it has none. `weight` is what the value was multiplied by, None
    if it enters in another way.
    """

    name: str
    value: float | None
    weight: float | None
    part: float | None
    meaning: str


@dataclass(frozen=True, slots=True)
class Anchor:
    """The origin of the distances on the page: the fix or, without one, the best candidate."""

    position: Position
    name: str
