"""Turn pieces of road into the columns of a road graph, in an order and a form that take few bytes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from ..geo import lengths_m, wrap_lon_deg
from ..optional import optional
from .graph import DM_A_UNIT, METRES_A_DEGREE, MOST_EDGES, STEP_DEG, Graph, Kind
from .osm import RoadData
from .pieces import RoadPiece
from .turns import forbidden_turns

SIMPLIFY_M = 2.0
"""How far a simplified shape may be from the road as it was drawn. Lengths are those of the drawn road."""


Whole = tuple[int, int]
"""(lat, lon) in steps of STEP_DEG."""


def numbered(edges: list[RoadPiece], data: RoadData, attribution: str | None, licence: str | None) -> Graph:
    """Number junctions along the roads, edges by junctions, and names by first use, so that differences are small.

    Raises:
        ValueError: there are too many edges.
        MissingExtra: shapely is not installed.
    """
    if len(edges) > MOST_EDGES:
        raise ValueError(f"it has more than {MOST_EDGES:,} pieces of road between junctions")
    origin_lon = next(iter(data.places.values()))[0]
    whole = {node: _whole(place, origin_lon) for node, place in data.places.items()}
    node_of = {edge.start: edge.nodes[0] for edge in edges} | {edge.end: edge.nodes[-1] for edge in edges}
    order = _along_roads(edges, {junction: whole[node] for junction, node in node_of.items()})
    number = {junction: n for n, junction in enumerate(order)}
    directed = [e if number[e.start] <= number[e.end] else e.turned() for e in edges]
    kinds = [kind for kind, _ in Counter((e.road, e.access) for e in directed).most_common()]
    kind_at = {kind: n for n, kind in enumerate(kinds)}
    shapes = _simplified([[whole[node] for node in e.nodes] for e in directed])
    keyed = [
        ((number[e.start], number[e.end], kind_at[e.road, e.access], e.name, shape), e)
        for e, shape in zip(directed, shapes, strict=True)
    ]
    keyed.sort(key=lambda each: each[0])
    rows, directed = [key for key, _ in keyed], [e for _, e in keyed]
    names = list(dict.fromkeys(["", *(row[3] for row in rows)]))
    name_at = {name: n for n, name in enumerate(names)}
    starts, ends, kind = np.array([row[:3] for row in rows], np.int64).T
    name = np.array([name_at[row[3]] for row in rows], np.int64)
    counts = np.array([len(row[4]) for row in rows], np.int64)
    places = np.array([whole[node_of[junction]] for junction in order], np.int64).reshape(-1, 2)
    points = np.array([point for row in rows for point in row[4]], np.int64).reshape(-1, 2)
    turns = [(2 * t.come + (not t.is_along), t.go, t.modes) for t in forbidden_turns(data.rules, directed)]
    columns = (places[:, 0], places[:, 1], starts, ends, kind, name)
    shape_columns = (counts, points[:, 0], points[:, 1])
    tables = tuple(Kind(*each) for each in kinds), tuple(names)
    lengths_dm = np.rint(lengths_of(directed, data) * (10.0 / DM_A_UNIT)).astype(np.int64) * DM_A_UNIT
    turn_rows = np.array(sorted(turns), np.int64).reshape(-1, 3)
    return Graph(*columns, lengths_dm, *shape_columns, *tables, attribution, licence, turn_rows)


def lengths_of(edges: Sequence[RoadPiece], data: RoadData) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """(E,) metres along the roads as they were drawn."""
    return np.asarray(lengths_m([[data.places[node] for node in edge.nodes] for edge in edges]), np.float64)


def _along_roads(edges: Sequence[RoadPiece], places: Mapping[int, Whole]) -> list[int]:
    """The junctions in the order of a walk along the roads, to the nearest one first."""
    near: dict[int, set[int]] = {junction: set() for junction in places}
    for edge in edges:
        near[edge.start].add(edge.end)
        near[edge.end].add(edge.start)
    scale = math.cos(math.radians(next(iter(places.values()))[0] * STEP_DEG))

    def apart(one: int, other: int) -> tuple[float, int]:
        (lat0, lon0), (lat1, lon1) = places[one], places[other]
        return math.hypot(lat1 - lat0, (lon1 - lon0) * scale), other

    order: list[int] = []
    seen: set[int] = set()
    for root in sorted(places, key=lambda junction: (places[junction], junction)):
        stack = [root]
        while stack:
            junction = stack.pop()
            if junction in seen:
                continue
            seen.add(junction)
            order.append(junction)
            onward = (other for other in near[junction] if other not in seen)
            stack += sorted(onward, key=lambda other: apart(junction, other), reverse=True)
    return order


def _whole(place: tuple[float, float], origin_lon: float) -> Whole:
    lon = origin_lon + float(wrap_lon_deg(place[0] - origin_lon))
    return round(place[1] / STEP_DEG), round(lon / STEP_DEG)


def _simplified(lines: list[list[Whole]]) -> list[list[Whole]]:
    """The inner points of lines, without those that lie almost on the line between their neighbours."""
    shapely = optional("shapely")
    scale_lon = np.cos(np.radians(lines[0][0][0] * STEP_DEG))
    flat = np.array([point for line in lines for point in line], np.float64) * (STEP_DEG * METRES_A_DEGREE)
    flat[:, 1] *= scale_lon
    line_of = np.repeat(np.arange(len(lines)), [len(line) for line in lines])
    simple = shapely.simplify(shapely.linestrings(flat, indices=line_of), SIMPLIFY_M, preserve_topology=False)
    found, at = shapely.get_coordinates(simple, return_index=True)
    found[:, 1] /= scale_lon
    whole = np.rint(found / (STEP_DEG * METRES_A_DEGREE)).astype(np.int64)
    ends = np.searchsorted(at, np.arange(len(lines) + 1))
    return [[(int(lat), int(lon)) for lat, lon in whole[ends[n] + 1 : ends[n + 1] - 1]] for n in range(len(lines))]
