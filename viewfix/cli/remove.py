"""viewfix remove: remove photos from a map."""

from __future__ import annotations

import click

from ..errors import BadInput
from ..store.address import Address
from .options import map_argument, opened


@click.command()
@map_argument
@click.argument("ids", metavar="[ID...]", nargs=-1)
@click.option("--gone", "gone_too", is_flag=True, help="Remove the photos that are marked as gone from their service.")
def command(place: Address, ids: tuple[str, ...], gone_too: bool) -> None:
    """Remove the photos with these IDs from MAP. `viewfix export` and `viewfix locate -v` show ids.

    `viewfix build MAP panoramax:WHERE` marks photos that the service does not list any more; see --gone.
    """
    from ..embed.gone import gone

    if not ids and not gone_too:
        raise BadInput("No photo was named. Pass ids, or --gone for those that are gone from their service.")
    with opened(place) as city:
        ids += tuple(gone(city.store)) if gone_too else ()
        if not ids:
            click.echo(f"No photo of {place} is marked as gone.")
            return
        removed = city.remove(ids)
        left = len(city)
    if not removed:
        raise BadInput(
            f"{place} has no photo with the id {ids[0]!r}. List the ids with: viewfix export {place.typed} photos.csv"
        )
    missing = len(set(ids)) - removed
    click.echo(f"{removed} removed, {left} left" + (f"; {missing} of the ids were not there" if missing else ""))
