"""Build a road graph from ways: split at junctions and barriers, keep what is connected, then name, join and number."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from ..geo import wrap_lon_deg
from .access import CAR_ROADS, CYCLE, DRIVE, WALK
from .components import labels_of
from .graph import GATE, METRES_A_DEGREE, Graph
from .numbering import lengths_of, numbered
from .osm import RoadData
from .pieces import RoadPiece
from .sidewalks import names_beside

LEAST_COMPONENT_M = 2000.0
"""Roads that connect to less than this of other roads, such as a courtyard behind a gate, are left out."""

SIDEWALKS = {"footway", "path", "cycleway", "pedestrian"}


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
    return numbered(edges, data, attribution, licence) if edges else None


def _split(data: RoadData) -> list[RoadPiece]:
    """Cut the ways into edges. Where a barrier stops a mode, every road gets its own end, with a gate between."""
    uses = Counter(node for way in data.ways for node in way.nodes)
    uses.update(end for way in data.ways for end in (way.nodes[0], way.nodes[-1]))
    using: defaultdict[int, int] = defaultdict(int)
    for way in data.ways:
        for node in way.nodes:
            if node in data.stops:
                using[node] |= way.access
    stops = {node: mask for node, mask in data.stops.items() if mask & using[node]}
    edges: list[RoadPiece] = []
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
                edges.append(
                    RoadPiece(junction(nodes[0]), junction(node), nodes, way.road, way.access, way.name, way.id, way.id)
                )
                first = at
    everyone = WALK | CYCLE | DRIVE
    for node, copies in ends.items():
        open_to = everyone & ~stops[node]
        edges += [RoadPiece(copies[0], copy, (node, node), GATE, open_to, "") for copy in copies[1:] if open_to]
    return edges


def _keep_connected(edges: Iterable[RoadPiece], data: RoadData) -> None:
    """Clear the access of every mode where a road cannot be reached by it, or cannot be left again."""
    edges = list(edges)
    numbers: dict[int, int] = {}
    starts = [numbers.setdefault(edge.start, len(numbers)) for edge in edges]
    ends = [numbers.setdefault(edge.end, len(numbers)) for edge in edges]
    lengths = lengths_of(edges, data)
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


def _name_sidewalks(edges: Sequence[RoadPiece], data: RoadData) -> None:
    lat0, lon0 = data.places[edges[0].nodes[0]][1], data.places[edges[0].nodes[0]][0]
    scale_lon = METRES_A_DEGREE * float(np.cos(np.radians(lat0)))

    def line(edge: RoadPiece) -> list[tuple[float, float]]:
        places = (data.places[node] for node in edge.nodes)
        return [(float(wrap_lon_deg(lon - lon0)) * scale_lon, (lat - lat0) * METRES_A_DEGREE) for lon, lat in places]

    paths = [edge for edge in edges if not edge.name and edge.road in SIDEWALKS]
    streets = [edge for edge in edges if edge.name and edge.road in CAR_ROADS]
    names = names_beside([line(e) for e in paths], [line(e) for e in streets], [e.name for e in streets])
    for edge, name in zip(paths, names, strict=True):
        edge.name = name


def _joined(edges: list[RoadPiece]) -> list[RoadPiece]:
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
        edges[one] = before.joined(after)
        at[after.end].discard(other)
        at[after.end].add(one)
        edges[other].access = 0
        if edges[one].start == edges[one].end:
            loops.add(edges[one].start)
    return [edge for edge in edges if edge.access]


def _without_dead_gates(edges: list[RoadPiece]) -> list[RoadPiece]:
    """Leave out gates that lead nowhere."""
    degree = Counter(end for edge in edges for end in (edge.start, edge.end))
    return [edge for edge in edges if edge.road != GATE or min(degree[edge.start], degree[edge.end]) > 1]
