"""viewfix add: add photos to a map."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..store.address import Address
from .options import (
    cluster_of,
    device_option,
    json_option,
    map_argument,
    model_option,
    opened,
    prefer_option,
    print_added,
    print_expectation,
    ray_options,
    source_options,
)
from .service_options import opened_services, service_options

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
@json_option
@click.option("-q", "--quiet", is_flag=True, help="Show no progress bar.")
def command(  # noqa: PLR0913  one for each option
    place: Address,
    sources: tuple[str, ...],
    prefer: Prefer,
    reading: SourceOptions,
    model: str | None,
    ray: str | None,
    ray_workers: int | None,
    choice: ServiceOptions,
    quiet: bool,
    as_json: bool,
) -> None:
    """Add the photos of each SOURCE to MAP; see `viewfix build --help` for what a SOURCE is.

    A photo that is already in the map with the same content is left alone. One whose content changed is replaced.
    """
    cluster = cluster_of(ray, ray_workers)
    given = opened_services(sources, choice)
    with opened(place, model=model, quiet=quiet) as city:
        added = city.add(*given, prefer=prefer, cluster=cluster, options=reading)
        print_added(added, place, as_json=as_json, city=city)
        if not as_json:
            print_expectation(city, place)
