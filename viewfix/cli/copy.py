"""viewfix copy: a map is copied between a file, PostgreSQL, Milvus and Parquet, and compared."""

from __future__ import annotations

import dataclasses
import json

import click

from .. import console
from .options import json_option, name_some


@click.command()
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@click.option("--no-verify", is_flag=True, help="Do not compare both sides afterwards.")
@click.option("--no-index", is_flag=True, help="Leave making the search index to the next build or add.")
@json_option
@click.option("-q", "--quiet", is_flag=True, help="No progress bar.")
def command(source: str, target: str, no_verify: bool, no_index: bool, as_json: bool, quiet: bool) -> None:
    """Copy the map FROM to TO: files, URLs, or .parquet files, in any pair.

    Nothing is embedded again: descriptors are copied to the last bit, with all that is known about each photo. A copy
    that was stopped goes on with the same command; until then TO cannot be asked. At the end both sides are compared.
    """
    from ..copying import copy

    with console.progress(quiet=quiet) as report:
        outcome = copy(source, target, verify=not no_verify, index=not no_index, progress=report)
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(outcome), ensure_ascii=True))
        return
    click.echo(str(outcome))
    name_some("skipped", outcome.skipped)
