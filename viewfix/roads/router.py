"""Find routes on the roads of a map."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from ..errors import BadInput, NoRoute
from ..geo import distance_m
from ..store.roads import RoadSource
from ..store.store import Store
from ..types import Position
from .astar import OnRoad, Piece
from .coding import decompress
from .graph import Graph
from .guidance import Stretch, steps_of, surface_of
from .network import Network
from .route import Route
from .speeds import MODES, Mode
from .words import GO, distance


class Router:
    """The roads of a map, loaded when they are first needed and again when they have changed. Threads may share it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._networks: dict[tuple[str, Mode], Network] = {}
        self._lock = threading.Lock()

    def route(
        self,
        start: Position,
        end: Position,
        *,
        mode: Mode = "walk",
        heading_deg: float | None = None,
        destination: str | None = None,
    ) -> Route:
        """The best way between two positions.

        Args:
            start: where to start.
            end: where to go.
            mode: "walk", "cycle" or "drive".
            heading_deg: where the camera looks at the start; the first step is relative to it.
            destination: a name for people; by default the coordinates.

        Raises:
            NoRoute: no road is near one of the positions, or there is no way between them.
            BadInput: the map has no roads, or they are damaged.
        """
        name = destination or f"{end.lat:.5f}, {end.lon:.5f}"
        networks = self.networks(mode)
        found = [(network, ends) for network in networks if (ends := network.ends_between(start, end)) is not None]
        if not found:
            raise _unreachable(networks, start, end, name)
        network, (first, last) = min(found, key=lambda each: sum(place.away_m for place in each[1]))
        pieces = network.way(first, last)
        if pieces is None:
            raise NoRoute(f"There is no way to {GO[mode]} to {name}: a barrier, or one-way streets, are between.")
        return _route(network, pieces, (start, end), heading_deg, name)

    def networks(self, mode: Mode) -> list[Network]:
        """The networks of the map for one mode, one for each file.

        Raises:
            BadInput: the map has no roads, or they are damaged.
        """
        if mode not in MODES:
            raise BadInput(f"mode must be one of {', '.join(MODES)}; got {str(mode)[:40]!r}.")
        sources = self._store.roads.sources()
        if not sources:
            raise BadInput(
                f"The map {self._store.address} has no roads. Add them with: viewfix roads add "
                f"{self._store.address.typed} FILE.osm.pbf"
            )
        with self._lock:
            wanted = {source.sha256 for source in sources}
            self._networks = {key: each for key, each in self._networks.items() if key[0] in wanted}
            return [self._network(source, mode) for source in sources]

    def _network(self, source: RoadSource, mode: Mode) -> Network:
        key = (source.sha256, mode)
        if key not in self._networks:
            self._networks[key] = Network(self._graph(source), mode)
        return self._networks[key]

    def _graph(self, source: RoadSource) -> Graph:
        loaded = (network.graph for (sha256, _), network in self._networks.items() if sha256 == source.sha256)
        return next(loaded, None) or decompress(self._store.roads.load(source))


def _route(
    network: Network,
    pieces: Sequence[Piece],
    ends: tuple[Position, Position],
    heading_deg: float | None,
    destination: str,
) -> Route:
    stretches = [_stretch(network, piece) for piece in pieces]
    line: list[tuple[float, float]] = []
    for stretch in stretches:
        line += stretch.line[1:] if line and line[-1] == stretch.line[0] else stretch.line
    length_m = sum(stretch.length_m for stretch in stretches)
    duration_s = sum(stretch.duration_s for stretch in stretches)
    start, end = ends
    steps = steps_of(stretches, heading_deg, (end.lat, _beside(end.lon, line[-1][1])))
    totals = length_m, duration_s
    return Route(network.mode, start, end, destination, *totals, tuple(steps), tuple(line), network.graph.credit)


def _beside(lon: float, other: float) -> float:
    """A longitude without a jump across the 180th meridian to another one."""
    return lon + round((other - lon) / 360.0) * 360.0


def _stretch(network: Network, piece: Piece) -> Stretch:
    graph = network.graph
    length_m = network.length_of(piece)
    name = graph.name_table[int(graph.names[piece.edge])]
    road = graph.kind_table[int(graph.kinds[piece.edge])].road
    duration_s = length_m * network.seconds_a_metre[piece.edge]
    return Stretch(name, surface_of(road), tuple(network.line(piece)), length_m, duration_s)


def _unreachable(networks: Sequence[Network], start: Position, end: Position, name: str) -> NoRoute:
    """Say which of the two ends has no road, or that the roads around them are not connected."""
    mode = networks[0].mode
    far = distance(distance_m(start, end))
    if not _near_roads(networks, start):
        return NoRoute(
            f"No road to {GO[mode]} on is within 1 km of the start ({start.lat:.5f}, {start.lon:.5f}). "
            "Add roads that cover it: viewfix roads add MAP FILE.osm.pbf"
        )
    if not _near_roads(networks, end):
        return NoRoute(
            f"{name} is {far} away, and no road of this map to {GO[mode]} on is within 1 km of it. Is it in another "
            "town? Otherwise add roads that cover it: viewfix roads add MAP FILE.osm.pbf"
        )
    return NoRoute(
        f"{name} cannot be reached: the roads around it are not connected to those around the start, {far} away. "
        "Try another mode, or add one file of roads that covers both."
    )


def _near_roads(networks: Sequence[Network], place: Position) -> list[OnRoad]:
    return [found for network in networks for found in network.snap(place.lat, place.lon)]
