"""Positions, lengths, directions, shares and counts as short texts, the same in every report."""

from __future__ import annotations

import math
from typing import Protocol

from ..types import Position


class Credited(Protocol):
    """A photo, or anything else with an author and a licence."""

    @property
    def attribution(self) -> str | None: ...
    @property
    def licence(self) -> str | None: ...


COMPASS = ("north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west")


def place(position: Position) -> str:
    """Latitude and longitude in degrees, with as many digits as a printed Fix has."""
    return f"{position.lat:.6f}, {position.lon:.6f}"


def length(metres: float) -> str:
    """Metres below one kilometre, kilometres from there on."""
    if metres < 999.5:
        return f"{metres:.0f} m"
    return f"{metres / 1000:.1f} km" if metres < 99_950 else f"{metres / 1000:,.0f} km"


def direction(degrees: float) -> str:
    """The nearest of eight compass points."""
    return COMPASS[round(degrees / 45.0) % 8]


def heading(degrees: float) -> str:
    """The direction of a camera, in degrees and in words."""
    return f"{degrees:.0f}° ({direction(degrees)})"


def probability(share: float) -> str:
    """Two decimals, rounded down and never 1.00, as in a printed Fix."""
    return f"{min(math.floor(100 * share) / 100, 0.99):.2f}"


def percent(share: float | None) -> str:
    """A share in [0, 1] as a whole percentage."""
    return "unknown" if share is None else f"{100 * share:.0f} %"


def figure(value: float) -> str:
    """A number with three significant digits, without an exponent unless it is very small."""
    if value == 0 or (math.isfinite(value) and (value.is_integer() or abs(value) >= 100)):
        return f"{value + 0.0:.0f}"
    return f"{value:.3g}"


def counted(count: int, one: str, many: str | None = None) -> str:
    """A count and its noun: "1 photo", "2 photos"."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def units(value: float) -> str:
    """A coordinate or a length in an SVG drawing."""
    return f"{value:.1f}"


def credit(photo: Credited) -> str | None:
    """The credit to show with a photo, and its licence; None if neither is known."""
    return ", ".join(part for part in (photo.attribution, photo.licence) if part) or None
