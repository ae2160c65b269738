"""The evidence of one picture for each place of a map, before a decision is made."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..types import Candidate, Position
from .confidence import Calibration
from .fuse import Consensus

LEAST_PROBABILITY = 1e-12
"""Keeps the log-likelihood ratio finite."""


@dataclass(frozen=True, slots=True)
class PlaceEvidence:
    """The evidence for one place.

    `consensus` combines the candidates of the place; `density` is the number of photos of the map around it.
    `probability`, [0, 1], is that of the picture being taken within the radius of the place, if a picture is as likely
    to be from outside the map as from it.
    """

    consensus: Consensus
    density: int
    probability: float

    @property
    def position(self) -> Position:
        """The position of the camera, if the picture was taken at this place."""
        return self.consensus.position

    @property
    def heading_deg(self) -> float | None:
        """The direction of the camera, [0, 360), if the picture was taken at this place; None if unknown."""
        return self.consensus.heading_deg

    @property
    def log_likelihood_ratio(self) -> float:
        """log P(picture | taken here) - log P(picture | not taken here), natural logarithm.

        The calibration gives both outcomes the same prior weight, so the log-odds of its probability are this ratio.
        """
        p = min(max(self.probability, LEAST_PROBABILITY), 1 - LEAST_PROBABILITY)
        return math.log(p) - math.log1p(-p)


@dataclass(frozen=True, slots=True)
class Evidence:
    """The evidence of one picture.

    `candidates` are photos of the map, strongest first. `places` are the places that the candidates show, strongest
    first; empty if no photo of the map came into question. `matcher` is the requested verification ("accurate", "fast"
    or "off"). `complete` is False if some candidates could not be verified, for lack of a file or of time. `itself` is
    the id of the query itself, if the map contains it.
    """

    candidates: tuple[Candidate, ...]
    places: tuple[PlaceEvidence, ...]
    matcher: str
    complete: bool = True
    itself: str | None = None

    def candidates_of(self, place: PlaceEvidence) -> tuple[Candidate, ...]:
        """The candidates behind one place, strongest first."""
        return tuple(self.candidates[i] for i in place.consensus.members)


def weigh(consensus: Consensus, density: int, calibration: Calibration) -> PlaceEvidence:
    """Compute the evidence for one place by the calibration of the map."""
    return PlaceEvidence(consensus, density, calibration.probability(consensus, density))
