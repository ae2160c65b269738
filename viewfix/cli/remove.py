"""viewfix remove: remove photos from a map."""

from __future__ import annotations

import click

from ..errors import BadInput
from ..store.address import Address
from .options import map_argument, opened


@click.command()
@map_argument
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
def command(place: Address, ids: tuple[str, ...]) -> None:
    """Remove the photos with these IDs from MAP. `viewfix export` and `viewfix locate -v` show ids."""
    with opened(place) as city:
        removed = city.remove(ids)
        left = len(city)
    if not removed:
        raise BadInput(
            f"{place} has no photo with the id {ids[0]!r}. List the ids with: viewfix export {place.typed} photos.csv"
        )
    missing = len(set(ids)) - removed
    click.echo(f"{removed} removed, {left} left" + (f"; {missing} of the ids were not there" if missing else ""))
