"""A road graph prepared for one mode: places on its roads, and the best way between two of them by A*."""

from __future__ import annotations

import bisect
import heapq
import itertools
import math
from dataclasses import dataclass

import numpy as np

from ..geo import wrap_lon_deg
from ..types import Position
from .access import AGAINST, ALONG
from .graph import STEP_DEG, Graph, Ints
from .speeds import FASTEST_KMH, MASKS, Mode, cost_a_metre, seconds_a_metre

METRES_A_DEGREE = 111_320.0
SNAP_M = (40.0, 150.0, 1000.0)
"""How far from a road a place may be; the smallest distance within which both ends are connected is used."""

SAME_M = 0.001

HURRY = 0.97
"""The estimate of A* is a little less than the straight line: positions are rounded, and the plane is flat."""


@dataclass(frozen=True, slots=True)
class OnRoad:
    """A place on an edge: `at_m` metres from its start, `away_m` metres from the place that was asked for.

    `component` names the part of the network; there is no way between two parts.
    """

    edge: int
    at_m: float
    lat: float
    lon: float
    away_m: float
    component: int


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of an edge on a way, `start_m` to `end_m` metres from the start of the edge; backwards if start > end."""

    edge: int
    start_m: float
    end_m: float


class Network:
    """The roads of one graph that one mode may use. Any number of threads may use it."""

    def __init__(self, graph: Graph, mode: Mode) -> None:
        self.graph, self.mode = graph, mode
        access = np.array([kind.access & MASKS[mode] for kind in graph.kind_table], np.int64)
        self._access = access[graph.kinds] if len(graph.kinds) else np.empty(0, np.int64)
        self._masks = self._access.tolist()
        self._starts, self._ends_of = graph.starts.tolist(), graph.ends.tolist()
        self.lengths_m = (graph.lengths_dm / 10.0).tolist()
        self._costs = (graph.lengths_dm / 10.0 * cost_a_metre(graph, mode)[graph.kinds]).tolist()
        self.seconds_a_metre = seconds_a_metre(graph, mode)[graph.kinds].tolist()
        self._middle_lon = float(np.median(graph.lons)) * STEP_DEG if len(graph.lons) else 0.0
        self._lats, self._lons = (graph.lats * STEP_DEG).tolist(), (graph.lons * STEP_DEG).tolist()
        self._first_arc, self._arcs = self._arcs_by_start()
        self._components = self._label_components()
        self._firsts = [0, *np.cumsum(graph.shape_counts).tolist()]
        self._boxes = self._edge_boxes()

    def length_of(self, piece: Piece) -> float:
        """The length of a piece, in metres."""
        return abs(piece.end_m - piece.start_m)

    def snap(self, lat: float, lon: float, reach_m: float = SNAP_M[-1]) -> list[OnRoad]:
        """The nearest place on a road of each part of the network, the nearest first; [] if no road is in reach."""
        lon = self._middle_lon + float(wrap_lon_deg(lon - self._middle_lon))
        reach_lat = reach_m / METRES_A_DEGREE
        reach_lon = reach_lat / max(math.cos(math.radians(lat)), 0.01)
        south, north, west, east = self._boxes
        near = (south <= lat + reach_lat) & (north >= lat - reach_lat)
        near &= (west <= lon + reach_lon) & (east >= lon - reach_lon) & (self._access > 0)
        best: dict[int, OnRoad] = {}
        for edge in np.flatnonzero(near).tolist():
            found = self._nearest_on(edge, lat, lon)
            if found.away_m <= reach_m and self._is_better(found, best.get(found.component)):
                best[found.component] = found
        return sorted(best.values(), key=lambda place: place.away_m)

    def ends_between(self, start: Position, end: Position) -> tuple[OnRoad, OnRoad] | None:
        """The places on roads that are nearest to two positions and connected; None if there are none in reach."""
        for reach_m in SNAP_M:
            starts = {place.component: place for place in self.snap(start.lat, start.lon, reach_m)}
            ends = {place.component: place for place in self.snap(end.lat, end.lon, reach_m)} if starts else {}
            pairs = [(starts[part], ends[part]) for part in starts if part in ends]
            if pairs:
                return min(pairs, key=lambda pair: pair[0].away_m + pair[1].away_m)
        return None

    def way(self, start: OnRoad, end: OnRoad) -> list[Piece] | None:
        """The best way between two places; None if there is none."""
        if start.component != end.component:
            return None
        best, last = self._direct(start, end), -1
        finish = {junction: (cost, along) for junction, cost, along in self._ends(end, ALONG, AGAINST)}
        costs: dict[int, float] = {}
        came: dict[int, tuple[int, bool, int]] = {}  # junction: the edge, whether along it, and the junction before
        heap: list[tuple[float, int]] = []
        for junction, cost, along in self._ends(start, AGAINST, ALONG):
            costs[junction], came[junction] = cost, (start.edge, not along, -1)
            heapq.heappush(heap, (cost + self._estimate(junction, end), junction))
        closed: dict[int, float] = {}
        while heap:
            total, junction = heapq.heappop(heap)
            if total >= best:
                break
            cost = costs[junction]
            if closed.get(junction, math.inf) <= cost:
                continue
            closed[junction] = cost
            if junction in finish and cost + finish[junction][0] < best:
                best, last = cost + finish[junction][0], junction
            for edge, other, along in self._arcs[self._first_arc[junction] : self._first_arc[junction + 1]]:
                onward = cost + self._costs[edge]
                if onward < costs.get(other, math.inf):
                    costs[other], came[other] = onward, (edge, along, junction)
                    heapq.heappush(heap, (onward + self._estimate(other, end), other))
        if best == math.inf:
            return None
        return [Piece(start.edge, start.at_m, end.at_m)] if last < 0 else self._traced(start, end, came, last, finish)

    def _traced(
        self,
        start: OnRoad,
        end: OnRoad,
        came: dict[int, tuple[int, bool, int]],
        last: int,
        finish: dict[int, tuple[float, bool]],
    ) -> list[Piece]:
        pieces = [Piece(end.edge, 0.0 if finish[last][1] else self.lengths_m[end.edge], end.at_m)]
        junction = last
        while junction >= 0:
            edge, along, before = came[junction]
            first_m, last_m = (0.0, self.lengths_m[edge]) if along else (self.lengths_m[edge], 0.0)
            pieces.append(Piece(edge, first_m if before >= 0 else start.at_m, last_m))
            junction = before
        return pieces[::-1]

    def line(self, piece: Piece) -> list[tuple[float, float]]:
        """The (lat, lon) points of a piece in the direction of travel, its two ends included."""
        points = self.points_of(piece.edge)
        length_m = self.lengths_m[piece.edge]
        low, high = sorted((piece.start_m, piece.end_m))
        if low > 0 or high < length_m:
            points = _cut(points, low / length_m if length_m else 0.0, high / length_m if length_m else 1.0)
        return points if piece.start_m <= piece.end_m else points[::-1]

    def points_of(self, edge: int) -> list[tuple[float, float]]:
        """The (lat, lon) points of an edge. Longitudes beyond 180 are those across the 180th meridian."""
        graph, first, last = self.graph, self._firsts[edge], self._firsts[edge + 1]
        inner = zip(graph.shape_lats[first:last].tolist(), graph.shape_lons[first:last].tolist(), strict=True)
        start, end = self._starts[edge], self._ends_of[edge]
        return [
            (self._lats[start], self._lons[start]),
            *((lat * STEP_DEG, lon * STEP_DEG) for lat, lon in inner),
            (self._lats[end], self._lons[end]),
        ]

    def _is_better(self, found: OnRoad, known: OnRoad | None) -> bool:
        """Whether a place is nearer than another one; at a junction, where many are equal, a two-way road is better."""
        if known is None or found.away_m < known.away_m - SAME_M:
            return True
        both = (self._masks[found.edge], self._masks[known.edge])
        two_way = [bool(mask & ALONG and mask & AGAINST) for mask in both]
        return found.away_m < known.away_m + SAME_M and two_way[0] and not two_way[1]

    def _direct(self, start: OnRoad, end: OnRoad) -> float:
        """The cost along one edge, if both places are on it and the direction is allowed."""
        if start.edge != end.edge or not self._masks[start.edge] & (ALONG if start.at_m <= end.at_m else AGAINST):
            return math.inf
        return abs(end.at_m - start.at_m) * self._cost_a_metre(start.edge)

    def _cost_a_metre(self, edge: int) -> float:
        length_m = self.lengths_m[edge]
        return float(self._costs[edge] / length_m) if length_m else 0.0

    def _ends(self, place: OnRoad, at_start: int, at_end: int) -> list[tuple[int, float, bool]]:
        """The junctions between which a place lies, the cost from there, and whether it is the start of the edge.

        Only those that the access masks allow; of a loop, whose ends are one junction, the cheaper one.
        """
        a_metre = self._cost_a_metre(place.edge)
        access, rest_m = self._masks[place.edge], self.lengths_m[place.edge] - place.at_m
        start, end = self._starts[place.edge], self._ends_of[place.edge]
        found = [(start, place.at_m * a_metre, True)] if access & at_start else []
        if access & at_end and not (found and start == end and found[0][1] <= rest_m * a_metre):
            found = [each for each in found if each[0] != end] + [(end, rest_m * a_metre, False)]
        return found

    def _estimate(self, junction: int, end: OnRoad) -> float:
        """A cost that the way from a junction to the end cannot be below."""
        y_deg = self._lats[junction] - end.lat
        x_deg = (self._lons[junction] - end.lon) * math.cos(math.radians(end.lat))
        return HURRY * math.hypot(x_deg, y_deg) * METRES_A_DEGREE * 3.6 / FASTEST_KMH[self.mode]

    def _nearest_on(self, edge: int, lat: float, lon: float) -> OnRoad:
        scale = math.cos(math.radians(lat))
        points = [((b - lon) * scale * METRES_A_DEGREE, (a - lat) * METRES_A_DEGREE) for a, b in self.points_of(edge)]
        best, best_at, along = math.inf, 0.0, 0.0
        best_xy = points[0]
        for (x0, y0), (x1, y1) in zip(points, points[1:], strict=False):
            dx, dy = x1 - x0, y1 - y0
            size = dx * dx + dy * dy
            share = min(1.0, max(0.0, -(x0 * dx + y0 * dy) / size)) if size else 0.0
            x, y = x0 + share * dx, y0 + share * dy
            away = math.hypot(x, y)
            if away < best:
                best, best_at, best_xy = away, along + share * math.sqrt(size), (x, y)
            along += math.sqrt(size)
        at_m = best_at / along * self.lengths_m[edge] if along else 0.0
        place = lat + best_xy[1] / METRES_A_DEGREE, lon + best_xy[0] / (METRES_A_DEGREE * scale)
        return OnRoad(edge, at_m, *place, best, self._components[self._starts[edge]])

    def _arcs_by_start(self) -> tuple[list[int], list[tuple[int, int, bool]]]:
        """For each junction, where its arcs begin in the list of (edge, other junction, whether along the edge)."""
        graph, edges = self.graph, np.arange(len(self.graph.starts))
        along, against = (self._access & ALONG) > 0, (self._access & AGAINST) > 0
        starts = np.concatenate([graph.starts[along], graph.ends[against]])
        ends = np.concatenate([graph.ends[along], graph.starts[against]])
        which = np.concatenate([edges[along], edges[against]])
        is_along = np.arange(len(which)) < np.count_nonzero(along)
        order = np.argsort(starts, kind="stable")
        first = np.searchsorted(starts[order], np.arange(len(graph.lats) + 1))
        return first.tolist(), list(zip(*(each[order].tolist() for each in (which, ends, is_along)), strict=True))

    def _label_components(self) -> list[int]:
        """The part of the network of each junction. `build` has left only edges between which one can go both ways."""
        parents = list(range(len(self._lats)))

        def root(junction: int) -> int:
            while parents[junction] != junction:
                parents[junction] = parents[parents[junction]]
                junction = parents[junction]
            return junction

        usable = self._access > 0
        for start, end in zip(self.graph.starts[usable].tolist(), self.graph.ends[usable].tolist(), strict=True):
            parents[root(start)] = root(end)
        return [root(junction) for junction in range(len(parents))]

    def _edge_boxes(self) -> tuple[np.ndarray, ...]:
        """(E,) south, north, west and east of every edge, in degrees."""
        found = []
        for ends, shape in ((self.graph.lats, self.graph.shape_lats), (self.graph.lons, self.graph.shape_lons)):
            for extreme in (np.minimum, np.maximum):
                whole: Ints = extreme(ends[self.graph.starts], ends[self.graph.ends])
                owner = np.repeat(np.arange(len(whole)), self.graph.shape_counts)
                extreme.at(whole, owner, shape)
                found.append(whole * STEP_DEG)
        return tuple(found)


def _cut(points: list[tuple[float, float]], low: float, high: float) -> list[tuple[float, float]]:
    """The part of a line between two shares of its length, [0, 1]."""
    scale = math.cos(math.radians(points[0][0]))
    steps = [math.hypot(b[0] - a[0], (b[1] - a[1]) * scale) for a, b in zip(points, points[1:], strict=False)]
    ends = [0.0, *itertools.accumulate(steps)]
    first, last = low * ends[-1], high * ends[-1]
    inner = [point for point, at in zip(points, ends, strict=True) if first < at < last]
    return [_along(points, ends, first), *inner, _along(points, ends, last)]


def _along(points: list[tuple[float, float]], ends: list[float], at: float) -> tuple[float, float]:
    """The point of a line at a distance from its start; `ends` are the distances of its points."""
    n = min(max(bisect.bisect_left(ends, at), 1), len(points) - 1)
    step = ends[n] - ends[n - 1]
    share = min(1.0, max(0.0, (at - ends[n - 1]) / step)) if step else 0.0
    (lat0, lon0), (lat1, lon1) = points[n - 1], points[n]
    return lat0 + share * (lat1 - lat0), lon0 + share * (lon1 - lon0)
