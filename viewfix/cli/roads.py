"""viewfix roads: add roads to a map, list them, and remove them."""

from __future__ import annotations

import dataclasses

import click

from .. import console
from ..store.address import Address
from .nearby import plain
from .options import counted, json_line, json_option, map_argument


@click.group()
def command() -> None:
    """Manage the roads of a map, on which `viewfix route` finds the way."""


@command.command()
@map_argument
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path())
@json_option
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
def add(place: Address, files: tuple[str, ...], as_json: bool, quiet: bool) -> None:
    """Add the roads of each OpenStreetMap FILE (.osm.pbf, .osm) to MAP, as far as they are near its photos.

    Roads that were added from the same FILE before are replaced in one transaction. The roads of one FILE are one
    network: use a FILE that covers the whole map.
    """
    from .. import roads

    with console.progress(quiet=quiet) as report:
        added = roads.add(place, *files, progress=report)
    if as_json:
        click.echo(json_line(dataclasses.asdict(added)))
        return
    click.echo(str(added))
    for line in added.credits:
        click.echo(plain(line))


@command.command("list")
@map_argument
@json_option
def list_(place: Address, as_json: bool) -> None:
    """List the files that the roads of MAP came from."""
    from ..store.complete import require_complete
    from ..store.store import Store

    with require_complete(Store.open(place)) as store:
        sources = store.roads.sources()
    if as_json:
        click.echo(json_line([dataclasses.asdict(source) for source in sources]))
        return
    for source in sources:
        credit = ", ".join(part for part in (source.attribution, source.licence) if part)
        click.echo(f"{source.length_m / 1000:.1f} km from {plain(source.file)}" + (f": {plain(credit)}" * bool(credit)))


@command.command()
@map_argument
@click.option("--source", metavar="FILE", help="Remove only the roads from this file, which need not exist any more.")
def remove(place: Address, source: str | None) -> None:
    """Remove the roads from MAP."""
    from .. import roads

    click.echo(f"roads of {counted(roads.remove(place, source), 'file')} removed")
