"""viewfix models: the catalogue, as a table or JSON."""

from __future__ import annotations

import dataclasses
import json

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="A JSON array.")
def command(as_json: bool) -> None:
    """List the models that can be used, with licence, size and measured recall. An .onnx file can be used too."""
    from ..models.catalogue import CATALOGUE

    if as_json:
        click.echo(json.dumps([dataclasses.asdict(entry) for entry in CATALOGUE], default=str))
        return
    for entry in CATALOGUE:
        click.echo(entry.name)
