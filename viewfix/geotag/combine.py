"""Put together what the picture, its neighbours in time and a track say about one photo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..geo import distance_m
from ..types import Position


@dataclass(frozen=True, slots=True)
class Estimate:
    """Where one source of evidence, `by`, puts a photo, and the probability, [0, 1], that it is within the radius."""

    by: str
    position: Position
    confidence: float
    heading_deg: float | None = None


def combined(estimates: Sequence[Estimate]) -> Estimate | None:
    """Combine estimates of one photo; None without estimates.

    Estimates that agree rest on the same pictures, so they are not independent: only the higher probability counts.
    Estimates that contradict each other weaken each other.
    """
    result: Estimate | None = None
    for estimate in estimates:
        result = estimate if result is None else _both(result, estimate)
    return result


def agree(one: Position, other: Position) -> bool:
    """Whether two positions may be of the same photo."""
    return distance_m(one, other) <= (one.radius_m or 0.0) + (other.radius_m or 0.0)


def _both(one: Estimate, other: Estimate) -> Estimate:
    best, second = (other, one) if other.confidence > one.confidence else (one, other)
    if agree(one.position, other.position):
        # Only some sources know a direction, so it may come from the less likely one.
        heading_deg = best.heading_deg if best.heading_deg is not None else second.heading_deg
        return replace(best, by=f"{one.by}, {other.by}", heading_deg=heading_deg)
    p, q = best.confidence, second.confidence
    wins, loses, neither = p * (1 - q), q * (1 - p), (1 - p) * (1 - q)
    total = wins + loses + neither
    return replace(best, confidence=wins / total if total > 0 else 0.0)
