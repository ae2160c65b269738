"""Make a road graph of ways: split at junctions and barriers, keep what is connected, join, simplify, number."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ..geo import lengths_m, wrap_lon_deg
from ..optional import optional
from .access import CAR_ROADS, CYCLE, DRIVE, WALK, reversed_access
from .components import labels_of
from .graph import GATE, MOST_EDGES, STEP_DEG, Graph, Ints, Kind
from .osm import RoadData
from .sidewalks import names_beside

LEAST_COMPONENT_M = 2000.0
"""Roads that connect to less than this of other roads, such as a courtyard behind a gate, are left out."""

SIMPLIFY_M = 1.5
"""How far a simplified shape may be from the road as it was drawn. Lengths are those of the drawn road."""

SIDEWALKS = {"footway", "path", "cycleway", "pedestrian"}
METRES_A_DEGREE = 111_320.0
CELLS_A_DEGREE = 400


@dataclass(slots=True)
class _Edge:
    """A piece of road between two junctions. `nodes` are those of the file, its two ends included."""

    start: int
    end: int
    nodes: Sequence[int]
    road: str
    access: int
    name: str

    def turned(self) -> _Edge:
        nodes = self.nodes[::-1]
        return _Edge(self.end, self.start, nodes, self.road, reversed_access(self.access), self.name)


def build(data: RoadData, attribution: str | None = None, licence: str | None = None) -> Graph | None:
    """The graph of the roads that connect to at least LEAST_COMPONENT_M of others, or to the largest part of them.

    None if nothing is left.

    Raises:
        MissingExtra: shapely is not installed.
    """
    edges = _split(data)
    if not edges:
        return None
    _keep_connected(edges, data)
    edges = [edge for edge in edges if edge.access]
    _name_sidewalks(edges, data)
    edges = _joined(edges)
    while len(kept := _without_dead_gates(edges)) < len(edges):
        edges = _joined(kept)
    return _numbered(edges, data, attribution, licence) if edges else None


def _split(data: RoadData) -> list[_Edge]:
    """Cut the ways into edges. Where a barrier stops a mode, every road gets its own end, with a gate between."""
    uses = Counter(node for way in data.ways for node in way.nodes)
    uses.update(end for way in data.ways for end in (way.nodes[0], way.nodes[-1]))
    using: defaultdict[int, int] = defaultdict(int)
    for way in data.ways:
        for node in way.nodes:
            if node in data.stops:
                using[node] |= way.access
    stops = {node: mask for node, mask in data.stops.items() if mask & using[node]}
    edges: list[_Edge] = []
    ends: defaultdict[int, list[int]] = defaultdict(list)
    fresh = min(data.places, default=0) - 1

    def junction(node: int) -> int:
        nonlocal fresh
        if node not in stops:
            return node
        ends[node].append(fresh)
        fresh -= 1
        return ends[node][-1]

    for way in data.ways:
        first = 0
        for at in range(1, len(way.nodes)):
            node = way.nodes[at]
            if uses[node] > 1 or node in stops:
                nodes = way.nodes[first : at + 1]
                edges.append(_Edge(junction(nodes[0]), junction(node), nodes, way.road, way.access, way.name))
                first = at
    everyone = WALK | CYCLE | DRIVE
    for node, copies in ends.items():
        open_to = everyone & ~stops[node]
        edges += [_Edge(copies[0], copy, (node, node), GATE, open_to, "") for copy in copies[1:] if open_to]
    return edges


def _keep_connected(edges: Iterable[_Edge], data: RoadData) -> None:
    """Clear the access of every mode where a road cannot be reached by it, or cannot be left again."""
    edges = list(edges)
    numbers: dict[int, int] = {}
    starts = [numbers.setdefault(edge.start, len(numbers)) for edge in edges]
    ends = [numbers.setdefault(edge.end, len(numbers)) for edge in edges]
    lengths = _lengths_m(edges, data)
    for mode in (WALK, CYCLE, DRIVE):
        arcs = [(s, e) for s, e, edge in zip(starts, ends, edges, strict=True) if edge.access & mode & 0b010101]
        arcs += [(e, s) for s, e, edge in zip(starts, ends, edges, strict=True) if edge.access & mode & 0b101010]
        labels = labels_of(len(numbers), arcs)
        size_m: defaultdict[int, float] = defaultdict(float)
        for start, end, edge, length_m in zip(starts, ends, edges, lengths, strict=True):
            if edge.access & mode and labels[start] == labels[end]:
                size_m[labels[start]] += length_m
        largest = max(size_m, key=lambda label: size_m[label], default=None)
        kept = {label for label, metres in size_m.items() if label == largest or metres >= LEAST_COMPONENT_M}
        for start, end, edge in zip(starts, ends, edges, strict=True):
            if labels[start] != labels[end] or labels[start] not in kept:
                edge.access &= ~mode


def _name_sidewalks(edges: Sequence[_Edge], data: RoadData) -> None:
    lat0, lon0 = data.places[edges[0].nodes[0]][1], data.places[edges[0].nodes[0]][0]
    scale_lon = METRES_A_DEGREE * float(np.cos(np.radians(lat0)))

    def line(edge: _Edge) -> list[tuple[float, float]]:
        places = (data.places[node] for node in edge.nodes)
        return [(float(wrap_lon_deg(lon - lon0)) * scale_lon, (lat - lat0) * METRES_A_DEGREE) for lon, lat in places]

    paths = [edge for edge in edges if not edge.name and edge.road in SIDEWALKS]
    streets = [edge for edge in edges if edge.name and edge.road in CAR_ROADS]
    names = names_beside([line(e) for e in paths], [line(e) for e in streets], [e.name for e in streets])
    for edge, name in zip(paths, names, strict=True):
        edge.name = name


def _joined(edges: list[_Edge]) -> list[_Edge]:
    """Join two edges where nothing but they meet, and both are the same road."""
    at: defaultdict[int, set[int]] = defaultdict(set)
    loops = set()
    for number, edge in enumerate(edges):
        at[edge.start].add(number)
        at[edge.end].add(number)
        if edge.start == edge.end:
            loops.add(edge.start)
    for node, meeting in at.items():
        if len(meeting) != 2 or node in loops:
            continue
        one, other = sorted(meeting)
        before = edges[one] if edges[one].end == node else edges[one].turned()
        after = edges[other] if edges[other].start == node else edges[other].turned()
        alike = (before.road, before.name, before.access) == (after.road, after.name, after.access)
        if not alike or before.road == GATE:
            continue
        nodes = [*before.nodes, *after.nodes[1:]]
        edges[one] = _Edge(before.start, after.end, nodes, before.road, before.access, before.name)
        at[after.end].discard(other)
        at[after.end].add(one)
        edges[other].access = 0
        if edges[one].start == edges[one].end:
            loops.add(edges[one].start)
    return [edge for edge in edges if edge.access]


def _without_dead_gates(edges: list[_Edge]) -> list[_Edge]:
    """Leave out gates that lead nowhere."""
    degree = Counter(end for edge in edges for end in (edge.start, edge.end))
    return [edge for edge in edges if edge.road != GATE or min(degree[edge.start], degree[edge.end]) > 1]


def _lengths_m(edges: Sequence[_Edge], data: RoadData) -> list[float]:
    lines = [[data.places[node] for node in edge.nodes] for edge in edges]
    return [float(each) for each in lengths_m(lines)]


def _numbered(edges: list[_Edge], data: RoadData, attribution: str | None, licence: str | None) -> Graph:
    """Number the junctions from south to north and the edges by their junctions, so that differences are small."""
    if len(edges) > MOST_EDGES:
        raise ValueError(f"it has more than {MOST_EDGES:,} pieces of road between junctions")
    lengths = dict(zip(map(id, edges), _lengths_m(edges, data), strict=True))
    origin_lon = next(iter(data.places.values()))[0]
    whole = {node: _whole(place, origin_lon) for node, place in data.places.items()}
    node_of = {edge.start: edge.nodes[0] for edge in edges} | {edge.end: edge.nodes[-1] for edge in edges}
    cell = STEP_DEG * CELLS_A_DEGREE
    order = sorted(node_of, key=lambda j: (round(whole[node_of[j]][0] * cell), whole[node_of[j]], j))
    number = {junction: n for n, junction in enumerate(order)}
    directed = [(e, lengths[id(e)]) if number[e.start] <= number[e.end] else (e.turned(), lengths[id(e)])
                for e in edges]  # fmt: skip
    kinds = [kind for kind, _ in Counter((e.road, e.access) for e, _ in directed).most_common()]
    names = ["", *(name for name, _ in Counter(e.name for e, _ in directed).most_common() if name)]
    kind_at, name_at = ({value: n for n, value in enumerate(each)} for each in (kinds, names))
    shapes = _simplified([[whole[node] for node in e.nodes] for e, _ in directed])
    rows = sorted(
        (number[e.start], number[e.end], kind_at[e.road, e.access], name_at[e.name], round(length_m * 10), shape)
        for (e, length_m), shape in zip(directed, shapes, strict=True)
    )
    points = [point for row in rows for point in row[5]]
    starts, ends, kind, name, dm = np.array([row[:5] for row in rows], np.int64).T
    at_junctions = np.array([whole[node_of[junction]] for junction in order], np.int64).reshape(-1, 2)
    shape_points = np.array(points, np.int64).reshape(-1, 2)
    counts = np.array([len(row[5]) for row in rows], np.int64)
    where: tuple[Ints, Ints] = (at_junctions[:, 0], at_junctions[:, 1])
    tables = tuple(Kind(*each) for each in kinds), tuple(names)
    shape_columns = (counts, shape_points[:, 0], shape_points[:, 1])
    return Graph(*where, starts, ends, kind, name, dm, *shape_columns, *tables, attribution, licence)


def _whole(place: tuple[float, float], origin_lon: float) -> tuple[int, int]:
    lon = origin_lon + float(wrap_lon_deg(place[0] - origin_lon))
    return round(place[1] / STEP_DEG), round(lon / STEP_DEG)


def _simplified(lines: list[list[tuple[int, int]]]) -> list[list[tuple[int, int]]]:
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
