"""The result of a survey in a few phrases, the same in the terminal and on the page."""

from __future__ import annotations

from ..reports.formatting import counted, percent, place
from .directions import DIRECTIONS
from .result import Coverage, Suggestion


def facing(heading_deg: float | None) -> str:
    """The direction in which to take a photo, as the end of a phrase."""
    if heading_deg is None:
        return "all round"
    return f"facing {DIRECTIONS[round(heading_deg / 90) % 4]}"


def gain(suggestion: Suggestion) -> str:
    """The gain of a suggestion in spots, at least one."""
    return f"about {counted(max(1, round(suggestion.gain)), 'more spot')}"


def sampled(coverage: Coverage) -> str:
    """Which photos the figures are based on."""
    if coverage.asked == coverage.photos:
        return f"all {coverage.photos:,} photos were left out in turn"
    return f"{coverage.asked:,} of {coverage.photos:,} photos, chosen by seed {coverage.seed}, were left out in turn"


def directions(coverage: Coverage) -> str:
    """What the headings of the photos show."""
    if coverage.looks is None:
        return "no photo has a heading"
    text = f"{coverage.spots_missing:,} of {counted(len(coverage.spots), 'spot')} lack one of four directions"
    text += f"; the usual spot has {coverage.looks}"
    return text + (f"; {counted(coverage.headless, 'photo')} without a heading" if coverage.headless else "")


def summary(coverage: Coverage) -> list[str]:
    """Lines for the terminal."""
    tested = coverage.asked - coverage.alone
    spacing = "" if coverage.spacing_m is None else f"; the next spot is usually {coverage.spacing_m:.0f} m away"
    lines = [
        f"{counted(coverage.photos, 'photo')} on {counted(len(coverage.spots), 'spot')}; {sampled(coverage)}",
        f"found      {percent(coverage.share_found)}: {coverage.found:,} of {tested:,}, within "
        f"{coverage.radius_m:.0f} m of the true position",
        f"doubtful   {coverage.doubtful:,}, of which {coverage.misled:,} would be placed elsewhere",
        f"unknown    {coverage.alone:,}: no other photo is near enough to find them by",
        f"alike      {counted(len(coverage.look_alikes), 'pair')} of places far apart",
        f"gaps       {len(coverage.gaps):,} in streets{spacing}",
        f"directions {directions(coverage)}",
    ]
    if coverage.suggestions:
        lines.append("to photograph next:")
    for rank, each in enumerate(coverage.suggestions[:5], start=1):
        lines.append(f"  {rank}. {place(each.position)}, {facing(each.heading_deg)}: {each.reason} ({gain(each)})")
    return lines
