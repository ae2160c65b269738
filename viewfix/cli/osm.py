"""viewfix osm: add everything that an OpenStreetMap file has for a map."""

from __future__ import annotations

import dataclasses

import click

from .. import console
from ..store.address import Address
from .nearby import plain
from .options import json_line, json_option, map_argument


@click.group()
def command() -> None:
    """Add what OpenStreetMap knows about the area of a map."""


@command.command()
@map_argument
@click.argument("file", metavar="FILE", type=click.Path())
@json_option
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
def add(place: Address, file: str, as_json: bool, quiet: bool) -> None:
    """Add the base map, the roads and the sights of an OpenStreetMap FILE (.osm.pbf, .osm) to MAP.

    The same as `viewfix basemap add`, `viewfix roads add` and `viewfix pois add`. Extracts of countries and cities:
    https://download.geofabrik.de and https://download.bbbike.org
    """
    from .. import osm

    with console.progress(quiet=quiet) as report:
        added = osm.add(place, file, progress=report)
    if as_json:
        click.echo(json_line({**dataclasses.asdict(added), "credits": added.credits}))
        return
    click.echo(str(added))
    for line in added.credits:
        click.echo(plain(line))
    for reason in added.left_out:
        click.echo(f"left out: {plain(reason)}", err=True)
