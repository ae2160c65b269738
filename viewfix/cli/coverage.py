"""viewfix coverage: a map says where it would find photos, where not, and what to photograph next."""

from __future__ import annotations

import json
from pathlib import Path

import click

from .. import console
from ..store.address import Address
from .options import json_option, map_argument


@click.command()
@map_argument
@click.option("--html", "html_path", metavar="FILE", type=click.Path(path_type=Path),
              help="Write a page with a plan, lists and pictures.")  # fmt: skip
@click.option("--geojson", "geojson_path", metavar="FILE", type=click.Path(path_type=Path),
              help="Write spots, look-alikes, gaps and suggestions.")  # fmt: skip
@json_option
@click.option("--sample", default=2000, show_default=True, type=click.IntRange(min=1),
              help="Photos left out and looked for, at most.")  # fmt: skip
@click.option("--seed", default=0, show_default=True, help="Of the drawing, where there are more.")
@click.option("-q", "--quiet", is_flag=True, help="No progress bar.")
def command(
    place: Address,
    html_path: Path | None,
    geojson_path: Path | None,
    as_json: bool,
    sample: int,
    seed: int,
    quiet: bool,
) -> None:
    """Say where on MAP a photo would be found, where places look alike, and what to photograph next.

    Photos are left out in turn, with all within 5 m, and looked for among the others. See docs/coverage.md.
    """
    from ..coverage import survey, words, write
    from ..map import Map

    for target, endings in ((html_path, (".html", ".htm")), (geojson_path, (".geojson", ".json"))):
        if target is not None:
            write.refuse(target, endings)
    with console.progress(quiet=quiet) as report, Map.open(place) as city:
        coverage = survey(city, sample=sample, seed=seed, progress=report)
    written = write.files(coverage, html_path, geojson_path)
    if as_json:
        click.echo(json.dumps(coverage.to_json(), ensure_ascii=True))
        return
    for line in [*words.summary(coverage), *(f"wrote {file}" for file in written)]:
        click.echo(line)
