"""Give nameless sidewalks the name of the street that they run along, so that directions can name it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..optional import optional

BESIDE_M = 22.0
"""How far a sidewalk may be from the middle of its street."""

PARALLEL_DEG = 25.0
LEAST_M = 15.0
SHARES = (0.2, 0.4, 0.6, 0.8)
"""Where along a sidewalk it is compared with the streets around; most of these places must agree."""

Line = Sequence[tuple[float, float]]


def names_beside(paths: Sequence[Line], streets: Sequence[Line], names: Sequence[str]) -> list[str]:
    """The name of the street along which each path runs; "" if there is none.

    Args:
        paths: lines of (x, y) metres without a name.
        streets: lines of (x, y) metres.
        names: the name of each street.

    Raises:
        MissingExtra: shapely is not installed.
    """
    shapely = optional("shapely")
    if not paths or not streets:
        return [""] * len(paths)
    lines = [shapely.LineString(path) for path in paths]
    roads = [shapely.LineString(street) for street in streets]
    tree = shapely.STRtree(roads)
    found = []
    for line in lines:
        seen: Counter[str] = Counter()
        for share in SHARES if line.length >= LEAST_M else ():
            point = line.interpolate(share, normalized=True)
            for at in tree.query(point, predicate="dwithin", distance=BESIDE_M).tolist():
                if _apart_deg(_direction(line, point), _direction(roads[at], point)) <= PARALLEL_DEG:
                    seen[names[at]] += 1
                    break
        name, count = max(seen.items(), key=lambda each: (each[1], each[0]), default=("", 0))
        found.append(name if count > len(SHARES) // 2 else "")
    return found


def _direction(line: Any, point: Any) -> float:
    """The direction of a line, in degrees, around the place that is nearest to a point."""
    at = line.project(point)
    (x0, y0), (x1, y1) = (line.interpolate(max(0.0, min(line.length, at + step))).coords[0] for step in (-5.0, 5.0))
    return float(np.degrees(np.arctan2(y1 - y0, x1 - x0)))


def _apart_deg(one: float, other: float) -> float:
    """The angle between two lines, [0, 90]."""
    return abs((one - other + 90.0) % 180.0 - 90.0)
