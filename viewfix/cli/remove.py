"""viewfix remove: photos are taken out of a map."""

from __future__ import annotations

from pathlib import Path

import click

from ..errors import BadInput
from .options import map_argument, opened


@click.command()
@map_argument
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
def command(map_path: Path, ids: tuple[str, ...]) -> None:
    """Take the photos with these IDs out of MAP. Ids are shown by `viewfix export` and `viewfix locate`."""
    with opened(map_path) as city:
        removed = city.remove(ids)
        left = len(city)
    if not removed:
        raise BadInput(
            f"{map_path} has no photo with the id {ids[0]!r}. See the ids with: viewfix export {map_path} photos.csv"
        )
    missing = len(set(ids)) - removed
    click.echo(f"{removed} removed, {left} left" + (f"; {missing} of the ids were not there" if missing else ""))
