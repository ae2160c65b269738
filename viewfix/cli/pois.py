"""viewfix pois: points of interest are added to a map, listed, and taken out."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .. import console
from ..errors import BadInput
from ..store.address import Address
from .nearby import description, language_option, line_of, plain
from .options import SHOWN, counted, json_option, map_argument

if TYPE_CHECKING:
    from ..types import Nearby, PointOfInterest


@click.group()
def command() -> None:
    """What is worth seeing near: points of interest of a map, named by `viewfix locate` with every fix."""


@command.command()
@map_argument
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--attribution", metavar="TEXT", help="Whom to name where they are shown. OpenStreetMap's is known.")
@click.option("--licence", metavar="TEXT", help="Under which they may be used.")
@json_option
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def add(place: Address, files: tuple[Path, ...], as_json: bool, quiet: bool, **credit: str | None) -> None:
    """Put the named sights of each FILE into MAP: OpenStreetMap (.osm.pbf, .osm), GeoJSON or CSV.

    What came from the same FILE before is replaced, all of it or nothing. A CSV has the columns lat, lon and name,
    and if you like id, kind, wikipedia, wikidata, website and name:uk or other languages.
    """
    from .. import pois

    with console.progress(quiet=quiet) as report:
        added = pois.add(place, *files, **credit, progress=report)
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(added), ensure_ascii=True))
        return
    click.echo(str(added))
    for line in added.credits:
        click.echo(line)
    for each in added.skipped[:SHOWN]:
        click.echo(f"  skipped {plain(each.id)}: {plain(each.reason)}", err=True)
    if added.skipped_count > SHOWN:
        click.echo(f"  and {added.skipped_count - SHOWN} more", err=True)
    if added.near_photos == 0:
        click.echo(
            "None of them lies within 5 km of the photos of the map. Is it the right file, "
            "or are latitude and longitude swapped?",
            err=True,
        )


@command.command("list")
@map_argument
@click.option("--near", metavar="LAT,LON", help="Only what is near, the nearest first.")
@click.option("--radius-m", type=click.FloatRange(0), metavar="METRES", help="How near.  [default: 300]")
@click.option("--json", "as_json", is_flag=True, help="One GeoJSON Feature a line and point.")
@language_option
def list_(place: Address, near: str | None, radius_m: float | None, as_json: bool, language: str | None) -> None:
    """List the points of interest of MAP, in the order in which they were added, and where they came from."""
    from ..pois import within
    from ..store.complete import whole
    from ..store.store import Store

    if radius_m is not None and near is None:
        raise BadInput("--radius-m was given without --near. Give the place too: --near LAT,LON")
    with whole(Store.open(place)) as store:
        points = store.points
        if near is not None:
            for each in within(store, *_place(near), 300.0 if radius_m is None else radius_m):
                click.echo(_json(each.point, each) if as_json else line_of(each, language))
        else:
            for point in points.all():
                at = f"{point.position.lat:.6f}, {point.position.lon:.6f}"
                line = f"{plain(point.id)}: {at}, {plain(point.kind)}, {description(point, language, kind=False)}"
                click.echo(_json(point) if as_json else line)
        for source in () if as_json else points.sources():
            named = ", ".join(part for part in (source.attribution, source.licence) if part)
            click.echo(f"{counted(source.points, 'point')} from {source.file}" + (f": {plain(named)}" if named else ""))


@command.command()
@map_argument
@click.option("--source", metavar="FILE", help="Only those that came from this file, which may be gone.")
def remove(place: Address, source: str | None) -> None:
    """Take the points of interest out of MAP."""
    from .. import pois

    click.echo(f"{counted(pois.remove(place, source), 'point')} of interest removed")


def _place(text: str) -> tuple[float, float]:
    try:
        lat, lon = (float(part) for part in text.split(","))
    except ValueError:
        raise BadInput(f"--near is {text!r}, which is no place. Give LAT,LON in degrees, e.g. 60.17,24.95.") from None
    return lat, lon


def _json(point: PointOfInterest, near: Nearby | None = None) -> str:
    properties: dict[str, Any] = {
        "name": point.name,
        "names": dict(point.names),
        "kind": point.kind,
        "links": dict(point.links),
        "notability": point.notability,
        "attribution": point.attribution,
        "licence": point.licence,
    }
    if near is not None:
        properties |= {"distance_m": round(near.distance_m, 1), "bearing_deg": round(near.bearing_deg, 1) % 360.0}
    at = [point.position.lon, point.position.lat]  # GeoJSON's order
    geometry = {"type": "Point", "coordinates": at}
    return json.dumps({"type": "Feature", "id": point.id, "geometry": geometry, "properties": properties})
