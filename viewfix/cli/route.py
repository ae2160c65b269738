"""viewfix route: find the way from a photo to a sight."""

from __future__ import annotations

from pathlib import Path

import click

from .. import console
from ..errors import BadInput
from ..files import write_whole
from ..store.address import Address
from .nearby import language_option, plain
from .options import json_line, map_argument, model_option

MODES = ("walk", "cycle", "drive")


@click.command()
@map_argument
@click.argument("start", metavar="PHOTO|LAT,LON")
@click.option("--to", required=True, metavar="SIGHT|LAT,LON|PHOTO", help="Where to go.")
@click.option("--mode", type=click.Choice(MODES), default="walk", show_default=True, help="Travel mode.")
@click.option("--heading", "heading_deg", type=click.FloatRange(0, 360), metavar="DEG",
              help="Where the camera looks at the start.  [default: what the photo shows]")  # fmt: skip
@click.option("-o", "--output", metavar="FILE", type=click.Path(path_type=Path),
              help="Also write the route to a .gpx or .geojson file.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one GeoJSON Feature.")
@language_option
@model_option
def command(  # noqa: PLR0913  the options of the command
    place: Address,
    start: str,
    to: str,
    mode: str,
    heading_deg: float | None,
    output: Path | None,
    as_json: bool,
    language: str | None,
    model: str | None,
) -> None:
    """Find the way on the roads of MAP from where PHOTO was taken, or from LAT,LON, to a sight, a position or a photo.

    The first step is relative to where the camera looks. Roads are added with `viewfix roads add`.
    """
    from ..map import Map

    if output is not None and output.suffix.lower() not in (".gpx", ".geojson", ".json"):
        raise BadInput(f"{output} ends in neither .gpx nor .geojson. Choose the name of a file that does.")
    with console.progress(quiet=as_json) as report, Map.open(place, model=model, progress=report) as city:
        route = city.route(start, to, mode=mode, heading_deg=heading_deg, language=language)  # type: ignore[arg-type]
    feature = json_line(route.to_geojson())
    if output is not None:
        write_whole(output, route.to_gpx() if output.suffix.lower() == ".gpx" else feature + "\n")
    if as_json:
        click.echo(feature)
        return
    for line in str(route).splitlines():
        click.echo(plain(line))
    if route.credit:
        click.echo(f"Roads: {plain(route.credit)}")
