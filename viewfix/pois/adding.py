"""Files of points of interest go into a map, each whole or not at all; what came of it comes out."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ..errors import BadInput
from ..geo import Box, wrap_lon_deg
from ..store.complete import require_complete
from ..store.points import Points, PointSource, PointWriter
from ..store.store import Address, Place, Store
from ..types import PointOfInterest, Progress, Skipped, silent
from . import osm, tables
from .nearby import SAME_NAME_M, SAME_THING_M, merged, name_key, same, wikidata_of

Reader = Callable[[Path], Iterable[PointOfInterest | Skipped]]

READERS: dict[str, Reader] = {
    **dict.fromkeys(osm.ENDINGS, osm.read_osm),
    **dict.fromkeys((".geojson", ".json", ".geojsonl"), tables.read_geojson),
    **dict.fromkeys((".csv", ".tsv"), tables.read_csv),
}
TELL_EVERY = 1000
MOST_SKIPPED = 1000
"""So many are kept with their reasons; of a file with more, `skipped_count` goes on counting."""

AROUND_DEG = 0.05  # about 5 km


class Placed(Protocol):
    """A Map, of which only the address is wanted."""

    @property
    def address(self) -> Address: ...


@dataclass(slots=True)
class AddedPoints:
    """What came of adding files: how many points they gave, how many of these were one sight mapped twice.

    `near_photos` counts what lies within about 5 km of the map's photos, where it has any: 0 is a hint that
    the file is of somewhere else, or that latitude and longitude are swapped. `credits` are to be shown with
    the points.
    """

    added: int = 0
    merged: int = 0
    skipped_count: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    near_photos: int | None = None
    credits: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        twice = f", {self.merged} of them mapped twice" if self.merged else ""
        return f"{self.added} points of interest{twice}, {self.skipped_count} skipped"

    def skip(self, each: Skipped) -> None:
        self.skipped_count += 1
        if len(self.skipped) < MOST_SKIPPED:
            self.skipped.append(each)


def add(
    city: Placed | Place,
    *files: str | Path,
    attribution: str | None = None,
    licence: str | None = None,
    progress: Progress = silent,
) -> AddedPoints:
    """Put the points of interest of files into a map. Those that came from the same file before are replaced.

    Each file is one transaction: after a failure or a kill the map has what it had. A map that is open
    for reading sees the new points at once.

    Args:
        city: a Map, or its path or URL.
        files: OpenStreetMap (.osm.pbf, .osm; needs the extra `pois`), GeoJSON or CSV.
        attribution: whom to name where the points are shown; OpenStreetMap's is known.
        licence: under which the points may be used.
        progress: called with what is being done.

    Raises:
        BadInput: a file is not there, is none of these, or gives no point.
        MissingExtra: osmium is not installed.
        MapBusy: another process is writing the map.
    """
    if not files:
        raise BadInput("No files were given. Give OpenStreetMap (.osm.pbf), GeoJSON or CSV files.")
    given = [Path(file).expanduser() for file in files]
    for file in given:
        reader_of(file)
    outcome = AddedPoints()
    with require_complete(Store.open(_address(city), write=True)) as store:
        for file in given:
            _add(store, file, outcome, (attribution, licence), progress)
    return outcome


def remove(city: Placed | Place, file: str | Path | None = None) -> int:
    """Take the points that came from a file out of a map, or all of them; how many there were.

    Raises:
        BadInput: none came from that file.
    """
    with require_complete(Store.open(_address(city), write=True)) as store:
        points = store.points
        return points.remove(None if file is None else _stored_name(points, Path(file)))


def _address(city: Placed | Place) -> Address:
    return Address.of(city) if isinstance(city, str | os.PathLike | Address) else city.address


def reader_of(file: Path) -> Reader:
    """What reads a file, by its ending.

    Raises:
        BadInput: nothing does, or there is no such file.
    """
    if file.is_dir():
        raise BadInput(f"{file} is a folder. Give the files in it that hold points of interest.")
    if not file.exists():
        raise BadInput(f"There is nothing at {file}. Check the path.")
    reader = next((READERS[ending] for ending in READERS if file.name.lower().endswith(ending)), None)
    if reader is None:
        raise BadInput(
            f"{file} is no file of points of interest, going by its name. Give OpenStreetMap (.osm.pbf, .osm), "
            "GeoJSON (.geojson, .json) or CSV (.csv)."
        )
    return reader


def _add(
    store: Store, file: Path, outcome: AddedPoints, credit: tuple[str | None, str | None], progress: Progress
) -> None:
    is_osm = reader_of(file) is osm.read_osm
    attribution, licence = credit if any(credit) or not is_osm else osm.CREDIT
    source = PointSource(str(file.resolve()), attribution, licence)
    around = _around(store)
    with store.points.replacing(source) as writer:
        for done, item in enumerate(reader_of(file)(file), start=1):
            if isinstance(item, PointOfInterest) and around is not None:
                here = bool(around.contains(item.position.lat, item.position.lon))
                outcome.near_photos = (outcome.near_photos or 0) + here
            refused = item if isinstance(item, Skipped) else _put(writer, item, outcome)
            if refused is not None:
                outcome.skip(refused)
            if done % TELL_EVERY == 0:
                progress(f"reading {file.name}", done, None)
        if not writer.count:
            raise _nothing(file, outcome)
    outcome.added += writer.count
    named = ", ".join(part for part in (attribution, licence) if part)
    if named and named not in outcome.credits:
        outcome.credits.append(named)


def _around(store: Store) -> Box | None:
    """The area of the photos and about 5 km more; None where there are none, or they lie around a pole."""
    area = store.info()["area"]
    if area is None:
        return None
    south, north = max(area["south"] - AROUND_DEG, -90.0), min(area["north"] + AROUND_DEG, 90.0)
    wider_deg = AROUND_DEG / max(math.cos(math.radians(max(abs(south), abs(north)))), 0.01)
    if (area["east"] - area["west"]) % 360.0 + 2 * wider_deg >= 360.0:
        return Box(south, -180.0, north, 180.0)
    west, east = wrap_lon_deg([area["west"] - wider_deg, area["east"] + wider_deg])
    return Box(south, float(west), north, float(east))


def _put(writer: PointWriter, point: PointOfInterest, outcome: AddedPoints) -> Skipped | None:
    key, item = name_key(point.name), wikidata_of(point)
    alike = writer.alike("name_key", key, point.position, SAME_NAME_M)
    if item is not None:
        alike += writer.alike("wikidata", item, point.position, SAME_THING_M)
    for number, other in alike:
        if same(point, other):
            one = merged(other, point)
            writer.change(number, one, name_key=name_key(one.name), wikidata=wikidata_of(one))
            outcome.merged += 1
            return None
    if writer.has(point.id):
        return Skipped(point.id, f"{point.name}: one before it in this file has the same id; give ids that differ")
    writer.put(point, name_key=key, wikidata=item)
    return None


def _stored_name(points: Points, file: Path) -> str:
    """The name under which a file is known: as it is, as a path from here, or by its last part when one has it."""
    known = [source.file for source in points.sources()]
    for name in (str(file), str(file.expanduser().resolve())):
        if name in known:
            return name
    by_last = [name for name in known if Path(name).name == str(file)]
    if len(by_last) == 1:
        return by_last[0]
    return str(file)


def _nothing(file: Path, outcome: AddedPoints) -> BadInput:
    if not outcome.skipped:
        return BadInput(f"{file} holds no named sight, so the map stays as it was. Is it the right file?")
    first = outcome.skipped[-1]
    return BadInput(
        f"Nothing in {file} could be used ({outcome.skipped_count} skipped), so the map stays as it was. "
        f"{first.id}: {first.reason}"
    )
