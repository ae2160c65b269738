"""viewfix models: list the catalogue, and fetch published models."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import click

from .. import console
from ..errors import BadInput
from ..models.entry import Entry
from ..optional import optional

COMMERCIAL = {True: "yes", False: "no", None: "unclear"}
HEAD = ("NAME", "NUMBERS", "MB", "LICENCE", "COMMERCIAL USE", "STATE")


def weights_dir_option(command: Any) -> Any:
    text = "Folder of the published models. Default: VIEWFIX_WEIGHTS, or the user's cache."
    return click.option("--weights-dir", metavar="DIR", type=click.Path(path_type=Path, file_okay=False), help=text)(
        command
    )


def list_options(command: Any) -> Any:
    command = click.option("--commercial-ok", is_flag=True, help="Only models whose commercial use is clear.")(command)
    command = click.option("--json", "as_json", is_flag=True, help="Print a JSON array with all facts.")(command)
    return weights_dir_option(command)


class _Filtered(click.Group):
    """A group in which any word that is not a subcommand is a filter."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args[0] in self.commands:
            return super().resolve_command(ctx, args)
        return "filter", self.commands["filter"], args


@click.group(cls=_Filtered, invoke_without_command=True, subcommand_metavar="[WORD | get NAME]")
@list_options
@click.pass_context
def command(ctx: click.Context, as_json: bool, commercial_ok: bool, weights_dir: Path | None) -> None:
    """List the available models with licence and size: all, or those whose name or summary contains WORD.

    `viewfix models get NAME` fetches a published model. A custom .onnx file can be used as well, see docs/models.md.
    """
    if ctx.invoked_subcommand == "get" and (as_json or commercial_ok or weights_dir):
        raise click.UsageError("Put options after the subcommand: viewfix models get …", ctx)
    if ctx.invoked_subcommand is None:
        _list("", as_json, commercial_ok, weights_dir)


@command.command("filter", hidden=True)
@click.argument("word")
@list_options
@click.pass_context
def filter_command(ctx: click.Context, word: str, as_json: bool, commercial_ok: bool, weights_dir: Path | None) -> None:
    """List the models whose name or summary contains WORD."""
    before = ctx.parent.params if ctx.parent else {}  # options may stand before or after the word
    _list(
        word,
        as_json or before["as_json"],
        commercial_ok or before["commercial_ok"],
        weights_dir or before["weights_dir"],
    )


def _list(word: str, as_json: bool, commercial_ok: bool, weights_dir: Path | None) -> None:
    from ..models import catalogue

    found = [entry for entry in catalogue.CATALOGUE if word.lower() in f"{entry.name} {entry.summary}".lower()]
    if not found:
        catalogue.entry(word)  # raises, with a suggestion
    shown = [entry for entry in found if entry.commercial_use or not commercial_ok]
    if as_json:
        click.echo(json.dumps([_facts(entry, weights_dir) for entry in shown]))
        return
    rows = [HEAD, *(_row(entry, weights_dir) for entry in shown)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (
            each.rjust(w) if at in (1, 2) else each.ljust(w)
            for at, (each, w) in enumerate(zip(row, widths, strict=True))
        )
        click.echo("  ".join(cells).rstrip())
    if len(shown) == 1:
        _details(shown[0])


@command.command()
@click.argument("name", metavar="NAME")
@click.option(
    "--weights", metavar="FILE", type=click.Path(path_type=Path), help="Use this weights file instead of a download."
)
@weights_dir_option
@click.option("--offline", is_flag=True, help="Stay offline (also: VIEWFIX_OFFLINE=1).")
@click.option("-q", "--quiet", is_flag=True, help="No progress bar.")
def get(name: str, weights: Path | None, weights_dir: Path | None, offline: bool, quiet: bool) -> None:
    """Fetch the published model NAME and convert it to ONNX. Needs viewfix[train]; using it afterwards does not.

    The weights come from the authors' site, or from a file with --weights. They are checked, loaded
    strictly, converted to ONNX, and the result is compared with PyTorch.
    """
    from ..models import catalogue
    from ..models import weights as places

    known = catalogue.entry(name)
    if known.ships:
        click.echo(f"{name} ships with viewfix: {known.file}")
        return
    if known.obstacle:
        raise BadInput(f"{name} is not available: {known.obstacle}. Run `viewfix models` for others.")
    home = places.folder(weights_dir)
    target = catalogue.located(known, weights_dir)
    if target.is_file() and weights is None:
        click.echo(f"{name} was fetched before: {target}")
        return
    for package in ("torch", "onnx", "onnxscript", "safetensors"):
        optional(package)  # before a large download, not after it
    from ..train.published import export_published

    with console.progress(quiet=quiet) as report, places.lock(known, home):
        found = places.obtained(
            known, home=home, given=weights, use_network=not places.offline(offline), progress=report
        )
        difference = export_published(name, found.path, target, sha256=found.sha256, progress=report)
        places.remember(known, found, home=home)
    click.echo(f"{target}: {target.stat().st_size / 1e6:.0f} MB, {known.dim} dimensions, {known.licence}")
    click.echo(
        f"  SHA-256 of the weights {found.sha256}" + ("" if found.known else "; recorded, later changes are refused")
    )
    click.echo(f"  differs from PyTorch by at most {difference:.1g}")
    click.echo(f"Use it: viewfix build NEW.map PHOTOS --model {name if weights_dir is None else target}")


def _facts(entry: Entry, weights_dir: Path | None) -> dict[str, Any]:
    from ..models.catalogue import located

    path = located(entry, weights_dir)
    return {**dataclasses.asdict(entry), "file": entry.file.name, "path": str(path), "here": path.is_file()}


def _row(entry: Entry, weights_dir: Path | None) -> tuple[str, ...]:
    from ..models.catalogue import DEFAULT, located

    if entry.obstacle:
        state = "not available"
    elif entry.ships:
        state = "default" if entry.name == DEFAULT else "ships"
    else:
        state = "fetched" if located(entry, weights_dir).is_file() else ""
    commercial = COMMERCIAL[entry.commercial_use]
    return entry.name, str(entry.dim), f"{entry.size_mb:g}", entry.licence, commercial, state


def _details(entry: Entry) -> None:
    """What the table has no room for."""
    click.echo(entry.summary)
    if entry.licence_note:
        click.echo(f"Licence: {entry.licence_note}.")
    if entry.recall_at_1:
        click.echo("Recall@1: " + ", ".join(f"{name} {share:g}%" for name, share in entry.recall_at_1.items()))
    if entry.obstacle:
        click.echo(f"Not available: {entry.obstacle}.")
