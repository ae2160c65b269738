"""Add everything that an OpenStreetMap file has for a map: the base map, the roads and the sights.

```python
from viewfix import osm

print(osm.add("home.map", "helsinki.osm.pbf"))
```
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from . import basemap, pois, roads
from .basemap import AddedBasemap
from .basemap.osm import check_file
from .errors import BadInput, MissingExtra
from .pois.ingest import AddedPoints
from .roads import AddedRoads
from .store.added_files import HasAddress
from .store.store import Place
from .types import Progress, silent

Added = TypeVar("Added")


@dataclass(frozen=True, slots=True)
class AddedOsm:
    """The result of adding a file: each part, or None where `left_out` says why it could not be added."""

    basemap: AddedBasemap | None
    roads: AddedRoads | None
    points: AddedPoints | None
    left_out: tuple[str, ...] = ()

    @property
    def credits(self) -> list[str]:
        """Whom to credit, each once."""
        parts = [part for part in (self.basemap, self.roads, self.points) if part is not None]
        return list(dict.fromkeys(credit for part in parts for credit in part.credits))

    def __str__(self) -> str:
        return "\n".join(str(part) for part in (self.basemap, self.roads, self.points) if part is not None)


def add(city: HasAddress | Place, file: str | Path, *, progress: Progress = silent) -> AddedOsm:
    """Add the base map, the roads and the sights of an OpenStreetMap file to a map.

    Each part is added completely or not at all, and replaces what came from the same file before. A part that the file
    does not have, or that cannot be made on this machine, is left out.

    Args:
        city: a Map, or its path or URL.
        file: an OpenStreetMap file (.osm.pbf, .osm); needs the extras `basemap` and `pois`.
        progress: called with the progress.

    Raises:
        BadInput: it is not an OpenStreetMap file, or nothing of it could be added.
        MissingExtra: osmium or shapely is not installed.
        MapBusy: another process is writing the map.
    """
    given = Path(file).expanduser()
    check_file(given)
    failed: list[BadInput | MissingExtra] = []

    def tried(part: Callable[[], Added]) -> Added | None:
        try:
            return part()
        except (BadInput, MissingExtra) as error:
            failed.append(error)
            return None

    drawn = tried(lambda: basemap.add(city, given, progress=progress))
    ways = tried(lambda: roads.add(city, given, progress=progress))
    sights = tried(lambda: pois.add(city, given, progress=progress)) if drawn or ways else None
    if drawn is None and ways is None:
        raise failed[0]
    return AddedOsm(drawn, ways, sights, tuple(str(error) for error in failed))
