"""viewfix thin: take out photos that a map does not need."""

from __future__ import annotations

from pathlib import Path

import click

from .. import console
from ..errors import BadInput
from ..shell import shell_quoted
from ..store.address import Address
from .options import json_line, json_option, map_argument, percent


@click.command()
@map_argument
@click.option("--recall-budget", default="1%", show_default=True, metavar="SHARE", callback=percent,
              help="The largest loss of photos found, such as 1% or 0.01.")  # fmt: skip
@click.option("-o", "--output", type=click.Path(), metavar="OUT", help="Write the thinned map here; MAP stays.")
@click.option("--in-place", is_flag=True, help="Thin MAP itself, after it was copied to --backup.")
@click.option("--backup", type=click.Path(), metavar="PLACE",
              help="Where to copy MAP before --in-place.  [default: NAME.before-thin.map beside it]")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Change nothing; only report. The default without -o and --in-place.")
@json_option
@click.option("-q", "--quiet", is_flag=True, help="Show no progress bar.")
def command(  # noqa: PLR0913  one parameter an option
    place: Address,
    recall_budget: float,
    output: str | None,
    in_place: bool,
    backup: str | None,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Take out photos that MAP does not need to find new photos of its places.

    What it would lose is measured on the map itself: one spot in five is held out, and its photos are searched for in
    the thinned rest. Every spot keeps at least one photo. See docs/thin.md.
    """
    from ..copying import copy
    from ..map import Map

    target = _target(place, output, in_place, backup)
    with console.progress(quiet=quiet) as report:
        with Map.open(place, progress=report) as city:
            plan = city.thinning(recall_budget=recall_budget)
        writes = target is not None and not dry_run
        if target is not None and writes:
            copy(place, target, index=False, progress=report)
            with Map.open(place if in_place else target, progress=report) as thinned:
                thinned.remove(plan.removed)
    if as_json:
        click.echo(json_line(plan.to_json() | {"written": str(place if in_place else target) if writes else None}))
        return
    click.echo(str(plan))
    if not writes:
        click.echo(f"nothing was changed; write the thinned map with: viewfix thin {place.typed} -o THINNED.map")
    elif in_place:
        click.echo(f"thinned {place}; the map as it was is at {target}")
    else:
        click.echo(f"wrote {target}")


def _target(place: Address, output: str | None, in_place: bool, backup: str | None) -> Address | None:
    """Where a copy of the map goes before photos are removed; None for a report alone. Refused before any work."""
    from ..store.store import Store

    if output is not None and in_place:
        raise BadInput("-o and --in-place exclude each other: the thinned map is either a new one or the same.")
    if backup is not None and not in_place:
        raise BadInput("--backup is for --in-place. Add --in-place, or write a new map with -o OUT.")
    if in_place and backup is None:
        if (file := place.file) is None:
            raise BadInput(f"{place} is not a file, so it needs a place for its backup: --backup backup.map")
        backup = str(file.with_name(f"{file.name.removesuffix('.map')}.before-thin.map"))
    chosen = output if output is not None else backup
    if chosen is None:
        return None
    target = Address.of(chosen)
    if target.file is not None and target.file.suffix.lower() == ".parquet":
        raise BadInput(f"{target} is a Parquet file, but a thinned map is a map. Choose a name that ends in .map")
    if Store.exists(target):
        option = "-o" if output is not None else "--backup"
        raise BadInput(f"There is something at {target} already. Choose another place: {option} {_other(target)}")
    return target


def _other(target: Address) -> str:
    file = target.file
    return "OTHER" if file is None else shell_quoted(Path(file).with_name(f"{file.stem}-2.map"))
