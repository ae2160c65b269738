"""viewfix copy: copy a map to another file or database, or to Parquet and back."""

from __future__ import annotations

import dataclasses

import click

from .. import console
from ..errors import StorageFailed
from ..store.address import Address
from .options import json_line, json_option, print_skipped


@click.command()
@click.argument("source", metavar="FROM", type=click.Path())
@click.argument("target", metavar="TO", type=click.Path())
@click.option("--no-features", is_flag=True, help="Leave out local features (35 KB a photo, where the map stores all).")
@click.option("--no-index", is_flag=True, help="Do not build the search index of TO; the first search will.")
@click.option("--no-verify", is_flag=True, help="Skip the final comparison of both maps.")
@click.option("--verify-only", is_flag=True, help="Copy nothing; only compare both.")
@click.option("--restart", is_flag=True, help="Delete an unfinished copy at TO and start again.")
@json_option
@click.option("-q", "--quiet", is_flag=True, help="Show no progress bar.")
def command(  # noqa: PLR0913  one parameter an option
    source: str,
    target: str,
    no_features: bool,
    no_index: bool,
    no_verify: bool,
    verify_only: bool,
    restart: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Copy the map FROM to TO: files, URLs of other engines, or .parquet files.

    Everything in the map is copied, photos and descriptors to the last bit, and both maps are compared at the end.
    To continue a copy that was stopped, run the same command again. FROM may be in use meanwhile.
    """
    from ..copying import copy, same

    with console.progress(quiet=quiet) as report:
        if verify_only:
            found = same(source, target, features=not no_features, progress=report)
        else:
            copied = copy(source, target, features=not no_features, verify=not no_verify, index=not no_index,
                          restart=restart, progress=report)  # fmt: skip
    if verify_only:
        if as_json:
            facts = {"same": found.same, "photos": found.photos, "checksum": found.checksum, "differences": found.lines}
            click.echo(json_line(facts))
        elif found.same:
            click.echo(str(found))
        if not found.same:
            raise StorageFailed(f"{target} differs from {source}: {found}.")
        return
    if as_json:
        click.echo(json_line(dataclasses.asdict(copied)))
        return
    click.echo(str(copied))
    print_skipped("skipped", copied.skipped, Address.of(target))
    if copied.left_out:
        click.echo(f"  not in a Parquet file: {', '.join(copied.left_out)}", err=True)
