"""viewfix align: correct headings and positions of map photos by their neighbours."""

from __future__ import annotations

import click

from .. import console
from ..errors import BadInput
from ..store.address import Address
from .options import SHOWN, counted, json_line, json_option, map_argument


@click.command()
@map_argument
@click.option("--apply", "applies", is_flag=True, help="Write the corrections to MAP. What was there before is kept.")
@click.option("--undo", is_flag=True, help="Put back what all earlier runs with --apply have changed.")
@click.option("--dry-run", is_flag=True, help="Change nothing; only report. The default without --apply and --undo.")
@click.option("--all", "shows_all", is_flag=True, help="List every correction, not only the surest.")
@json_option
@click.option("-q", "--quiet", is_flag=True, help="Show no progress bar.")
def command(
    place: Address, applies: bool, undo: bool, dry_run: bool, shows_all: bool, as_json: bool, quiet: bool
) -> None:
    """Find photos of MAP whose heading or position contradicts their neighbours, and correct them.

    Every photo is compared with those around it by local features. Only what many neighbours agree on is corrected,
    so most errors stay, and hardly anything right is changed. See docs/align.md.
    """
    from ..align import apply_alignment, undo_alignment
    from ..map import Map

    if applies + undo + dry_run > 1:
        raise BadInput("--apply, --undo and --dry-run exclude each other. Use one of them.")
    if undo:
        put_back = undo_alignment(place)
        click.echo(json_line({"undone": put_back}) if as_json else f"{counted(put_back, 'photo')} as before")
        return
    with console.progress(quiet=quiet) as report, Map.open(place, progress=report) as city:
        found = city.alignment()
    written = apply_alignment(place, found.corrections) if applies else 0
    if as_json:
        click.echo(json_line(found.to_json() | {"written": written}))
        return
    click.echo(str(found))
    surest = sorted(found.corrections, key=lambda each: -each.evidence)
    for each in surest if shows_all else surest[:SHOWN]:
        click.echo(f"  {each}")
    if not shows_all and len(surest) > SHOWN:
        click.echo(f"  and {len(surest) - SHOWN} more: --all lists them")
    if applies:
        click.echo(f"{counted(written, 'photo')} corrected; to undo: viewfix align {place.typed} --undo")
    elif surest:
        click.echo(f"nothing was changed; to correct them: viewfix align {place.typed} --apply")
