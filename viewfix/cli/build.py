"""viewfix build: build a map from photos, or continue an interrupted build."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .. import console
from ..errors import BadInput
from ..store.address import Address
from .options import (
    blur_option,
    cluster_of,
    counted,
    described_after_blur,
    device_option,
    json_option,
    map_argument,
    model_option,
    prefer_option,
    print_added,
    print_expectation,
    ray_options,
    source_options,
    tell_device,
)
from .service_options import opened_services, print_outlines, service_options

if TYPE_CHECKING:
    from ..sources import Prefer, SourceOptions
    from ..sources.services.options import ServiceOptions


@click.command()
@map_argument
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True)
@prefer_option
@source_options
@model_option
@device_option
@ray_options
@service_options
@click.option("--dry-run", is_flag=True, help="Services: only say how many pictures there are, how large, and whose.")
@blur_option
@json_option
@click.option("--local-features", is_flag=True, help="Store the local features of all photos, 35 KB each.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress bar.")
def command(  # noqa: PLR0913  one for each option
    place: Address,
    sources: tuple[str, ...],
    prefer: Prefer,
    reading: SourceOptions,
    model: str | None,
    blur: tuple[str, ...],
    ray: str | None,
    ray_workers: int | None,
    choice: ServiceOptions,
    dry_run: bool,
    local_features: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Build the map MAP from photos, or continue it.

    A SOURCE is a folder of photos (with its subfolders; positions from EXIF, XMP, Google
    Takeout or UTM file names), a manifest (CSV, GeoJSON or Parquet with file, lat, lon), a
    photo, a film with a track, a pattern such as "*.jpg", or a street-level service:
    panoramax:WHERE, mapillary:WHERE or kartaview:WHERE, as in `viewfix fetch`; its pictures
    pass through, and only the map stays. Panoramas are cut into views. You can stop a build at
    any time; the same command continues it, and photos that are already in the map are not
    embedded again. With --local-features the map can verify candidates without the photo
    files. With --ray, many machines embed and this one writes. With --blur, photos are
    described after blurring; their files stay as they are.
    """
    from ..map import Map

    if place.file is not None and place.file.is_dir():
        raise BadInput(f"{place} is a folder, but the map's file comes first: viewfix build NEW.map {place}")
    cluster = cluster_of(ray, ray_workers)
    opened = opened_services(sources, choice)
    if dry_run:
        print_outlines(opened, reading=reading, quiet=quiet, as_json=as_json)
        return
    if blur and cluster is not None:
        raise BadInput("--blur works on this machine only. Leave out --ray, or blur the photos before.")
    used = described_after_blur(place, model, blur) if blur else model
    with console.progress(quiet=quiet) as report:
        city = Map.build(
            place,
            *opened,
            prefer=prefer,
            model=used,
            progress=report,
            cluster=cluster,
            options=reading,
            local_features=local_features,
        )
        missed = city.store_local_features() if local_features else 0
    with city:
        print_added(city.last_added, place, as_json=as_json, city=city)
        tell_device(city.model)
        if missed:
            click.echo(f"  {counted(missed, 'photo')} could not be read again and have no local features", err=True)
        if not as_json:
            click.echo(f"{place}: {counted(len(city), 'photo')}. Try it: viewfix locate {place.typed} PHOTO")
            print_expectation(city, place)
