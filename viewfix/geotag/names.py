"""The names of a place: a sight and a road of the map."""

from __future__ import annotations

from ..errors import ViewfixError
from ..pois.lookup import with_nearby
from ..pois.nearby import Reach
from ..roads.network import Network
from ..roads.router import Router
from ..store.store import Store
from ..types import Fix, Position
from .tag import line_of_text

SIGHT_M, ROAD_M = 30.0, 30.0
"""How far away a sight or a road may be, beyond the radius of the position for a sight."""


class Names:
    """The names of places on one map, in one language; None for the local names."""

    def __init__(self, store: Store, router: Router, language: str | None) -> None:
        self._store, self._language = store, language
        self._networks: list[Network] = router.networks("walk") if store.roads.sources() else []

    @property
    def identity(self) -> str:
        """Changes with the roads of the map, and with the number of its sights."""
        return f"{[source.sha256 for source in self._store.roads.sources()]} {len(self._store.points)}"

    def of(self, at: Position) -> tuple[str | None, str | None]:
        """The names of the sight and the road at a position."""
        return self._sight(at), self._road(at)

    def _sight(self, at: Position) -> str | None:
        found = with_nearby(self._store, Fix(at, 1.0, (), ""), Reach(SIGHT_M, 1)).nearby
        return line_of_text(found[0].point.named(self._language)) if found else None

    def _road(self, at: Position) -> str | None:
        best, name = ROAD_M, None
        for network in self._networks:
            for place in network.snap(at.lat, at.lon, ROAD_M):
                named = network.graph.name_table[network.graph.names[place.edge]]
                if named and place.away_m <= best:
                    best, name = place.away_m, named
        return line_of_text(name)


def names_of(store: Store, router: Router, language: str | None) -> Names | None:
    """The names of a map; None if its roads cannot be read: a name is worth less than the position."""
    try:
        return Names(store, router, language)
    except ViewfixError:
        return None
