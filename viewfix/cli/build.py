"""viewfix build: make a map from photos; run again, it continues where it stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .. import console
from ..errors import BadInput
from ..store.address import Address
from .options import (
    cluster_of,
    counted,
    json_option,
    map_argument,
    model_option,
    prefer_option,
    ray_options,
    say_added,
)

if TYPE_CHECKING:
    from ..sources import Prefer


@click.command()
@map_argument
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True)
@prefer_option
@model_option
@ray_options
@json_option
@click.option("--local-features", is_flag=True, help="Keep local features of all photos in the map, 35 KB each.")
@click.option("-q", "--quiet", is_flag=True, help="No progress bar.")
def command(  # noqa: PLR0913  one for each option
    place: Address,
    sources: tuple[str, ...],
    prefer: Prefer,
    model: str | None,
    ray: str | None,
    ray_workers: int | None,
    local_features: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Make the map MAP from photos, or continue one.

    A SOURCE is a folder of photos (with all folders in it; positions from EXIF, XMP, Google
    Takeout or UTM file names), a manifest (CSV, GeoJSON or Parquet with file, lat, lon), a
    photo, or a pattern such as "*.jpg". Photos that are in the map already are not embedded
    again: the build can be stopped at any time and started again. With --local-features the
    map verifies candidates without their files. With --ray many machines embed, and this one
    writes.
    """
    from ..map import Map

    if place.file is not None and place.file.is_dir():
        raise BadInput(f"{place} is a folder, but the map's file comes first: viewfix build NEW.map {place}")
    cluster = cluster_of(ray, ray_workers)
    with console.progress(quiet=quiet) as report:
        city = Map.build(place, *sources, prefer=prefer, model=model, progress=report, cluster=cluster)
        missed = city.store_local_features() if local_features else 0
    with city:
        say_added(city.last_added, place, as_json=as_json)
        if missed:
            click.echo(f"  {counted(missed, 'photo')} could not be read again: no local features of them", err=True)
        if not as_json:
            click.echo(f"{place}: {counted(len(city), 'photo')}. Ask it: viewfix locate {place.typed} PHOTO")
