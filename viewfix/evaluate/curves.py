"""Numbers between 0 and 1 become small inline SVG drawings that follow the colours of the page around them."""

from __future__ import annotations

import html
from collections.abc import Sequence

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 360, 250, 44, 12, 12, 40
TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)
MOST_POINTS = 500
"""More cannot be told apart in a drawing of this width; the JSON has them all."""

Points = Sequence[tuple[float, float]]


def curve(points: Points, *, x: str, y: str, title: str) -> str:
    """A line through (x, y) points in [0, 1], in their order."""
    path = " ".join(f"{_x(a):.1f},{_y(b):.1f}" for a, b in _thinned(points))
    return _framed(f'<polyline points="{path}" fill="none" stroke="var(--mark)" stroke-width="2"/>', x, y, title)


def intervals(rows: Sequence[tuple[str, float, float, float]], *, x: str, y: str, title: str) -> str:
    """For every (name, value, low, high) a point with the interval around it, side by side."""
    parts = []
    for number, (name, value, low, high) in enumerate(rows):
        at = _x((number + 0.5) / len(rows))
        parts.append(
            f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{_y(low):.1f}" y2="{_y(high):.1f}" stroke="var(--mark)" '
            f'stroke-width="2"/><circle cx="{at:.1f}" cy="{_y(value):.1f}" r="4" fill="var(--mark)"/>'
            f'<text x="{at:.1f}" y="{HEIGHT - BOTTOM + 15}" text-anchor="middle">{html.escape(name)}</text>'
        )
    return _framed("".join(parts), x, y, title, x_ticks=False)


def reliability(rows: Sequence[tuple[float, float, int]], *, x: str, y: str, title: str) -> str:
    """For every (confidence, accuracy, count) a disc, larger for more,, beside the line of honesty."""
    most = max((count for _, _, count in rows), default=1)
    parts = [
        f'<line x1="{_x(0):.1f}" y1="{_y(0):.1f}" x2="{_x(1):.1f}" y2="{_y(1):.1f}" stroke="var(--soft)" '
        'stroke-dasharray="4 4"/>'
    ]
    for sure, right, count in rows:
        radius = 2.5 + 9 * (count / most) ** 0.5
        parts.append(
            f'<circle cx="{_x(sure):.1f}" cy="{_y(right):.1f}" r="{radius:.1f}" fill="var(--mark)" '
            f'fill-opacity=".55"><title>{count} queries: sure {sure:.2f}, right {right:.2f}</title></circle>'
        )
    return _framed("".join(parts), x, y, title)


def _framed(inside: str, x: str, y: str, title: str, *, x_ticks: bool = True) -> str:
    lines = []
    for tick in TICKS:
        lines.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{_y(tick):.1f}" y2="{_y(tick):.1f}" stroke="var(--line)"/>'
            f'<text x="{LEFT - 6}" y="{_y(tick) + 4:.1f}" text-anchor="end">{100 * tick:.0f}</text>'
        )
        if x_ticks:
            lines.append(
                f'<text x="{_x(tick):.1f}" y="{HEIGHT - BOTTOM + 15}" text-anchor="middle">{100 * tick:.0f}</text>'
            )
    middle = (TOP + HEIGHT - BOTTOM) / 2
    names = (
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 6}" text-anchor="middle">{html.escape(x)}</text>'
        f'<text transform="translate(12 {middle}) rotate(-90)" text-anchor="middle">{html.escape(y)}</text>'
    )
    text = html.escape(title, quote=True)
    return (
        f'<figure class="plot"><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{text}">'
        f"{''.join(lines)}{names}{inside}</svg><figcaption>{text}</figcaption></figure>"
    )


def _x(share: float) -> float:
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _y(share: float) -> float:
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def _thinned(points: Points) -> Points:
    if len(points) <= MOST_POINTS:
        return points
    step = (len(points) - 1) / (MOST_POINTS - 1)
    return [points[round(number * step)] for number in range(MOST_POINTS)]
