"""Evidence: what one picture says for each place of a map, before anybody decides."""

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
    """What speaks for one place.

    `consensus` is what its candidates say together; `density` counts the photos of the map around it. `probability`
    is that the picture was taken within the radius of the place, [0, 1], for a picture that is as likely to be from
    outside the map as from it.
    """

    consensus: Consensus
    density: int
    probability: float

    @property
    def position(self) -> Position:
        """Where the picture was taken, if it was taken here."""
        return self.consensus.position

    @property
    def heading_deg(self) -> float | None:
        """Where the camera looked, if the picture was taken here."""
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
    """What one picture says about where it was taken.

    `candidates` are photos of the map, strongest first. `places` are the places they stand for, the strongest first;
    empty where no photo of the map came into question. `matcher` is how candidates were to be verified ("accurate",
    "fast", "off"); `complete` is False where some could not be: no file, or no time. `itself` is the id of the very
    photo that is asked about, where it is one of the candidates.
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
    """The evidence for one place, by the calibration of the map."""
    return PlaceEvidence(consensus, density, calibration.probability(consensus, density))
