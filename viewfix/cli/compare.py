"""viewfix compare: the distances between photos, as a table and as a picture."""

from __future__ import annotations

import json
from pathlib import Path

import click

from .. import console
from ..errors import BadInput, StorageFailed
from .options import blur_of, blur_option, model_option, writable_picture

MOST = 100
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff")


@click.command()
@click.argument("files", metavar="PHOTO|FOLDER...", nargs=-1, required=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="PICTURE.png",
              help="Draw the table with thumbnails.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object: files, distances, skipped.")
@blur_option
@model_option
def command(
    files: tuple[str, ...], output: Path | None, as_json: bool, blur: tuple[str, ...], model: str | None
) -> None:
    """Print the distance between the descriptors of every pair of photos, from 0 (the same picture) to 2.

    Two photos of one place usually have a smaller distance than photos of two places.
    """
    from ..compare.distances import describe_files, distances
    from ..models import catalogue
    from ..sources import image_files

    paths = [path for each in files for path in image_files(each)]
    if len(paths) > MOST:
        raise BadInput(
            f"{len(paths)} photos are too many for a table. Pass at most {MOST}, or draw a map of them: viewfix plot"
        )
    if output is not None:
        writable_picture(output, PICTURES, paths)
    blurring = blur_of(blur, output, "-o PICTURE.png")
    with console.progress() as report:
        pictures = describe_files(paths, catalogue.load(model, threads=1), progress=report)
    for skipped in pictures.skipped:
        click.echo(f"skipped {skipped.id}: {skipped.reason}", err=True)
    if len(pictures.files) < 2:
        readable = "Only one photo" if pictures.files else "No photo"
        raise BadInput(f"{readable} could be read, but a comparison needs at least two. Pass more photos.")
    matrix = distances(pictures.descriptors)
    if as_json:
        skipped_list = [{"id": s.id, "reason": s.reason} for s in pictures.skipped]
        rounded = [[round(float(d), 4) for d in row] for row in matrix]
        click.echo(
            json.dumps({"files": [str(f) for f in pictures.files], "distances": rounded, "skipped": skipped_list})
        )
    else:
        for number, file in enumerate(pictures.files, start=1):
            click.echo(f"{number:>3}  {file}")
        click.echo("     " + " ".join(f"{number:>5}" for number in range(1, len(matrix) + 1)))
        for number, row in enumerate(matrix, start=1):
            click.echo(f"{number:>3}  " + " ".join(f"{distance:5.2f}" for distance in row))
    if output is not None:
        from ..compare.contact_sheet import write_matrix

        try:
            write_matrix(output, pictures.files, matrix, blurring)
        except OSError as error:
            raise StorageFailed(
                f"Cannot write {output} ({error}). Free some space, or choose another folder."
            ) from None
        click.echo(f"wrote {output}", err=as_json)
