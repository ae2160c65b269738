"""viewfix pois: add points of interest to a map, list them, and remove them."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import click

from .. import console
from ..errors import BadInput
from ..store.address import Address
from .nearby import description, language_option, line_of, plain
from .options import SHOWN, counted, json_line, json_option, map_argument

if TYPE_CHECKING:
    from ..types import Nearby, PointOfInterest


@click.group()
def command() -> None:
    """Manage the points of interest of a map: sights that `viewfix locate` names near a fix."""


@command.command()
@map_argument
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path())
@click.option("--attribution", metavar="TEXT", help="Whom to credit for the points. Not needed for OpenStreetMap.")
@click.option("--licence", metavar="TEXT", help="The licence of the points.")
@json_option
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
def add(place: Address, files: tuple[str, ...], as_json: bool, quiet: bool, **credit: str | None) -> None:
    """Add the named sights of each FILE to MAP: OpenStreetMap (.osm.pbf, .osm, Overpass JSON), GeoJSON or CSV.

    Sights that were added from the same FILE before are replaced in one transaction. A CSV has the columns lat, lon
    and name, and optionally id, kind, wikipedia, wikidata, website, and name:uk or other languages.
    """
    from .. import pois

    with console.progress(quiet=quiet) as report:
        added = pois.add(place, *files, **credit, progress=report)
    if as_json:
        click.echo(json_line(dataclasses.asdict(added)))
        return
    click.echo(str(added))
    for line in added.credits:
        click.echo(plain(line))
    for each in added.skipped[:SHOWN]:
        click.echo(f"  skipped {plain(each.id)}: {plain(each.reason)}", err=True)
    if added.skipped_count > SHOWN:
        click.echo(f"  and {added.skipped_count - SHOWN} more", err=True)
    if added.near_photos == 0:
        click.echo(
            "None of them lies within 5 km of the photos of the map. Is this the right file, "
            "or are latitude and longitude swapped?",
            err=True,
        )


@command.command("list")
@map_argument
@click.option("--near", metavar="LAT,LON", help="List only points near this position, nearest first.")
@click.option("--radius-m", type=click.FloatRange(0), metavar="METRES", help="Radius around --near.  [default: 300]")
@click.option("--json", "as_json", is_flag=True, help="Print one GeoJSON Feature per line.")
@language_option
def list_(place: Address, near: str | None, radius_m: float | None, as_json: bool, language: str | None) -> None:
    """List the points of interest of MAP in the order of adding, and the files they came from."""
    from ..pois import within
    from ..store.complete import require_complete
    from ..store.store import Store

    if radius_m is not None and near is None:
        raise BadInput("--radius-m needs a place. Add --near LAT,LON")
    with require_complete(Store.open(place)) as store:
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
@click.option("--source", metavar="FILE", help="Remove only the points from this file, which need not exist any more.")
def remove(place: Address, source: str | None) -> None:
    """Remove the points of interest from MAP."""
    from .. import pois

    click.echo(f"{counted(pois.remove(place, source), 'point')} of interest removed")


def _place(text: str) -> tuple[float, float]:
    try:
        lat, lon = (float(part) for part in text.split(","))
    except ValueError:
        raise BadInput(f"--near {text!r} is not a position. Use LAT,LON in degrees, e.g. 60.17,24.95.") from None
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
