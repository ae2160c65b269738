"""viewfix plot: the photos of a map are drawn by how they look."""

from __future__ import annotations

from pathlib import Path

import click

from .. import console
from ..errors import BadInput, StorageFailed
from ..store.address import Address
from .options import map_argument, writable_picture


@click.command()
@map_argument
@click.option("-o", "--output", default="map.png", show_default=True, type=click.Path(path_type=Path),
              help="A .png, .svg or .pdf file.")  # fmt: skip
@click.option("--colour", type=click.Choice(["place", "position"]),
              help="By the first folder of the ids, or by position. Default: whichever tells more.")  # fmt: skip
@click.option("--method", default="tsne", show_default=True, type=click.Choice(["tsne", "pca"]),
              help="tsne keeps look-alikes together, pca keeps distances.")  # fmt: skip
def command(place: Address, output: Path, colour: str | None, method: str) -> None:
    """Draw the photos of MAP in two dimensions: those that look alike lie together."""
    from ..compare.scatter import draw_map
    from ..store.complete import require_complete
    from ..store.store import Store

    writable_picture(output, (".png", ".svg", ".pdf"))
    with require_complete(Store.open(place)) as store:
        if store.ids_of_source(str(output.resolve())):
            raise BadInput(f"{output} is a photo of the map and would be written over. Name another file.")
    with Store.open(place) as store, console.err.status("laying the photos out …"):
        try:
            draw_map(store, output, method=method, colour=colour)
        except OSError as error:
            raise StorageFailed(
                f"{output} could not be written ({error}). Free space or name another folder."
            ) from None
    click.echo(f"wrote {output}")
