"""The page of a path: a plan, confidence and speed along time, and pictures to point at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..basemap import Basemap
from ..basemap.drawing import draw
from ..geo import Plane
from ..reports.plan import Frame
from ..reports.render import render
from .gallery import Gallery
from .recording import PathPoint, RecordedPath

WIDTH, HEIGHT, CHART = 720.0, 480.0, 120.0


@dataclass(frozen=True, slots=True)
class Dot:
    """A frame on the plan: its place in units of the drawing, and what to show when it is pointed at."""

    x: float
    y: float
    title: str


@dataclass(frozen=True, slots=True)
class Stop:
    """A frame with a picture. `left` to `right` is its part of the time, in percent; `dot` its place, None if unknown.

    `x` and `y` are that place in percent of the plan.
    """

    number: int
    uri: str
    title: str
    left: float
    right: float
    dot: Dot | None

    @property
    def x(self) -> float:
        return 0.0 if self.dot is None else 100 * self.dot.x / WIDTH

    @property
    def y(self) -> float:
        return 0.0 if self.dot is None else 100 * self.dot.y / HEIGHT


def page(path: RecordedPath, name: str, basemap: Basemap | None = None, gallery: Gallery | None = None) -> str:
    """The report as one HTML page that loads nothing: a base map under its plan, and the pictures of `gallery`."""
    placed = [point for point in path.points if point.position is not None]
    frame = _frame(placed)
    dots: dict[PathPoint, Dot] = {}
    if frame is not None:
        spots = frame.units([p.position for p in placed if p.position is not None])
        dots = {p: Dot(float(x), float(y), _title(p)) for (x, y), p in zip(spots, placed, strict=True)}
    fastest = max([p.speed_mps or 0.0 for p in path.points] + [0.1])
    return render(
        "track/page.html",
        credits=gallery.credits if gallery else (),
        name=name,
        frames=len(path.points),
        placed=len(placed),
        skipped=path.skipped,
        dots=list(dots.values()),
        stops=_stops(path.points, gallery, dots) if gallery else [],
        ground_map=None if frame is None else draw(basemap, frame),
        scale=frame.scale_bar() if frame else None,
        size=(WIDTH, HEIGHT, CHART),
        confidence=_chart(path.points, [p.confidence for p in path.points]),
        off=_chart(path.points, [p.p_off for p in path.points]),
        speed=_chart(path.points, [(p.speed_mps or 0.0) / fastest for p in path.points]),
        fastest=f"{fastest * 3.6:.0f} km/h",
        seconds=f"{path.points[-1].time_s - path.points[0].time_s:.0f} s",
    )


def _stops(points: Sequence[PathPoint], gallery: Gallery, dots: dict[PathPoint, Dot]) -> list[Stop]:
    """The frames with pictures; each has the time half-way to its neighbours."""
    shown = [(p, gallery.pictures[p.name, p.time_s]) for p in points if (p.name, p.time_s) in gallery.pictures]
    first, span = points[0].time_s, max(points[-1].time_s - points[0].time_s, 1e-9)
    at = [100 * (point.time_s - first) / span for point, _ in shown]
    edges = [0.0, *((a + b) / 2 for a, b in zip(at, at[1:], strict=False)), 100.0]
    return [
        Stop(number, picture.uri, _title(point), edges[number], edges[number + 1], dots.get(point))
        for number, (point, picture) in enumerate(shown)
    ]


def _title(point: PathPoint) -> str:
    speed = "" if point.speed_mps is None else f", {point.speed_mps * 3.6:.0f} km/h"
    return f"{point.name}, {point.time_s:g} s, confidence {point.confidence:.2f}{speed}"


def _frame(points: Sequence[PathPoint]) -> Frame | None:
    positions = [p.position for p in points if p.position is not None]
    if not positions:
        return None
    plane = Plane(positions[0])
    xy = plane.to_xy_m([p.lat for p in positions], [p.lon for p in positions])
    low, high = xy.min(axis=0), xy.max(axis=0)
    size = high - low + 20.0
    scale = float(min((WIDTH - 40) / size[0], (HEIGHT - 40) / size[1]))
    middle = (low + high) / 2
    return Frame(plane, (float(middle[0]), float(middle[1])), scale, WIDTH, HEIGHT)


def _chart(points: Sequence[PathPoint], values: Sequence[float]) -> str:
    """The points of a line through (time, value in [0, 1]), in units of a chart."""
    first, last = points[0].time_s, points[-1].time_s
    span = max(last - first, 1e-9)
    pairs = zip(points, values, strict=True)
    return " ".join(f"{(p.time_s - first) / span * WIDTH:.1f},{CHART - 4 - v * (CHART - 8):.1f}" for p, v in pairs)
