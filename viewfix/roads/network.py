"""A road graph prepared for one mode: places on its roads, and the best way between two of them."""

from __future__ import annotations

import bisect
import itertools
import math

import numpy as np

from ..geo import wrap_lon_deg
from ..types import Position
from .access import AGAINST, ALONG, FERRY
from .astar import OnRoad, Piece, Search
from .graph import METRES_A_DEGREE, STEP_DEG, Graph, Ints
from .speeds import MASKS, Mode, seconds_a_metre

SNAP_M = (40.0, 150.0, 1000.0)
"""How far from a road a place may be; the smallest distance within which both ends are connected is used."""

SAME_M = 0.001


class Network:
    """The roads of one graph that one mode may use. Any number of threads may use it."""

    def __init__(self, graph: Graph, mode: Mode) -> None:
        self.graph, self.mode = graph, mode
        access = np.array([kind.access & MASKS[mode] for kind in graph.kind_table], np.int64)
        self._access = access[graph.kinds]
        ferries = np.array([kind.road == FERRY for kind in graph.kind_table], bool)
        # A photo is not taken in the middle of a ferry line.
        self._is_ground = (self._access > 0) & ~ferries[graph.kinds]
        self._masks = self._access.tolist()
        self._starts, self._ends_of = graph.starts.tolist(), graph.ends.tolist()
        self.lengths_m = (graph.lengths_dm / 10.0).tolist()
        self.seconds_a_metre = seconds_a_metre(graph, mode)[graph.kinds].tolist()
        self._middle_lon = float(np.median(graph.lons)) * STEP_DEG if len(graph.lons) else 0.0
        self._lats, self._lons = (graph.lats * STEP_DEG).tolist(), (graph.lons * STEP_DEG).tolist()
        self._search = Search(graph, mode, self._access)
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
        near &= (west <= lon + reach_lon) & (east >= lon - reach_lon) & self._is_ground
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
        return self._search.way(start, end) if start.component == end.component else None

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
