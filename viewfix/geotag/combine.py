"""Put together what the picture, its neighbours in time and a track say about one photo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..geo import distance_m
from ..types import Position


@dataclass(frozen=True, slots=True)
class Voice:
    """One source of evidence: where it puts the photo, and with which probability, [0, 1], within the radius."""

    by: str
    position: Position
    confidence: float
    heading_deg: float | None = None


def combined(voices: Sequence[Voice]) -> Voice | None:
    """The place that the voices amount to; None without voices.

    Voices that agree share the same pictures, so they are not independent: the higher probability counts, and not more.
    Voices that contradict each other weaken each other.
    """
    result: Voice | None = None
    for voice in voices:
        result = voice if result is None else _both(result, voice)
    return result


def agree(one: Position, other: Position) -> bool:
    """Whether two positions may be of the same photo."""
    return distance_m(one, other) <= (one.radius_m or 0.0) + (other.radius_m or 0.0)


def _both(one: Voice, other: Voice) -> Voice:
    best, second = (other, one) if other.confidence > one.confidence else (one, other)
    if agree(one.position, other.position):
        # The picture knows the direction; of two positions, that with the smaller radius says more.
        heading_deg = best.heading_deg if best.heading_deg is not None else second.heading_deg
        return replace(best, by=f"{one.by}, {other.by}", heading_deg=heading_deg)
    p, q = best.confidence, second.confidence
    wins, loses, neither = p * (1 - q), q * (1 - p), (1 - p) * (1 - q)
    total = wins + loses + neither
    return replace(best, confidence=wins / total if total > 0 else 0.0)
