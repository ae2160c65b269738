"""viewfix migrate: re-embed the photos of a map with another model, in place."""

from __future__ import annotations

import dataclasses

import click

from .. import console
from ..store.address import Address
from .options import device_option, json_line, json_option, map_argument, print_skipped


@click.command()
@map_argument
@click.option("--model", metavar="NAME|FILE", help="The new model. Default: the one that ships with viewfix.")
@device_option
@click.option("--drop-missing", is_flag=True, help="Remove from the map the photos that can no longer be read.")
@click.option("--restart", is_flag=True, help="Discard an unfinished migration and start again.")
@json_option
@click.option("-q", "--quiet", is_flag=True, help="Show no progress bar.")
def command(place: Address, model: str | None, drop_missing: bool, restart: bool, quiet: bool, as_json: bool) -> None:
    """Re-embed the photos of MAP with another model, in place.

    The map answers with its old descriptors until the new ones are complete. To continue a run that was stopped, run
    the same command again. Photos whose files are missing prevent the switch, unless --drop-missing removes them.
    """
    from ..migrate import migrate

    with console.progress(quiet=quiet) as report:
        outcome = migrate(place, model, drop_missing=drop_missing, restart=restart, progress=report)
    if as_json:
        click.echo(json_line(dataclasses.asdict(outcome)))
        return
    click.echo(str(outcome))
    print_skipped("dropped", outcome.dropped, place)
