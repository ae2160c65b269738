"""The decision between a position and "not in this map", with its reason."""

from __future__ import annotations

from ..types import Candidate, Fix, Position
from .confidence import Calibration
from .evidence import Evidence
from .fuse import Consensus
from .options import QueryOptions

VOTERS = 20
"""The number of candidates that vote for a place, whatever number is returned: enough if many places look alike."""


def line_of(evidence: Evidence, calibration: Calibration, options: QueryOptions) -> float:
    """The threshold, [0, 1]: below this probability the answer is "not in this map".

    It is the threshold of the requested matcher, even if this query did not need verification: the trials behind the
    threshold were treated the same way. If some candidates could not be verified, the answer may rest on similarity
    alone, and must pass the threshold for that too.
    """
    line = options.line(calibration, evidence.matcher)
    return line if evidence.complete else max(line, options.line(calibration, "off"))


def decide(evidence: Evidence, calibration: Calibration, options: QueryOptions) -> Fix:
    """Answer one query by the strongest place of its evidence.

    Args:
        evidence: the evidence for one place or more.
        calibration: the calibration of the map, which has the radius of an answer.
        options: the options of the query: the threshold, and the number of candidates to return.
    """
    line = line_of(evidence, calibration, options)
    if not evidence.places:
        return Fix(None, 0.0, (), "the map has no photo in the area of the search")
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
    """The numbers behind the decision, as a phrase for people."""
    lead = "there is no other place to compare with"
    if consensus.rival is not None:
        apart = consensus.strength - consensus.rival
        lead = f"{apart:.2f} ahead of any other place" if apart >= 0 else f"{-apart:.2f} behind another place"
    agree = "" if best.inliers is None else f", {best.inliers} local features agree"
    return f"similarity {consensus.similarity:.2f} to {best.photo.id}{agree}, {lead}"
