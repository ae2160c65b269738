"""viewfix basemap: make the base map of a map, and remove it."""

from __future__ import annotations

import dataclasses

import click

from .. import console
from ..store.address import Address
from .nearby import plain
from .options import json_line, json_option, map_argument


@click.group()
def command() -> None:
    """Manage the base map of a map: the streets, buildings and names that pages draw under its photos."""


@command.command()
@map_argument
@click.argument("file", metavar="FILE", type=click.Path())
@click.option("--attribution", metavar="TEXT", help="Whom to credit on the map. Not needed for OpenStreetMap.")
@json_option
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
def add(place: Address, file: str, attribution: str | None, as_json: bool, quiet: bool) -> None:
    """Make the base map of MAP from an OpenStreetMap FILE (.osm.pbf, .osm), as far as it is near its photos.

    It is stored beside MAP, and needs no network and no account. A FILE that ends in .pmtiles is taken as it is.
    """
    from .. import basemap

    with console.progress(quiet=quiet) as report:
        added = basemap.add(place, file, attribution=attribution, progress=report)
    if as_json:
        click.echo(json_line(dataclasses.asdict(added)))
        return
    click.echo(str(added))
    for line in added.credits:
        click.echo(plain(line))


@command.command()
@map_argument
def remove(place: Address) -> None:
    """Remove the base map from MAP."""
    from .. import basemap

    click.echo("the base map was removed" if basemap.remove(place) else "the map has no base map")
