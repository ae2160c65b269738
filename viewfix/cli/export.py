"""viewfix export: write the photos of a map for other programs."""

from __future__ import annotations

from pathlib import Path

import click

from .. import console
from ..errors import BadInput
from ..store.address import Address
from .options import map_argument

FORMS = ("geojson", "csv", "parquet", "kml", "gpx", "projector")


@click.command()
@map_argument
@click.argument("target", type=click.Path(path_type=Path), required=False)
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="TARGET", help="The same as TARGET.")
@click.option("--form", type=click.Choice(FORMS),
              help="The format. Default: by the ending of TARGET; a folder is for the projector.")  # fmt: skip
@click.option("--no-escape", is_flag=True,
              help="CSV: write text as it is, even if a spreadsheet would run it as a formula.")  # fmt: skip
def command(place: Address, target: Path | None, output: Path | None, form: str | None, no_escape: bool) -> None:
    """Write the photos of MAP to TARGET: .geojson, .csv, .parquet (with descriptors), .kml, .gpx, or a folder.

    For a folder, the two files of the TensorBoard projector are written.
    """
    from ..store.complete import require_complete
    from ..store.export import export
    from ..store.store import Store

    if (target is None) == (output is None):
        raise BadInput(f"Name one file to write: viewfix export {place.typed} photos.geojson")
    chosen = target or output
    assert chosen is not None
    with require_complete(Store.open(place)) as store, console.progress() as report:
        written = export(store, chosen, form=form, escape=not no_escape, progress=report)
    click.echo(f"wrote {', '.join(str(file) for file in written)}")
