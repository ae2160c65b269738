"""viewfix coverage: where a map would find photos, where not, and what to photograph next."""

from __future__ import annotations

import json
from pathlib import Path

import click

from .. import console
from ..store.address import Address
from .options import blur_of, blur_option, json_option, map_argument


@click.command()
@map_argument
@click.option("--html", "html_path", metavar="FILE", type=click.Path(path_type=Path),
              help="Write a page with a plan, lists and pictures.")  # fmt: skip
@click.option("--geojson", "geojson_path", metavar="FILE", type=click.Path(path_type=Path),
              help="Write spots, look-alikes, gaps and suggestions.")  # fmt: skip
@blur_option
@json_option
@click.option("--sample", default=2000, show_default=True, type=click.IntRange(min=1),
              help="Leave out at most this many photos.")  # fmt: skip
@click.option("--seed", default=0, show_default=True, help="Seed of the random choice of photos.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress bar.")
def command(  # noqa: PLR0913  one for each option
    place: Address,
    html_path: Path | None,
    geojson_path: Path | None,
    blur: tuple[str, ...],
    as_json: bool,
    sample: int,
    seed: int,
    quiet: bool,
) -> None:
    """Show where MAP would find a photo, where places look alike, and what to photograph next.

    Photos are left out in turn, each with everything within 5 m, and searched for among the others. See
    docs/coverage.md.
    """
    from ..basemap import drawable
    from ..coverage import survey
    from ..coverage.summary import summary
    from ..coverage.write import check_target, write_files
    from ..map import Map

    for target, endings in ((html_path, (".html", ".htm")), (geojson_path, (".geojson", ".json"))):
        if target is not None:
            check_target(target, endings)
    blurring = blur_of(blur, html_path, "--html PAGE.html")
    with console.progress(quiet=quiet) as report, Map.open(place, progress=report) as city:
        coverage = survey(city.context, sample=sample, seed=seed, progress=report)
        basemap = drawable(city.store)
    written = write_files(coverage, html_path, geojson_path, basemap=basemap, blur=blurring)
    if as_json:
        click.echo(json.dumps(coverage.to_json(), ensure_ascii=True))
        return
    for line in [*summary(coverage), *(f"wrote {file}" for file in written)]:
        click.echo(line)
