"""The best way between two places on the roads of one mode, by A*, without the turns that are forbidden."""

from __future__ import annotations

import heapq
import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .access import AGAINST, ALONG
from .graph import METRES_A_DEGREE, STEP_DEG, Graph, Ints
from .speeds import FASTEST_KMH, Mode, cost_a_metre
from .turns import TURN_CYCLE, TURN_DRIVE

SLACK = 0.97
"""The estimate of A* is a little shorter than the straight line: positions are rounded, and the plane is flat."""

AT_JUNCTION_M = 0.001
"""A place that is nearer than this to a junction is at it; no turn is needed to get on or off its road."""

_TURN_OF: Mapping[Mode, int] = {"walk": 0, "cycle": TURN_CYCLE, "drive": TURN_DRIVE}


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


Came = dict[int, tuple[int, bool, int]]
"""For each state, the edge that led to it, whether along its direction, and the state before."""


class Search:
    """The arcs of one mode. Any number of threads may use it.

    A state of the search is a junction. If some turns are forbidden, it is the arc that led to a junction: twice the
    edge, plus 1 against its direction. Where the way starts at a junction, it is the number of arcs plus the junction.
    """

    def __init__(self, graph: Graph, mode: Mode, access: Ints) -> None:
        self._starts, self._ends = graph.starts.tolist(), graph.ends.tolist()
        self._lats, self._lons = (graph.lats * STEP_DEG).tolist(), (graph.lons * STEP_DEG).tolist()
        self._masks, self._lengths_m = access.tolist(), (graph.lengths_dm / 10.0).tolist()
        self._costs = (graph.lengths_dm / 10.0 * cost_a_metre(graph, mode)[graph.kinds]).tolist()
        self._first_arc, self._arcs = _arcs_by_start(graph, access)
        self._banned = _banned_turns(graph, _TURN_OF[mode])
        self._free = 2 * len(self._starts)
        self._turns_around = mode != "drive"
        self._fastest_kmh = FASTEST_KMH[mode]

    def way(self, start: OnRoad, end: OnRoad) -> list[Piece] | None:
        """The best way between two places, with a forbidden turn only if every way has one; None if there is no way."""
        found = self._way(start, end, by_arc=True) if self._banned else None
        return found or self._way(start, end, by_arc=False)

    def _way(self, start: OnRoad, end: OnRoad, *, by_arc: bool) -> list[Piece] | None:
        best, last = self._direct(start, end), -1
        finish = {junction: (cost, at_start) for junction, cost, at_start in self._ends_of(end, ALONG, AGAINST)}
        costs: dict[int, float] = {}
        came: Came = {}
        heap: list[tuple[float, int]] = []
        for junction, cost, at_start in self._ends_of(start, AGAINST, ALONG):
            arc = 2 * start.edge + at_start if cost else self._free + junction
            state = arc if by_arc else junction
            costs[state], came[state] = cost, (start.edge, not at_start, -1)
            heapq.heappush(heap, (cost + self._estimate(junction, end), state))
        closed: dict[int, float] = {}
        while heap:
            total, state = heapq.heappop(heap)
            if total >= best:
                break
            cost = costs[state]
            if closed.get(state, math.inf) <= cost:
                continue
            closed[state] = cost
            junction = self._junction_of(state) if by_arc else state
            onward = self._arcs[self._first_arc[junction] : self._first_arc[junction + 1]]
            banned = self._banned_after(state, len(onward)) if by_arc else ()
            rest = finish[junction][0] if junction in finish else math.inf
            if cost + rest < best and (not rest or end.edge not in banned):
                best, last = cost + rest, state
            for edge, other, along in onward:
                further = cost + self._costs[edge]
                following = 2 * edge + (not along) if by_arc else other
                if further < costs.get(following, math.inf) and edge not in banned:
                    costs[following], came[following] = further, (edge, along, state)
                    heapq.heappush(heap, (further + self._estimate(other, end), following))
        if best == math.inf:
            return None
        if last < 0:
            return [Piece(start.edge, start.at_m, end.at_m)]
        at_start = finish[self._junction_of(last) if by_arc else last][1]
        return self._traced(
            start, came, last, Piece(end.edge, 0.0 if at_start else self._lengths_m[end.edge], end.at_m)
        )

    def _traced(self, start: OnRoad, came: Came, last: int, last_piece: Piece) -> list[Piece]:
        pieces, state = [last_piece], last
        while state >= 0:
            edge, along, before = came[state]
            first_m, last_m = (0.0, self._lengths_m[edge]) if along else (self._lengths_m[edge], 0.0)
            pieces.append(Piece(edge, first_m if before >= 0 else start.at_m, last_m))
            state = before
        return pieces[::-1]

    def _junction_of(self, state: int) -> int:
        if state >= self._free:
            return state - self._free
        ends = self._starts if state & 1 else self._ends
        return int(ends[state >> 1])

    def _banned_after(self, state: int, choices: int) -> frozenset[int]:
        """The edges on which one must not continue. Cars turn around only at the end of a road."""
        banned = self._banned.get(state, frozenset())
        return banned if self._turns_around or choices < 2 or state >= self._free else banned | {state >> 1}

    def _direct(self, start: OnRoad, end: OnRoad) -> float:
        """The cost along one edge, if both places are on it and the direction is allowed."""
        if start.edge != end.edge or not self._masks[start.edge] & (ALONG if start.at_m <= end.at_m else AGAINST):
            return math.inf
        return abs(end.at_m - start.at_m) * self.cost_a_metre(start.edge)

    def cost_a_metre(self, edge: int) -> float:
        """The cost of a metre of an edge: seconds, weighted by how the road feels."""
        length_m = self._lengths_m[edge]
        return float(self._costs[edge] / length_m) if length_m else 0.0

    def _ends_of(self, place: OnRoad, at_start: int, at_end: int) -> list[tuple[int, float, bool]]:
        """The junctions between which a place lies, the cost from there, and whether it is the start of the edge.

        Only those that the access masks allow; of a loop, whose ends are one junction, the cheaper one. A place at a
        junction needs no access to its edge.
        """
        a_metre = self.cost_a_metre(place.edge)
        access, rest_m = self._masks[place.edge], self._lengths_m[place.edge] - place.at_m
        start, end = self._starts[place.edge], self._ends[place.edge]
        if place.at_m <= AT_JUNCTION_M or rest_m <= AT_JUNCTION_M:
            return [(start, 0.0, True) if place.at_m <= AT_JUNCTION_M else (end, 0.0, False)]
        found = [(start, place.at_m * a_metre, True)] if access & at_start else []
        if access & at_end and not (found and start == end and found[0][1] <= rest_m * a_metre):
            found = [each for each in found if each[0] != end] + [(end, rest_m * a_metre, False)]
        return found

    def _estimate(self, junction: int, end: OnRoad) -> float:
        """A lower bound for the cost from a junction to the end."""
        y_deg = self._lats[junction] - end.lat
        x_deg = (self._lons[junction] - end.lon) * math.cos(math.radians(end.lat))
        return SLACK * math.hypot(x_deg, y_deg) * METRES_A_DEGREE * 3.6 / self._fastest_kmh


def _arcs_by_start(graph: Graph, access: Ints) -> tuple[list[int], list[tuple[int, int, bool]]]:
    """For each junction, where its arcs begin in the list of (edge, other junction, whether along the edge)."""
    edges = np.arange(len(graph.starts))
    along, against = (access & ALONG) > 0, (access & AGAINST) > 0
    starts = np.concatenate([graph.starts[along], graph.ends[against]])
    ends = np.concatenate([graph.ends[along], graph.starts[against]])
    which = np.concatenate([edges[along], edges[against]])
    is_along = np.arange(len(which)) < np.count_nonzero(along)
    order = np.argsort(starts, kind="stable")
    first = np.searchsorted(starts[order], np.arange(len(graph.lats) + 1))
    return first.tolist(), list(zip(*(each[order].tolist() for each in (which, ends, is_along)), strict=True))


def _banned_turns(graph: Graph, mode: int) -> dict[int, frozenset[int]]:
    """For each arc after which a turn is forbidden, the edges on which one must not continue."""
    found: defaultdict[int, set[int]] = defaultdict(set)
    for come, go, modes in graph.turns.tolist():
        if modes & mode:
            found[come].add(go)
    return {come: frozenset(edges) for come, edges in found.items()}
