"""Texts, positions, lengths and numbers become what stands on the page: short, the same everywhere, escaped."""

from __future__ import annotations

import html
import math

from ..types import Position

POINTS = ("north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west")


def escaped(text: str) -> str:
    """A text from outside, safe between tags and inside quotes.

    A file name that is not UTF-8 reaches Python with lone surrogates, which no page can be written with: they
    become question marks.
    """
    return html.escape(text.encode("utf-8", "replace").decode("utf-8"), quote=True)


def place(position: Position) -> str:
    """Latitude and longitude in degrees, with as many digits as a printed Fix has."""
    return f"{position.lat:.6f}, {position.lon:.6f}"


def length(metres: float) -> str:
    """Metres, or kilometres from one of them on."""
    if metres < 999.5:
        return f"{metres:.0f} m"
    return f"{metres / 1000:.1f} km" if metres < 99_950 else f"{metres / 1000:,.0f} km"


def direction(degrees: float) -> str:
    """The nearest of eight points of the compass."""
    return POINTS[round(degrees / 45.0) % 8]


def heading(degrees: float) -> str:
    """Where a camera looked, in degrees and in a word."""
    return f"{degrees:.0f}° ({direction(degrees)})"


def probability(share: float) -> str:
    """Rounded down, and never 1.00, as a printed Fix says it."""
    return f"{min(math.floor(100 * share) / 100, 0.99):.2f}"


def figure(value: float) -> str:
    """A number with three digits that matter, without an exponent where people would not expect one."""
    if value == 0 or (math.isfinite(value) and (value.is_integer() or abs(value) >= 100)):
        return f"{value + 0.0:.0f}"
    return f"{value:.3g}"


def counted(count: int, one: str, many: str | None = None) -> str:
    """A count and its noun: "1 photo", "2 photos"."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
