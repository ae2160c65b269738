"""Make the base map of a map from an OpenStreetMap file, or take a ready PMTiles file; remove it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from ..errors import BadInput
from ..geo import Box, distance_m, widened
from ..pois.osm import CREDIT
from ..store.added_files import HasAddress, address_of
from ..store.basemap_file import KEY
from ..store.complete import require_complete
from ..store.store import Place, Store
from ..types import Position, Progress, silent
from .osm import Feature, Reading, area_of, check_file, features, header_box
from .pmtiles import Archive
from .stored import plain
from .tiles import make, tippecanoe

MARGIN_M = 1000.0
"""The base map reaches this far beyond the photos of the map."""

OSM_CREDIT = f'<a href="https://www.openstreetmap.org/copyright">{CREDIT[0]}</a>, {CREDIT[1]}'

GROUND = {"earth"}
"""A layer that every base map has; one with nothing else is empty."""

READY = ".pmtiles"


@dataclass(frozen=True, slots=True)
class AddedBasemap:
    """The result of adding a base map: what is drawn, by layer; its size; `credits` must be shown with it.

    `features` is empty for a file that was ready.
    """

    bytes: int
    features: dict[str, int] = field(default_factory=dict)
    credits: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        size = f"{self.bytes / 1000:,.0f} kB"
        if not self.features:
            return f"base map of {size}"
        names = ("roads", "buildings", "water", "landuse")
        counts = ", ".join(f"{self.features.get(name, 0):,} {_WORDS[name]}" for name in names)
        return f"base map of {counts}: {size}"


_WORDS = {"roads": "roads and rails", "buildings": "buildings", "water": "waters", "landuse": "parks and other grounds"}


def add(
    city: HasAddress | Place, file: str | Path, *, attribution: str | None = None, progress: Progress = silent
) -> AddedBasemap:
    """Make the base map of a map from an OpenStreetMap file, as far as it lies within 1 km of the map's photos.

    It replaces the base map that the map had. Until it is finished, that one stays.

    Args:
        city: a Map, or its path or URL.
        file: an OpenStreetMap file (.osm.pbf, .osm), which needs the extra `basemap`; or a ready .pmtiles file, which
            is copied as it is.
        attribution: whom to credit on the map, if the file is not from OpenStreetMap.
        progress: called with the progress.

    Raises:
        BadInput: the file does not exist, is neither of these, or covers another area; or the map has no photos.
        MissingExtra: osmium, shapely or tippecanoe is not installed.
        MapBusy: another process is writing the map.
    """
    given = Path(file).expanduser()
    is_ready = given.name.lower().endswith(READY)
    if not is_ready:
        check_file(given)
        tippecanoe()
    with (
        require_complete(Store.open(address_of(city), write=True)) as store,
        tempfile.TemporaryDirectory(prefix="viewfix-", ignore_cleanup_errors=True) as folder,
    ):
        photos, area = _areas(store)
        found: dict[str, int] = {}
        if is_ready:
            made = given
            _check_covers(given, Archive(given).header.box, photos, area)
        else:
            made = Path(folder) / "basemap.pmtiles"
            found = _made(given, made, (photos, area), attribution or OSM_CREDIT, progress)
        archive = Archive(made)
        credit = plain(archive.attribution or attribution or "")
        store.basemap_file.replace(made)
        added_at = datetime.now(UTC).isoformat(timespec="seconds")
        store.set_meta(KEY, {"file": given.name, "attribution": credit or None, "added_at": added_at})
        return AddedBasemap(archive.size, found, [credit] if credit else [])


def remove(city: HasAddress | Place) -> bool:
    """Remove the base map of a map. Returns False if it had none."""
    with require_complete(Store.open(address_of(city), write=True)) as store:
        store.set_meta(KEY, None)
        return store.basemap_file.remove()


def _made(file: Path, target: Path, areas: tuple[Box, Box], attribution: str, progress: Progress) -> dict[str, int]:
    photos, area = areas
    if (covered := header_box(file)) is not None:
        _check_covers(file, covered, photos, area)  # before a whole country is read
    reading = Reading(file, area_of(area), progress)
    make(_drawable(reading, photos, area), area, attribution, target)
    return reading.found


def _drawable(reading: Reading, photos: Box, area: Box) -> Iterator[Feature]:
    """The features of a reading; an error at the end if they are only the ground."""
    yield from features(reading)
    if set(reading.found) - GROUND:
        return
    file = reading.path
    if reading.seen is None:
        raise BadInput(f"{file} contains nothing that a map could show. The map was not changed. Is it the right file?")
    _check_covers(file, reading.seen, photos, area)
    raise BadInput(
        f"{file} contains nothing within {MARGIN_M / 1000:.0f} km of the photos of the map ({_corners(photos)}). The "
        "map was not changed. Is it the right file?"
    )


def _areas(store: Store) -> tuple[Box, Box]:
    """The box of the photos, and that of the base map."""
    found = store.info()["area"]
    if found is None:
        raise BadInput(f"{store.address} has no photos yet, and a base map is made for their area. Add photos first.")
    photos = Box(**found)
    return photos, widened(photos, MARGIN_M)


def _check_covers(file: Path, covered: Box, photos: Box, area: Box) -> None:
    if any(_overlap(one, other) for one in covered.boxes() for other in area.boxes()):
        return
    away_km = distance_m(_centre(covered), _centre(photos)) / 1000
    raise BadInput(
        f"{file} covers another area ({_corners(covered)}), {away_km:,.0f} km from the photos of the map "
        f"({_corners(photos)}). The map was not changed. Is it the right file?"
    )


def _overlap(one: Box, other: Box) -> bool:
    return one.south <= other.north and other.south <= one.north and one.west <= other.east and other.west <= one.east


def _centre(box: Box) -> Position:
    lon = box.west + ((box.east - box.west) % 360.0) / 2
    return Position((box.south + box.north) / 2, (lon + 180.0) % 360.0 - 180.0)


def _corners(box: Box) -> str:
    return f"{box.south:.3f}, {box.west:.3f} to {box.north:.3f}, {box.east:.3f}"
