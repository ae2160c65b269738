"""Findings become short phrases, the same at the terminal and on the page."""

from __future__ import annotations

from ..types import Position
from .directions import DIRECTIONS
from .findings import Coverage, Suggestion


def at(position: Position) -> str:
    return f"{position.lat:.6f}, {position.lon:.6f}"


def percent(share: float | None) -> str:
    return "unknown" if share is None else f"{100 * share:.0f} %"


def counted(number: int, noun: str) -> str:
    """1 photo, 2 photos."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def way(heading_deg: float | None) -> str:
    """Which way to look, as the end of a phrase."""
    if heading_deg is None:
        return "all round"
    return f"looking {DIRECTIONS[round(heading_deg / 90) % 4]}"


def gain(suggestion: Suggestion) -> str:
    spots = max(1, round(suggestion.gain))
    return f"about {counted(spots, 'spot')} more"


def asked(coverage: Coverage) -> str:
    """Which photos the figures are of."""
    if coverage.asked == coverage.photos:
        return f"all {coverage.photos:,} photos were left out in turn"
    return f"{coverage.asked:,} of {coverage.photos:,} photos, drawn by seed {coverage.seed}, were left out in turn"


def looks(coverage: Coverage) -> str:
    """What is known of headings."""
    if coverage.looks is None:
        return "no photo says where it looks"
    few = f"{coverage.spots_missing:,} of {counted(len(coverage.spots), 'spot')} lack one of four directions"
    few += f"; the usual spot has {coverage.looks}"
    return few + (f"; {counted(coverage.headless, 'photo')} without heading" if coverage.headless else "")


def summary(coverage: Coverage) -> list[str]:
    """Lines for the terminal."""
    checked = coverage.asked - coverage.alone
    lines = [
        f"{counted(coverage.photos, 'photo')} on {counted(len(coverage.spots), 'spot')}; {asked(coverage)}",
        f"found      {percent(coverage.share_found)}: {coverage.found:,} of {checked:,}, within "
        f"{coverage.radius_m:.0f} m of the truth",
        f"doubtful   {coverage.doubtful:,}, of which {coverage.misled:,} would be placed elsewhere",
        f"unknown    {coverage.alone:,}: no photo near enough to be found by",
        f"alike      {counted(len(coverage.look_alikes), 'pair')} of places far apart",
        f"gaps       {len(coverage.gaps):,} in streets"
        + ("" if coverage.spacing_m is None else f"; the next spot is usually {coverage.spacing_m:.0f} m away"),
        f"directions {looks(coverage)}",
    ]
    if coverage.suggestions:
        lines.append("to photograph next:")
    for rank, each in enumerate(coverage.suggestions[:5], start=1):
        lines.append(f"  {rank}. {at(each.position)}, {way(each.heading_deg)}: {each.reason} ({gain(each)})")
    return lines
