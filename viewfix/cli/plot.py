"""viewfix plot: draw the photos of a map by how they look."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from .. import console
from ..errors import BadInput, StorageFailed
from ..store.address import Address
from .options import blur_option, map_argument, writable_picture


@click.command()
@map_argument
@click.option("-o", "--output", default="map.png", show_default=True, type=click.Path(path_type=Path),
              help="A .png, .svg or .pdf file.")  # fmt: skip
@click.option("--colour", type=click.Choice(["place", "position"]),
              help="By the first folder of the ids, or by position. Default: the more informative one.")  # fmt: skip
@click.option("--method", default="tsne", show_default=True, type=click.Choice(["tsne", "pca"]),
              help="tsne keeps look-alikes together, pca keeps distances.")  # fmt: skip
@click.option("--thumbnails/--no-thumbnails", default=True, show_default=True,
              help="Draw some of the photos themselves.")  # fmt: skip
@blur_option
def command(
    place: Address,
    output: Path,
    colour: Literal["place", "position"] | None,
    method: str,
    thumbnails: bool,
    blur: tuple[str, ...],
) -> None:
    """Draw the photos of MAP in two dimensions: photos that look alike are close together."""
    from ..blur import Blur
    from ..compare.scatter import draw_map
    from ..store.complete import require_complete
    from ..store.store import Store

    writable_picture(output, (".png", ".svg", ".pdf"))
    with require_complete(Store.open(place)) as store, console.progress() as report:
        if store.ids_of_source(str(output.resolve())):
            raise BadInput(f"{output} is a photo of the map and would be overwritten. Choose another name.")
        try:
            draw_map(store, output, method=method, colour=colour, thumbnails=thumbnails, blur=Blur.of_any(blur),
                     progress=report)  # fmt: skip
        except OSError as error:
            raise StorageFailed(
                f"Cannot write {output} ({error}). Free some space, or choose another folder."
            ) from None
    click.echo(f"wrote {output}")
