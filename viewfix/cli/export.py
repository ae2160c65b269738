"""viewfix export: a map is written as GeoJSON, CSV, Parquet or for the TensorBoard projector."""

from __future__ import annotations

from pathlib import Path

import click

from .. import console
from ..store.address import Address
from .options import map_argument


@click.command()
@map_argument
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--form", type=click.Choice(["geojson", "csv", "parquet", "projector"]),
              help="Default: by the ending of TARGET; a folder is for the projector.")  # fmt: skip
@click.option("--no-escape", is_flag=True,
              help="CSV: write text as it is, even if a spreadsheet would run it as a formula.")  # fmt: skip
def command(place: Address, target: Path, form: str | None, no_escape: bool) -> None:
    """Write the photos of MAP to TARGET: .geojson, .csv, .parquet (with descriptors) or a folder (projector)."""
    from ..store.complete import require_complete
    from ..store.export import export
    from ..store.store import Store

    with require_complete(Store.open(place)) as store, console.progress() as report:
        written = export(store, target, form=form, escape=not no_escape, progress=report)
    click.echo(f"wrote {', '.join(str(file) for file in written)}")
