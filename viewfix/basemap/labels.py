"""Place the names of streets and places on a drawing, so that none covers another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

SIZE = 9.0
"""The height of a name in units."""

WIDE = 0.56
"""The width of a letter as a share of the height."""

MOST = 28
LONGEST = 40
EDGE = 8.0

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Named:
    """Something with a name, in units: a line, or one point. The smaller `order`, the more important."""

    name: str
    kind: str
    order: float
    points: Floats


@dataclass(frozen=True, slots=True)
class Label:
    """A name with its middle at (x, y), turned clockwise by `angle_deg`."""

    text: str
    kind: str
    x: float
    y: float
    angle_deg: float


def placed(named: Sequence[Named], width: float, height: float) -> list[Label]:
    """The names that fit, the most important first; each name once."""
    labels: list[Label] = []
    taken: list[Floats] = []
    done: set[str] = set()
    for each in sorted(named, key=lambda each: (each.order, -_length(each.points))):
        if each.name in done or len(each.name) > LONGEST or len(labels) >= MOST:
            continue
        label = _point(each) if len(each.points) == 1 else _along(each, width, height)
        if label is None:
            continue
        spots = _spots(label)
        inside = (spots >= EDGE).all() and (spots <= np.array([width, height]) - EDGE).all()
        if inside and all(_apart(spots, other) for other in taken):
            labels.append(label)
            taken.append(spots)
            done.add(each.name)
    return labels


def _length(points: Floats) -> float:
    return float(np.hypot(*np.diff(points, axis=0).T).sum()) if len(points) > 1 else 0.0


def _point(each: Named) -> Label:
    x, y = each.points[0].tolist()
    return Label(each.name, each.kind, x, y, 0.0)


def _along(each: Named, width: float, height: float) -> Label | None:
    """A name on the longest straight step of a line that lies on the drawing; None if it is shorter than the name."""
    points = np.clip(each.points, 0, [width, height])
    steps = np.diff(points, axis=0)
    lengths = np.hypot(steps[:, 0], steps[:, 1])
    if not len(lengths):
        return None
    at = int(lengths.argmax())
    if lengths[at] < 0.8 * SIZE * WIDE * len(each.name):
        return None
    # A clipped step may have turned: only one inside of the drawing keeps its direction.
    if not np.allclose(points[at : at + 2], each.points[at : at + 2], atol=40.0):
        return None
    dx, dy = (each.points[at + 1] - each.points[at]).tolist()
    x, y = ((points[at] + points[at + 1]) / 2).tolist()
    angle = math.degrees(math.atan2(dy, dx))
    return Label(each.name, each.kind, x, y, (angle + 90.0) % 180.0 - 90.0)


def _spots(label: Label) -> Floats:
    """(N, 2) points along a name, as far apart as it is high."""
    half = len(label.text) * SIZE * WIDE / 2
    along = np.linspace(-half, half, max(2, round(2 * half / SIZE) + 1))
    turn = math.radians(label.angle_deg)
    return np.stack([label.x + along * math.cos(turn), label.y + along * math.sin(turn)], axis=1)


def _apart(one: Floats, other: Floats) -> bool:
    gaps = one[:, None, :] - other[None, :, :]
    return bool((np.hypot(gaps[..., 0], gaps[..., 1]) > 1.3 * SIZE).all())
