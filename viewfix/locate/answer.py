"""Candidates and a calibration become a Fix: found with its reason, or "not in this map" with its reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..types import Candidate, Fix, Position
from .confidence import Calibration
from .fuse import Consensus

VOTERS = 20
"""Candidates that vote for a place, however few are shown: as many as places can look alike, and cheap."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A fix, and what made it: the consensus behind it (None where there was no candidate), photos around, the line."""

    fix: Fix
    consensus: Consensus | None
    neighbours: int
    line: float


def answer(
    candidates: Sequence[Candidate],
    consensus: Consensus | None,
    calibration: Calibration,
    *,
    neighbours: int,
    line: float,
    k: int,
) -> Answered:
    """Decide.

    Args:
        candidates: strongest first.
        consensus: what they say together; None where there is none of them.
        calibration: the map's.
        neighbours: photos of the map around the consensus.
        line: below this probability, [0, 1], the answer is no.
        k: how many candidates to give as evidence.
    """
    if consensus is None:
        fix = Fix(None, 0.0, (), "no photo of the map lies where it was looked for")
        return Answered(fix, None, neighbours, line)
    evidence = tuple(candidates[:k])
    confidence = calibration.probability(consensus, neighbours)
    seen = _seen(consensus, candidates[consensus.best])
    if confidence < line:
        reason = f"the probability {confidence:.2f} is below {line:.2f}; {seen}"
        return Answered(Fix(None, confidence, evidence, reason), consensus, neighbours, line)
    at = consensus.position
    position = Position(at.lat, at.lon, max(calibration.radius_m, at.radius_m or 0.0))
    fix = Fix(position, confidence, evidence, seen, heading_deg=consensus.heading_deg)
    return Answered(fix, consensus, neighbours, line)


def _seen(consensus: Consensus, best: Candidate) -> str:
    """What the decision rests on, in words."""
    lead = "there is no other place to compare with"
    if consensus.rival is not None:
        apart = consensus.strength - consensus.rival
        lead = f"{apart:.2f} ahead of any other place" if apart >= 0 else f"{-apart:.2f} behind another place"
    agree = "" if best.inliers is None else f", {best.inliers} local features agree"
    return f"best similarity {consensus.similarity:.2f}, {best.photo.id}{agree}, {lead}"
