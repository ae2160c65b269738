"""Add files of points of interest to a map, each file completely or not at all, and report the result."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import BadInput
from ..geo import Box, widened
from ..sources import existing_paths
from ..sources.columns import readable
from ..store.added_files import HasAddress, address_of, stored_name
from ..store.complete import require_complete
from ..store.points import PointSource, PointWriter
from ..store.store import Place, Store
from ..types import PointOfInterest, Progress, Skipped, silent
from . import osm, tables
from .nearby import SAME_ITEM_M, SAME_NAME_M, is_same_sight, merged, name_key, wikidata_of

Reader = Callable[[Path], Iterable[PointOfInterest | Skipped]]

READERS: dict[str, Reader] = {
    **dict.fromkeys((*osm.PBF_ENDINGS, *osm.XML_ENDINGS), osm.read_osm),
    **dict.fromkeys((".geojson", ".json", ".geojsonl"), tables.read_geojson),
    **dict.fromkeys((".csv", ".tsv"), tables.read_csv),
}
PROGRESS_EVERY = 1000
MOST_SKIPPED = 1000
"""The number of skipped points whose reasons are kept; `skipped_count` counts them all."""

AROUND_M = 5_500.0


@dataclass(slots=True)
class AddedPoints:
    """The result of adding files: the points that were added, merged (the same sight, mapped twice) and skipped.

    `near_photos` counts the points within about 5 km of the photos of the map, None for a map without photos: 0
    suggests that the file describes another region, or that latitude and longitude are swapped. `credits` must be
    shown with the points.
    """

    added: int = 0
    merged: int = 0
    skipped_count: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    near_photos: int | None = None
    credits: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        twice = f", {self.merged} of them mapped twice" if self.merged else ""
        points = "point" if self.added == 1 else "points"
        return f"{self.added} {points} of interest{twice}, {self.skipped_count} skipped"

    def skip(self, each: Skipped) -> None:
        self.skipped_count += 1
        if len(self.skipped) < MOST_SKIPPED:
            self.skipped.append(each)


def add(
    city: HasAddress | Place,
    *files: str | Path,
    attribution: str | None = None,
    licence: str | None = None,
    progress: Progress = silent,
) -> AddedPoints:
    """Add the points of interest of files to a map. They replace the points that came from the same file before.

    Each file is one transaction: after a failure or a kill the map is as it was before that file. A map that is open
    for reading sees the new points at once.

    Args:
        city: a Map, or its path or URL.
        files: OpenStreetMap (.osm.pbf, .osm, Overpass's .json; needs the extra `pois`), GeoJSON or CSV.
        attribution: whom to credit where the points are shown; not needed for OpenStreetMap.
        licence: the licence of the points.
        progress: called with the progress.

    Raises:
        BadInput: a file does not exist, is none of these, or contains no usable point.
        MissingExtra: osmium or shapely is not installed.
        MapBusy: another process is writing the map.
    """
    if not files:
        raise BadInput("No files were passed. Pass OpenStreetMap (.osm.pbf), GeoJSON or CSV files.")
    given = existing_paths(files)
    for file in given:
        reader_of(file)
    credit = _text(attribution), _text(licence)
    outcome = AddedPoints()
    with require_complete(Store.open(address_of(city), write=True)) as store:
        for file in given:
            _add(store, file, outcome, credit, progress)
    return outcome


def remove(city: HasAddress | Place, file: str | Path | None = None) -> int:
    """Remove the points of a file from a map, or all points. Returns the number removed.

    Raises:
        BadInput: no point came from that file.
    """
    with require_complete(Store.open(address_of(city), write=True)) as store:
        points = store.points
        return points.remove(
            None if file is None else stored_name([each.file for each in points.sources()], Path(file))
        )


def reader_of(file: Path) -> Reader:
    """The reader for a file, by its extension.

    Raises:
        BadInput: there is no such file, or no reader for it.
    """
    if not _is_utf8(str(file)):
        raise BadInput(f"The name of {readable(str(file))} is not UTF-8, so it cannot be stored. Rename the file.")
    if file.is_dir():
        raise BadInput(f"{file} is a folder. Pass the files in it that contain points of interest.")
    if not file.exists():
        raise BadInput(f"There is nothing at {file}. Check the path.")
    reader = next((READERS[ending] for ending in READERS if file.name.lower().endswith(ending)), None)
    if reader is None:
        raise BadInput(
            f"{file} does not have the extension of a file of points of interest. Pass OpenStreetMap (.osm.pbf, "
            ".osm), GeoJSON (.geojson, .json) or CSV (.csv)."
        )
    return osm.read_overpass_json if reader is tables.read_geojson and tables.is_overpass_json(file) else reader


def _text(text: str | None) -> str | None:
    """Replace surrogates, into which Python decodes arguments that are not UTF-8: they cannot be stored."""
    return None if text is None else text.encode(errors="replace").decode()


def _is_utf8(text: str) -> bool:
    return _text(text) == text


def _add(
    store: Store, file: Path, outcome: AddedPoints, credit: tuple[str | None, str | None], progress: Progress
) -> None:
    reader = reader_of(file)
    is_osm = reader in (osm.read_osm, osm.read_overpass_json)
    attribution, licence = credit if any(credit) or not is_osm else osm.CREDIT
    source = PointSource(str(file.resolve()), attribution, licence)
    around = _around(store)
    with store.points.replacing(source) as writer:
        for done, item in enumerate(reader(file), start=1):
            if isinstance(item, PointOfInterest) and around is not None:
                near = bool(around.contains(item.position.lat, item.position.lon))
                outcome.near_photos = (outcome.near_photos or 0) + near
            refused = item if isinstance(item, Skipped) else _put(writer, item, outcome)
            if refused is not None:
                outcome.skip(refused)
            if done % PROGRESS_EVERY == 0:
                progress(f"reading {file.name}", done, None)
        if not writer.count:
            raise _nothing(file, outcome)
    outcome.added += writer.count
    named = ", ".join(part for part in (attribution, licence) if part)
    if named and named not in outcome.credits:
        outcome.credits.append(named)


def _around(store: Store) -> Box | None:
    """The area of the photos and 5.5 km around it; None for a map without photos."""
    area = store.info()["area"]
    if area is None:
        return None
    return widened(Box(**area), AROUND_M)


def _put(writer: PointWriter, point: PointOfInterest, outcome: AddedPoints) -> Skipped | None:
    key, item = name_key(point.name), wikidata_of(point)
    alike = writer.alike("name_key", key, point.position, SAME_NAME_M)
    if item is not None:
        alike += writer.alike("wikidata", item, point.position, SAME_ITEM_M)
    for number, other in alike:
        if is_same_sight(point, other):
            one = merged(other, point)
            writer.change(number, one, name_key=name_key(one.name), wikidata=wikidata_of(one))
            outcome.merged += 1
            return None
    if writer.has(point.id):
        return Skipped(
            readable(point.id),
            f"{readable(point.name)}: an earlier point of this file has the same id. Use distinct ids.",
        )
    writer.put(point, name_key=key, wikidata=item)
    return None


def _nothing(file: Path, outcome: AddedPoints) -> BadInput:
    if not outcome.skipped:
        return BadInput(f"{file} contains no named sight. The map was not changed. Is it the right file?")
    first = outcome.skipped[-1]
    return BadInput(
        f"Nothing in {file} could be used ({outcome.skipped_count} skipped). The map was not changed. "
        f"{first.id}: {first.reason}"
    )
