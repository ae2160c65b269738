"""viewfix watch: keep a map up to date with a folder."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .. import console
from ..store.address import Address
from .options import counted, json_line, json_option, map_argument, prefer_option, print_added, source_options

if TYPE_CHECKING:
    from ..sources import Prefer, SourceOptions


@click.command()
@map_argument
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--remove", is_flag=True, help="Remove photos from MAP when their files are deleted.")
@click.option("--settle", "settle_s", metavar="SECONDS", default=2.0, show_default=True,
              type=click.FloatRange(0, 3600), help="Read a file once it has not changed for this long.")  # fmt: skip
@prefer_option
@source_options
@json_option
@click.option("-q", "--quiet", is_flag=True, help="Show no progress bar.")
def command(  # noqa: PLR0913  one for each option
    place: Address,
    folder: Path,
    remove: bool,
    settle_s: float,
    prefer: Prefer,
    reading: SourceOptions,
    as_json: bool,
    quiet: bool,
) -> None:
    """Keep MAP up to date with FOLDER, and print a line for each change. Stop with Ctrl-C.

    Photos are added and replaced as their files change; a half-copied file is left until it is complete. Photos of
    deleted files stay in MAP without --remove. If FOLDER goes away, as a memory card does, nothing is removed. A MAP
    that does not exist is built first.
    """
    from ..map import Map
    from ..optional import optional
    from ..store.store import Store
    from ..watch import WatchOptions, watch

    optional("watchfiles")  # now, and not after an hour of building
    with console.progress(quiet=quiet) as report:
        if Store.exists(place):
            city = Map.open(place, progress=report)
        else:
            city = Map.build(place, folder, prefer=prefer, options=reading, progress=report)
            print_added(city.last_added, place, as_json=as_json)
    with city:
        changes = watch(city, folder, WatchOptions(remove, settle_s, prefer, reading))
        if not as_json:
            click.echo(f"{place}: {counted(len(city), 'photo')}. Watching {folder}; stop with Ctrl-C.")
        try:
            for change in changes:
                click.echo(json_line(dataclasses.asdict(change)) if as_json else str(change))
        except KeyboardInterrupt:
            if not as_json:
                click.echo(f"{place}: {counted(len(city), 'photo')}. Stopped watching.")
