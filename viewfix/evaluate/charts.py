"""Charts of shares between 0 and 1, in units of the drawing. charts.html draws them as SVG."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 360, 250, 44, 12, 12, 40
TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)
MOST_POINTS = 500
"""The most points of a curve: more cannot be distinguished at this width. The JSON has them all."""

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Box:
    """The size of every chart, and the edges of its plotting area."""

    width: float = WIDTH
    height: float = HEIGHT
    left: float = LEFT
    top: float = TOP
    right: float = WIDTH - RIGHT
    bottom: float = HEIGHT - BOTTOM


@dataclass(frozen=True, slots=True)
class Tick:
    """A label on an axis."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A value with its interval, from `low` to `high`, at `x`."""

    x: float
    y: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Disc:
    """A point of a reliability diagram; a larger one stands for more queries."""

    x: float
    y: float
    radius: float
    title: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart: a line, bars with intervals, or discs with a diagonal."""

    title: str
    x_name: str
    y_name: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    line: Points = ()
    bars: tuple[Bar, ...] = ()
    discs: tuple[Disc, ...] = ()
    diagonal: bool = False


def curve(points: Points, *, x: str, y: str, title: str) -> Chart:
    """A line through (x, y) points in [0, 1], in their order."""
    line = tuple((_x(a), _y(b)) for a, b in _thinned(points))
    return Chart(title, x, y, _ticks(_x), _ticks(_y), line=line)


def intervals(rows: Sequence[tuple[str, float, float, float]], *, x: str, y: str, title: str) -> Chart:
    """A point with its interval for every (name, value, low, high), side by side."""
    at = [_x((number + 0.5) / len(rows)) for number in range(len(rows))]
    names = tuple(Tick(where, name) for where, (name, *_) in zip(at, rows, strict=True))
    bars = tuple(Bar(where, _y(v), _y(low), _y(high)) for where, (_, v, low, high) in zip(at, rows, strict=True))
    return Chart(title, x, y, names, _ticks(_y), bars=bars)


def reliability(rows: Sequence[tuple[float, float, int]], *, x: str, y: str, title: str) -> Chart:
    """A disc for every (confidence, accuracy, count), and the diagonal on which they should lie."""
    most = max((count for _, _, count in rows), default=1)
    discs = tuple(
        Disc(
            _x(confidence),
            _y(accuracy),
            2.5 + 9 * (count / most) ** 0.5,
            f"{count} queries: confidence {confidence:.2f}, right {accuracy:.2f}",
        )
        for confidence, accuracy, count in rows
    )
    return Chart(title, x, y, _ticks(_x), _ticks(_y), discs=discs, diagonal=True)


def _x(share: float) -> float:
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _y(share: float) -> float:
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def _ticks(to_units: Callable[[float], float]) -> tuple[Tick, ...]:
    return tuple(Tick(to_units(share), f"{100 * share:.0f}") for share in TICKS)


def _thinned(points: Points) -> Points:
    if len(points) <= MOST_POINTS:
        return points
    step = (len(points) - 1) / (MOST_POINTS - 1)
    return [points[round(number * step)] for number in range(MOST_POINTS)]
