"""Add the roads of OpenStreetMap files to a map, each file completely or not at all, and remove them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ..errors import BadInput
from ..geo import Box, widened
from ..pois.osm import CREDIT
from ..sources import existing_paths
from ..store.added_files import HasAddress, address_of, stored_name
from ..store.complete import require_complete
from ..store.roads import RoadSource
from ..store.store import Place, Store
from ..types import Progress, silent
from .build import build
from .coding import compress
from .osm import read_roads, reader_of

MARGIN_M = 2000.0
"""Roads up to this far beyond the photos of the map are kept."""


@dataclass(slots=True)
class AddedRoads:
    """The result of adding files. `edges` counts pieces of road between junctions; `credits` must be shown with routes.

    `stored_bytes` is what the roads take in the map.
    """

    edges: int = 0
    length_m: float = 0.0
    stored_bytes: int = 0
    credits: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.length_m / 1000:.1f} km of roads in {self.edges:,} pieces, {self.stored_bytes / 1000:.1f} kB"


def add(city: HasAddress | Place, *files: str | Path, progress: Progress = silent) -> AddedRoads:
    """Add the roads of OpenStreetMap files to a map, as far as they lie within 2 km of its photos.

    The roads of each file are a network of their own: pass one file that covers the whole map. They replace the roads
    that came from the same file before, in one transaction.

    Args:
        city: a Map, or its path or URL.
        files: OpenStreetMap files: .osm.pbf (needs the extra `pois`), .osm, or JSON from Overpass.
        progress: called with the progress.

    Raises:
        BadInput: a file does not exist, is not an OpenStreetMap file, or has no roads near the photos.
        MissingExtra: osmium or shapely is not installed.
        MapBusy: another process is writing the map.
    """
    if not files:
        raise BadInput("No files were passed. Pass an OpenStreetMap file (.osm.pbf, .osm).")
    given = existing_paths(files)
    for file in given:
        reader_of(file)
    outcome = AddedRoads()
    with require_complete(Store.open(address_of(city), write=True)) as store:
        area = _around(store)
        for file in given:
            _add(store, file, area, outcome, progress)
    return outcome


def remove(city: HasAddress | Place, file: str | Path | None = None) -> int:
    """Remove the roads of a file from a map, or all roads. Returns the number of files whose roads were removed.

    Raises:
        BadInput: no roads came from that file.
    """
    with require_complete(Store.open(address_of(city), write=True)) as store:
        return store.roads.remove(
            None if file is None else stored_name([each.file for each in store.roads.sources()], Path(file))
        )


def _add(store: Store, file: Path, area: Box | None, outcome: AddedRoads, progress: Progress) -> None:
    data = read_roads(file, area, progress)
    graph = build(data, *CREDIT)
    if graph is None:
        where = "no roads" if area is None or not data.places else "no roads within 2 km of the photos of the map"
        raise BadInput(f"{file} contains {where}. The map was not changed. Is it the right file?")
    content = compress(graph)
    source = RoadSource(str(file.resolve()), *CREDIT, edges=len(graph.starts), length_m=graph.length_m)
    store.roads.replace(source, content)
    outcome.edges += len(graph.starts)
    outcome.length_m += graph.length_m
    outcome.stored_bytes += len(content)
    if graph.credit and graph.credit not in outcome.credits:
        outcome.credits.append(graph.credit)


def _around(store: Store) -> Box | None:
    """The area of the photos with MARGIN_M around it; None for a map without photos."""
    area = store.info()["area"]
    return None if area is None else widened(Box(**area), MARGIN_M)
