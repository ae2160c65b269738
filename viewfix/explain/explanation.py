"""What an answer rests on, in a form that can be drawn: pictures, pairs of points, numbers. No drawing here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import StorageFailed
from ..types import Candidate, Fix, Position

Pixels = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Pair:
    """The query held against one candidate.

    `picture` is the candidate's, (H, W, 3) uint8 RGB, None where its file cannot be read (`missing` says why). The
    matched points are (N, 2) x, y in pixels of the two pictures as they are given here; `agree` (N,) bool says which
    are inliers of the geometry, which is "fundamental" or "homography", None where no geometry held or none was
    looked for.
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
    """One number that made the probability.

    `part` is its share of the log-odds, `weight` what the value was multiplied by; None for a number that is shown and
    not weighed, and `weight` also for one that enters in another way.
    """

    name: str
    value: float | None
    weight: float | None
    part: float | None
    meaning: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """One answer and everything behind it.

    `query` is (H, W, 3) uint8 RGB, upright. `pairs` are the best candidates, best first. `photos_of_map` are
    positions of the map's photos around (all of them, or a sample). `numbers` add up to the log-odds of
    `fix.confidence`. `least_confidence` is the line that was drawn; `calibration` one sentence on where the
    probability comes from (how many trials, when; or that it is the shipped prior).
    """

    name: str
    query: Pixels
    fix: Fix
    pairs: tuple[Pair, ...]
    photos_of_map: tuple[Position, ...]
    numbers: tuple[Number, ...]
    least_confidence: float
    calibration: str

    def html(self) -> str:
        """One HTML page that needs nothing else."""
        from .page import page  # draws what is defined here

        return page(self)

    def save(self, path: str | Path) -> None:
        """Write that page to a file.

        Raises:
            StorageFailed: it cannot be written.
        """
        try:
            Path(path).write_text(self.html(), encoding="utf-8")
        except OSError as error:
            raise StorageFailed(f"The page {path} was not written ({error.strerror}). Choose another file.") from error

    def _repr_html_(self) -> str:
        return self.html()
