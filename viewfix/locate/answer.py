"""Candidates and a calibration become a Fix: found with its reason, or "not in this map" with its reason."""

from __future__ import annotations

from collections.abc import Sequence

from ..types import Candidate, Fix, Position
from .confidence import Calibration
from .fuse import Consensus, fuse

VOTERS = 20
"""Candidates that vote for a place, however few are shown: as many as places can look alike, and cheap."""


def answer(
    candidates: Sequence[Candidate],
    calibration: Calibration,
    *,
    elsewhere: Sequence[Candidate] = (),
    least_confidence: float,
    k: int,
) -> Fix:
    """Decide.

    Args:
        candidates: best first, VOTERS or more where there are so many.
        calibration: the map's.
        elsewhere: see `fuse`.
        least_confidence: below this probability, [0, 1], the answer is no.
        k: how many candidates to give as evidence.
    """
    consensus = fuse(candidates[:VOTERS], elsewhere=elsewhere)
    if consensus is None:
        return Fix(None, 0.0, (), "no photo of the map lies where it was looked for")
    evidence = tuple(candidates[:k])
    confidence = calibration.probability(consensus)
    seen = _seen(consensus, candidates[consensus.best])
    if confidence < least_confidence:
        reason = f"the probability {confidence:.2f} is below {least_confidence:.2f}; {seen}"
        return Fix(None, confidence, evidence, reason)
    at = consensus.position
    position = Position(at.lat, at.lon, max(calibration.radius_m, at.radius_m or 0.0))
    return Fix(position, confidence, evidence, seen, heading_deg=consensus.heading_deg)


def _seen(consensus: Consensus, best: Candidate) -> str:
    """What the decision rests on, in words."""
    lead = "there is no other place to compare with"
    if consensus.rival is not None:
        apart = consensus.similarity - consensus.rival
        lead = f"{apart:.2f} ahead of any other place" if apart >= 0 else f"{-apart:.2f} behind another place"
    return f"best similarity {consensus.similarity:.2f}, {best.photo.id}, {lead}"
