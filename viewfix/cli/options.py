"""What several commands share: opening a map with progress, and saying what was added."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .. import console

if TYPE_CHECKING:
    from ..ingest import Added
    from ..map import Map

Command = TypeVar("Command", bound=Callable[..., Any])

SHOWN = 10
"""Skipped photos named on the screen; `viewfix info MAP --skipped` names them all."""


def map_argument(command: Command) -> Command:
    return click.argument("map_path", metavar="MAP", type=click.Path(path_type=Path))(command)


def model_option(command: Command) -> Command:
    text = "A model of `viewfix models` or an .onnx file. Default: the map's own, or the one that ships with viewfix."
    return click.option("--model", metavar="NAME|FILE", help=text)(command)


@contextmanager
def opened(map_path: Path, *, model: str | None = None, quiet: bool = False) -> Iterator[Map]:
    """A map for as long as the block lasts, its progress shown on standard error."""
    from ..map import Map

    with console.progress(quiet=quiet) as report, Map.open(map_path, model=model, progress=report) as city:
        yield city


def json_option(command: Command) -> Command:
    return click.option("--json", "as_json", is_flag=True, help="One JSON object.")(command)


def say_added(added: Added, *, as_json: bool = False) -> None:
    """One line of counts on standard output; what was skipped, and why, on standard error (in JSON, with the rest)."""
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(added), ensure_ascii=False))
        return
    click.echo(str(added))
    for skipped in added.skipped[:SHOWN]:
        click.echo(f"  skipped {skipped.id}: {skipped.reason}", err=True)
    if len(added.skipped) > SHOWN:
        click.echo(f"  and {len(added.skipped) - SHOWN} more: viewfix info MAP --skipped", err=True)
