"""The numbers behind a probability become a table with a bar for each part, their sum, and the line that was drawn."""

from __future__ import annotations

from collections.abc import Sequence

from .explanation import Explanation, Number
from .words import escaped, figure, probability


def numbers_html(explanation: Explanation) -> str:
    """Every number and its part, what they make together, and how far that can be trusted."""
    return f"{_table(explanation.numbers)}{_verdict(explanation)}<p>{escaped(explanation.calibration)}</p>"


def _table(numbers: Sequence[Number]) -> str:
    if not numbers:
        return "<p>Nothing was weighed.</p>"
    parts = [number.part for number in numbers if number.part is not None]
    largest = max((abs(part) for part in parts), default=0.0)
    rows = "".join(_row(number, largest) for number in numbers)
    return (
        '<table><thead><tr><th scope="col">Number</th><th scope="col">Value</th><th scope="col">Weight</th>'
        f'<th scope="col">Part of the log-odds</th></tr></thead><tbody>{rows}</tbody><tfoot><tr>'
        f'<th scope="row" colspan="3">Sum: the log-odds</th><td><b>{sum(parts, 0.0):+.2f}</b></td></tr></tfoot></table>'
    )


def _row(number: Number, largest: float) -> str:
    value = "unknown" if number.value is None else figure(number.value)
    weight = "" if number.weight is None else figure(number.weight)
    part = '<span class="soft">not weighed</span>'
    if number.part is not None:
        part = f"{number.part + 0.0:+.2f}{_bar(number.part, largest)}"
    return (
        f'<tr><th scope="row">{escaped(number.name)}<span class="meaning">{escaped(number.meaning)}</span></th>'
        f"<td>{value}</td><td>{weight}</td><td>{part}</td></tr>"
    )


def _bar(part: float, largest: float) -> str:
    """To the right of the middle for, to the left against. The figure beside it says the same to a reader."""
    share = 0.0 if largest == 0 else part / largest
    sign = "for" if part >= 0 else "against"
    return (
        '<svg class="bar" viewBox="-100 0 200 10" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="{sign}" x="{100 * min(share, 0.0):.1f}" width="{100 * abs(share):.1f}" height="10"/>'
        '<path d="M0 0v10"/></svg>'
    )


def _verdict(explanation: Explanation) -> str:
    fix, line = explanation.fix, explanation.least_confidence
    said = probability(fix.confidence)
    verdict = "a place" if fix.found else "not in this map"
    above = fix.confidence >= line
    compared = "not below" if above else "below"
    therefore = "so" if fix.found == above else "and yet"  # there was nowhere to look: not the line's doing
    return (
        f"<p>The probability is <b>{said}</b>. That is {compared} the line of <b>{line:.2f}</b>, "
        f"{therefore} the answer is <b>{verdict}</b>.</p>"
        '<svg class="gauge" viewBox="0 0 100 10" preserveAspectRatio="none" role="img" '
        f'aria-label="Probability {said} on a scale from 0 to 1, the line at {line:.2f}">'
        f'<rect class="{"for" if fix.found else "against"}" width="{100 * fix.confidence:.1f}" height="10"/>'
        f'<path d="M{100 * line:.1f} 0v10"/></svg>'
    )
