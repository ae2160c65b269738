"""The numbers behind a probability, as rows of a table with bars, and the comparison with the threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..reports.formatting import figure, probability
from ..types import Fix
from .parts import Number


@dataclass(frozen=True, slots=True)
class NumberRow:
    """One row. The bar of `part` runs from `bar_start`, `bar_length` long, on a scale from -100 to 100."""

    name: str
    meaning: str
    value: str
    weight: str
    part: str | None
    supports: bool
    bar_start: float
    bar_length: float


@dataclass(frozen=True, slots=True)
class NumberTable:
    """All rows, and their sum: the log-odds."""

    rows: tuple[NumberRow, ...]
    total: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The comparison of the probability with the threshold, as text for the page."""

    probability: str
    compared: str
    threshold: str
    therefore: str
    answer: str


def number_rows(numbers: Sequence[Number]) -> NumberTable:
    """Lay out the numbers; the longest bar is that of the largest part."""
    parts = [number.part for number in numbers if number.part is not None]
    largest = max((abs(part) for part in parts), default=0.0)
    return NumberTable(tuple(_row(number, largest) for number in numbers), f"{sum(parts, 0.0):+.2f}")


def _row(number: Number, largest: float) -> NumberRow:
    share = 0.0 if largest == 0 or number.part is None else number.part / largest
    return NumberRow(
        name=number.name,
        meaning=number.meaning,
        value="unknown" if number.value is None else figure(number.value),
        weight="" if number.weight is None else figure(number.weight),
        part=None if number.part is None else f"{number.part + 0.0:+.2f}",
        supports=number.part is None or number.part >= 0,
        bar_start=100 * min(share, 0.0),
        bar_length=100 * abs(share),
    )


def verdict(fix: Fix, threshold: float) -> Verdict:
    """Compare the probability of an answer with the threshold that was set."""
    above = fix.confidence >= threshold
    return Verdict(
        probability=probability(fix.confidence),
        compared="not below" if above else "below",
        threshold=f"{threshold:.2f}",
        therefore="so" if fix.found == above else "but",  # "but": there was nowhere to look
        answer="a place" if fix.found else "not in this map",
    )
