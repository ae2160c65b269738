"""viewfix models: the catalogue, as a table or JSON."""

from __future__ import annotations

import dataclasses
import json

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="A JSON array.")
def command(as_json: bool) -> None:
    """List the models that can be used, with licence, size and measured recall. An .onnx file can be used too."""
    from ..models.catalogue import CATALOGUE, DEFAULT

    if as_json:
        click.echo(json.dumps([{**dataclasses.asdict(entry), "file": entry.file.name} for entry in CATALOGUE]))
        return
    for entry in CATALOGUE:
        commercial = {True: "commercial use is clear", False: "not for commercial use", None: "commercial use unclear"}
        default = " (default)" if entry.name == DEFAULT else ""
        click.echo(f"{entry.name}{default}: {entry.summary}")
        click.echo(f"  {entry.dim} dimensions, {entry.size_mb} MB, {entry.licence}, {commercial[entry.commercial_use]}")
        if entry.recall_at_1:
            click.echo("  Recall@1: " + ", ".join(f"{name} {share:g}%" for name, share in entry.recall_at_1.items()))
