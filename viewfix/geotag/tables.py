"""Write the positions of albums as CSV, GeoJSON, GPX or KML. Rows are written one by one."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..errors import BadInput, StorageFailed
from ..files import replacing
from ..geojson import to_feature, to_json
from ..sources.folder import printable
from ..store.export_tracks import write_gpx, write_kml
from ..types import Candidate, Fix, Photo, Position
from .proposal import Proposal

ENDINGS = (".csv", ".geojson", ".gpx", ".kml")
COLUMNS = (
    "file", "state", "lat", "lon", "radius_m", "heading_deg", "confidence", "by", "place", "road", "taken_at", "reason",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def check_table(target: Path) -> None:
    """Refuse a name that is not that of a table, before any work.

    Raises:
        BadInput: its ending is another one, or there is no folder for it.
    """
    if target.suffix.lower() not in ENDINGS:
        raise BadInput(f"{target} does not end in {', '.join(ENDINGS)}. Choose the name of a file that does.")
    if not target.absolute().parent.is_dir():
        raise BadInput(f"There is no folder {target.absolute().parent} for {target.name}. Create it first.")


def write_table(proposals: Iterable[Proposal], target: Path) -> None:
    """Write a table in the format that the ending of `target` names.

    CSV and GeoJSON have every photo, with a position only for those that are placed; the CSV is a manifest for `viewfix
    build`. GPX and KML have a point for each photo that is placed.

    Raises:
        BadInput: the ending is another one.
        StorageFailed: the file cannot be written.
    """
    check_table(target)
    ending = target.suffix.lower()
    try:
        with replacing(target) as part:
            if ending == ".csv":
                _csv(proposals, part)
            elif ending == ".geojson":
                _geojson(proposals, part)
            else:
                (write_gpx if ending == ".gpx" else write_kml)(_placed(proposals), part)
    except OSError as error:
        raise StorageFailed(f"{target} cannot be written ({error.strerror or error}). Choose another path.") from error


def _csv(proposals: Iterable[Proposal], target: Path) -> None:
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for each in proposals:
            tag = each.tag if each.state == "placed" else None
            at = None if tag is None else tag.position
            row = (
                str(each.file), each.state, at and at.lat, at and at.lon, at and at.radius_m, tag and tag.heading_deg,
                tag and tag.confidence, tag and tag.by, tag and tag.place, tag and tag.road,
                each.taken_at and each.taken_at.isoformat(), each.reason,
            )  # fmt: skip
            writer.writerow([_cell(value) for value in row])


def _cell(value: object) -> object:
    """A value for a table: a text that a spreadsheet would run as a formula gets an apostrophe."""
    if not isinstance(value, str):
        return value
    return printable(f"'{value}" if value.startswith(_FORMULA) else value)


def _geojson(proposals: Iterable[Proposal], target: Path) -> None:
    with target.open("w", encoding="utf-8") as file:
        file.write('{"type":"FeatureCollection","features":[')
        for number, each in enumerate(proposals):
            feature = to_feature(printable(str(each.file)), fix_of(each))
            feature["properties"]["state"] = each.state
            file.write((",\n" if number else "\n") + to_json(feature))
        file.write("\n]}\n")


def fix_of(proposal: Proposal) -> Fix:
    """A proposal as an answer of the map, in the form that every part of viewfix writes."""
    tag = proposal.tag
    candidates = tuple(
        Candidate(Photo(s.id, "", Position(s.lat, s.lon), attribution=s.attribution), s.similarity, s.inliers)
        for s in proposal.seen
    )
    if tag is None or proposal.state != "placed":
        confidence = 0.0 if tag is None or tag.confidence is None else tag.confidence
        return Fix(None, confidence, candidates, proposal.reason)
    return Fix(tag.position, tag.confidence or 0.0, candidates, proposal.reason, tag.heading_deg)


def _placed(proposals: Iterable[Proposal]) -> Iterator[Photo]:
    for each in proposals:
        if each.state == "placed" and each.tag is not None:
            tag = each.tag
            yield Photo(printable(each.id), str(each.file), tag.position, tag.heading_deg, each.taken_at)
