"""viewfix pack: write a map as an app that locates photos on a phone without a network."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any, get_args

import click

from .. import console
from ..photos.licences import Thumbnails as Rule
from ..store.address import Address
from .options import blur_option, counted, json_line, json_option, map_argument


@click.command()
@map_argument
@click.option("-o", "--output", "target", metavar="FOLDER", type=click.Path(path_type=Path), required=True,
              help="The folder to write. An existing pack is replaced.")  # fmt: skip
@click.option("--title", help="The name of the app on a phone.  [default: the map's]")
@click.option("--thumbnails", "thumbnails_px", metavar="PX", default=0, show_default="none", type=click.IntRange(0),
              help="Pack thumbnails whose longer side is PX pixels. 160 is a good size, about 4 KB each.")  # fmt: skip
@click.option("--thumbnails-of", "rule", default="licensed", show_default=True, type=click.Choice(get_args(Rule)),
              help="Photos that get thumbnails: those under an open licence, or all if you may show them.")  # fmt: skip
@blur_option
@click.option("--basemap", metavar="FILE.pmtiles", type=click.Path(path_type=Path),
              help="A base map to use in place of the map's own.")  # fmt: skip
@click.option("--no-basemap", "plain_ground", is_flag=True, help="Leave out the base map of the map.")
@click.option("--webgpu", is_flag=True, help="Add the WebGPU engine, 3.8 MB.")
@json_option
@click.option("-q", "--quiet", is_flag=True, help="Show no progress bar.")
def command(place: Address, target: Path, as_json: bool, quiet: bool, **given: Any) -> None:
    """Write MAP as a folder of static files: an app that locates photos on a phone without a network.

    Put the folder on any web server with https; see docs/phone.md.
    """
    from ..map import Map
    from ..pack import PackOptions

    options = PackOptions(**given)
    with console.progress(quiet=quiet) as report, Map.open(place, progress=report) as city:
        packed = city.pack(target, options)
    if as_json:
        click.echo(json_line(packed.to_json()))
        return
    for what, size in packed.sizes.items():
        if size:
            click.echo(f"{what:<20}{size / 1e6:8.2f} MB")
    without = f"{packed.bytes_without_engine / 1e6:.2f} MB without engine and app"
    click.echo(f"{'to download':<20}{packed.bytes_in_all / 1e6:8.2f} MB ({without})")
    if options.thumbnails_px:
        left = packed.photos - packed.thumbnails - packed.unread
        unread = f", {packed.unread} could not be read" if packed.unread else ""
        reason = f", {left} not shown because of --thumbnails-of {options.rule}" if left else ""
        click.echo(f"{counted(packed.thumbnails, 'thumbnail')}{reason}{unread}")
    if not packed.sizes["base map"] and not options.plain_ground:
        click.echo(f"no base map: viewfix basemap add {place.typed} city.osm.pbf, then pack again")
    click.echo(f"wrote {target}: {counted(packed.photos, 'photo')}, version {packed.version}")
    click.echo(f"Try it: python -m http.server --directory {shlex.quote(str(target))} 8000")
    click.echo("then open http://localhost:8000/ in a browser.")
