"""Decide: evidence becomes a fix, or "not in this map", each with its reason."""

from __future__ import annotations

from ..types import Candidate, Fix, Position
from .confidence import Calibration
from .evidence import Evidence
from .fuse import Consensus
from .options import QueryOptions

VOTERS = 20
"""Candidates that vote for a place, however few are shown: as many as places can look alike, and cheap."""


def line_of(evidence: Evidence, calibration: Calibration, options: QueryOptions) -> float:
    """The probability, [0, 1], below which the answer is "not in this map".

    The line is that of the matcher that was asked for, whether or not this query needed to be verified: so were the
    trials it was drawn by. Where some candidates could not be verified, the answer may rest on similarity alone, and
    must pass that line too.
    """
    line = options.line(calibration, evidence.matcher)
    return line if evidence.complete else max(line, options.line(calibration, "off"))


def decide(evidence: Evidence, calibration: Calibration, options: QueryOptions) -> Fix:
    """Answer one query by the strongest place.

    Args:
        evidence: what the picture says, for one place or more.
        calibration: the map's; it holds the radius of an answer.
        options: the line, and how many candidates to give.
    """
    line = line_of(evidence, calibration, options)
    if not evidence.places:
        return Fix(None, 0.0, (), "no photo of the map lies where it was looked for")
    place = evidence.places[0]
    shown = evidence.candidates[: options.k]
    seen = _in_words(place.consensus, evidence.candidates[place.consensus.best])
    if place.probability < line:
        reason = f"the probability {place.probability:.2f} is below {line:.2f}; {seen}"
        return Fix(None, place.probability, shown, reason)
    at = place.position
    position = Position(at.lat, at.lon, max(calibration.radius_m, at.radius_m or 0.0))
    return Fix(position, place.probability, shown, seen, heading_deg=place.heading_deg)


def _in_words(consensus: Consensus, best: Candidate) -> str:
    """What the decision rests on."""
    lead = "there is no other place to compare with"
    if consensus.rival is not None:
        apart = consensus.strength - consensus.rival
        lead = f"{apart:.2f} ahead of any other place" if apart >= 0 else f"{-apart:.2f} behind another place"
    agree = "" if best.inliers is None else f", {best.inliers} local features agree"
    return f"similarity {consensus.similarity:.2f} to {best.photo.id}{agree}, {lead}"
