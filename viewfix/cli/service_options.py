"""Options for pictures of services, shared by build, add and fetch, and the summary of a dry run."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .. import console
from ..errors import BadInput
from .options import counted, json_line

if TYPE_CHECKING:
    from ..sources import Given, SourceOptions
    from ..sources.services.fetch import Outline
    from ..sources.services.options import ServiceOptions

Command = TypeVar("Command", bound=Callable[..., Any])

NAMES = ("since", "until", "radius_m", "max_photos", "newest_first", "token_file")
PRODUCERS_SHOWN = 5


def service_options(command: Command) -> Command:
    """Add the options, and pass them on as one argument `choice`, a ServiceOptions.

    Its `spacing_m` is that of `source_options` where the command has these, which then come first.
    """

    @functools.wraps(command)
    def with_options(**values: Any) -> Any:
        from ..sources.services.options import ServiceOptions, day_or_moment

        given = {name: values.pop(name) for name in NAMES}
        given["spacing_m"] = values["reading"].spacing_m if "reading" in values else values.pop("spacing_m")
        for name in ("since", "until"):
            given[name] = None if given[name] is None else day_or_moment(given[name])
        return command(**values, choice=ServiceOptions(**given))

    file = click.Path(path_type=Path, dir_okay=False)
    positive = click.FloatRange(0, min_open=True)
    for option in (
        click.option("--token-file", type=file, metavar="FILE",
                     help="The token of Mapillary, instead of the variable MAPILLARY_ACCESS_TOKEN."),
        click.option("--newest-first", is_flag=True, help="Services: prefer newer pictures, and begin with them."),
        click.option("--max-photos", type=click.IntRange(1), metavar="N", help="Services: take at most N pictures."),
        click.option("--radius", "radius_m", type=positive, metavar="METRES",
                     help="Services: how far around the point of panoramax:LAT,LON."),
        click.option("--to", "until", metavar="DATE", help="Services: only pictures up to this day, included."),
        click.option("--from", "since", metavar="DATE", help="Services: only pictures from this day on: 2024-05-01."),
    ):  # fmt: skip
        with_options = option(with_options)
    return with_options  # type: ignore[return-value]


def opened_services(sources: Sequence[str], choice: ServiceOptions) -> list[Given]:
    """The sources, with those of services opened.

    Raises:
        BadInput: there are options for services, but no source is one.
    """
    from ..sources.services.open import is_service, open_service

    of_services = replace(choice, spacing_m=None)  # films have a spacing too
    if not of_services.is_default and not any(map(is_service, sources)):
        raise BadInput(
            "--from, --to, --radius, --max-photos, --newest-first and --token-file are for services, such "
            f"as panoramax:SOUTH,WEST,NORTH,EAST, and {sources[0]} is not one. Leave them out."
        )
    return [open_service(source, choice) if is_service(source) else source for source in sources]


def print_outlines(sources: Sequence[Given], *, reading: SourceOptions, quiet: bool, as_json: bool) -> None:
    """List the pictures of services, and print how many there are, how large, and whose. Nothing is downloaded.

    Raises:
        BadInput: a source is not one of a service.
    """
    from ..sources.services.fetch import outline
    from ..sources.services.source import ServiceSource

    for source in sources:
        if not isinstance(source, ServiceSource):
            raise BadInput(f"--dry-run is for services, such as panoramax:BOX, and {source} is not one. Leave it out.")
        with console.progress(quiet=quiet) as report:
            found = outline(source, reading=reading, progress=report)
        click.echo(json_line({"source": source.name, **_as_json(found)}) if as_json else _as_text(source.name, found))


def _as_text(name: str, found: Outline) -> str:
    size = "of unknown size"
    if found.size_bytes is not None:
        size = f"{'about ' if found.measured else ''}{found.size_bytes / 1e6:,.1f} MB"
    views = f" ({found.photos} photos for a map, with the views of panoramas)" if found.photos > found.pictures else ""
    lines = [f"{name}: {counted(found.pictures, 'picture')}, {size}{views}"]
    if found.taken is not None:
        lines.append(f"  taken from {found.taken[0]:%Y-%m-%d} to {found.taken[1]:%Y-%m-%d}")
    lines.append(f"  licence: {_most(found.by_licence)}")
    lines.append(f"  by: {_most(found.by_producer)}")
    if found.skipped:
        lines.append(f"  not usable: {counted(found.skipped, 'picture')}")
    return "\n".join(lines)


def _most(counts: Counter[str | None]) -> str:
    shown = ", ".join(f"{name or 'unknown'} ({count})" for name, count in counts.most_common(PRODUCERS_SHOWN))
    more = len(counts) - PRODUCERS_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def _as_json(found: Outline) -> dict[str, Any]:
    return {
        "pictures": found.pictures,
        "photos": found.photos,
        "size_bytes": found.size_bytes,
        "estimated": found.measured,
        "licences": {name or "unknown": count for name, count in found.by_licence.items()},
        "producers": {name or "unknown": count for name, count in found.by_producer.items()},
        "taken": None if found.taken is None else [moment.isoformat() for moment in found.taken],
        "not_usable": found.skipped,
    }
