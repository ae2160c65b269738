"""viewfix fetch: download the pictures of street-level services to a folder, with a manifest."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .. import console
from ..errors import BadInput
from ..shell import shell_quoted
from .options import SHOWN, blur_option, json_line, json_option, panorama_options
from .service_options import opened_services, print_outlines, service_options

if TYPE_CHECKING:
    from ..sources import PanoramaMode
    from ..sources.services.options import ServiceOptions


@click.command()
@click.argument("specs", metavar="SPEC...", nargs=-1, required=True)
@click.option("-o", "--output", "folder", type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER",
              help="The folder to write to. Required, except with --dry-run.")  # fmt: skip
@service_options
@click.option("--spacing-m", type=click.FloatRange(0, min_open=True), metavar="METRES",
              help="Leave out pictures nearer than this to one with about the same direction.")  # fmt: skip
@panorama_options
@blur_option
@click.option("--manifest", "form", type=click.Choice(["csv", "parquet"]), default="csv", show_default=True,
              help="The format of the manifest.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Only say how many pictures there are, how large, and whose.")
@json_option
@click.option("-q", "--quiet", is_flag=True, help="Show no progress bar.")
def command(  # noqa: PLR0913  one for each option
    specs: tuple[str, ...],
    folder: Path | None,
    choice: ServiceOptions,
    panorama: PanoramaMode,
    views: int,
    blur: tuple[str, ...],
    form: str,
    dry_run: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Download the pictures of street-level services to a FOLDER, to keep them.

    A SPEC is panoramax:WHERE, mapillary:WHERE or kartaview:WHERE. WHERE is
    SOUTH,WEST,NORTH,EAST in degrees, LAT,LON with --radius, a GeoJSON file, or the id of a
    collection of Panoramax. FOLDER/photos.csv lists the pictures with position, licence and
    credit, and is a source for `viewfix build`. You can stop at any time; the same command
    continues, and nothing is downloaded twice.
    """
    from ..blur import Blur
    from ..sources import SourceOptions
    from ..sources.services.fetch import fetch
    from ..sources.services.open import is_service
    from ..sources.services.source import ServiceSource

    for spec in specs:
        if not is_service(spec):
            raise BadInput(f"{spec} is not a service. Use panoramax:WHERE, mapillary:WHERE or kartaview:WHERE.")
    sources, reading = opened_services(specs, choice), SourceOptions(panorama, views)
    if dry_run:
        print_outlines(sources, reading=reading, quiet=quiet, as_json=as_json)
        return
    if folder is None:
        raise BadInput("There is no folder for the pictures. Add one: -o FOLDER")
    blurring = Blur.of_any(blur)
    opened = [each for each in sources if isinstance(each, ServiceSource)]
    with console.progress(quiet=quiet) as report:
        made = fetch(opened, folder, form=form, blur=blurring, reading=reading, progress=report)
    if as_json:
        click.echo(json_line({**dataclasses.asdict(made), "manifest": str(made.manifest)}))
        return
    click.echo(str(made))
    for skipped in made.skipped[:SHOWN]:
        click.echo(f"  skipped {skipped.id}: {skipped.reason}", err=True)
    if len(made.skipped) > SHOWN:
        click.echo(f"  and {len(made.skipped) - SHOWN} more: add --json to see all", err=True)
    click.echo(f"{made.manifest} lists them. Make a map: viewfix build NEW.map {shell_quoted(made.manifest)}")
