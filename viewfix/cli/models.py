"""viewfix models: list the catalogue of models, or fetch a published model and convert it to ONNX."""

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

COMMERCIAL = {True: "commercial use is clear", False: "not for commercial use", None: "commercial use unclear"}


def weights_dir_option(command: Any) -> Any:
    text = "The folder of published models. Default: VIEWFIX_WEIGHTS, or the user's cache."
    return click.option("--weights-dir", metavar="DIR", type=click.Path(path_type=Path, file_okay=False), help=text)(
        command
    )


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@click.option("--commercial-ok", is_flag=True, help="List only models that are clear for commercial use.")
@weights_dir_option
@click.pass_context
def command(ctx: click.Context, as_json: bool, commercial_ok: bool, weights_dir: Path | None) -> None:
    """List the models that can be used, with licence, size and measured recall. An .onnx file works too.

    `viewfix models get NAME` fetches a model that does not ship with viewfix.
    """
    if ctx.invoked_subcommand is not None:
        if as_json or commercial_ok or weights_dir:
            raise click.UsageError(f"Options come after the command: viewfix models {ctx.invoked_subcommand} …", ctx)
        return
    from ..models.catalogue import CATALOGUE

    shown = [entry for entry in CATALOGUE if entry.commercial_use or not commercial_ok]
    if as_json:
        click.echo(json.dumps([_facts(entry, weights_dir) for entry in shown]))
        return
    for entry in shown:
        _print_entry(entry, weights_dir)


@command.command()
@click.argument("name", metavar="NAME")
@click.option("--weights", metavar="FILE", type=click.Path(path_type=Path), help="Weights that you already have.")
@weights_dir_option
@click.option("--offline", is_flag=True, help="Use no network (also: VIEWFIX_OFFLINE=1).")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress bar.")
def get(name: str, weights: Path | None, weights_dir: Path | None, offline: bool, quiet: bool) -> None:
    """Fetch the published model NAME and convert it to ONNX. Afterwards it needs no PyTorch.

    The weights are downloaded from where the authors published them, or read from --weights. They are
    checked, loaded and exported to ONNX, and the result is compared with PyTorch.
    """
    from ..models import catalogue
    from ..models import weights as places

    known = catalogue.entry(name)
    if known.ships:
        click.echo(f"{name} ships with viewfix: {known.file}")
        return
    if known.obstacle:
        raise BadInput(f"{name} cannot be made here: {known.obstacle}. List the others: viewfix models")
    home = places.folder(weights_dir)
    target = catalogue.located(known, weights_dir)
    if target.is_file() and weights is None:
        click.echo(f"{name} is here already: {target}")
        return
    for package in ("torch", "onnx", "onnxscript", "safetensors"):
        optional(package)  # fail before a large download, not after it
    from ..train.published import export_published

    with console.progress(quiet=quiet) as report, places.lock(known, home):
        found = places.obtained(
            known, home=home, given=weights, use_network=not places.offline(offline), progress=report
        )
        difference = export_published(name, found.path, target, sha256=found.sha256, progress=report)
        places.remember(known, found, home=home)
    click.echo(f"{target}: {target.stat().st_size / 1e6:.0f} MB, {known.dim} dimensions, {known.licence}")
    click.echo(f"  SHA-256 of the weights {found.sha256}" + ("" if found.known else ", recorded: a change is refused"))
    click.echo(f"  differs from PyTorch by at most {difference:.1g}")
    click.echo(f"Use it: viewfix build NEW.map PHOTOS --model {name if weights_dir is None else target}")


def _facts(entry: Entry, weights_dir: Path | None) -> dict[str, Any]:
    from ..models.catalogue import located

    path = located(entry, weights_dir)
    return {**dataclasses.asdict(entry), "file": entry.file.name, "path": str(path), "here": path.is_file()}


def _print_entry(entry: Entry, weights_dir: Path | None) -> None:
    from ..models.catalogue import DEFAULT, located

    if entry.obstacle:
        state = " (cannot be made here)"
    elif entry.ships:
        state = " (default)" if entry.name == DEFAULT else ""
    else:
        state = " (here)" if located(entry, weights_dir).is_file() else ""
    click.echo(f"{entry.name}{state}: {entry.summary}")
    click.echo(f"  {entry.dim} dimensions, {entry.size_mb:g} MB, {entry.licence}, {COMMERCIAL[entry.commercial_use]}")
    if entry.recall_at_1:
        click.echo("  Recall@1: " + ", ".join(f"{name} {share:g}%" for name, share in entry.recall_at_1.items()))
