"""viewfix upcoming: name the sights that a moving camera will pass."""

from __future__ import annotations

import dataclasses

import click

from ..errors import BadInput
from ..store.address import Address
from .nearby import description, language_option, metres
from .options import json_line, map_argument, model_option, opened

SIDES = {"ahead": "ahead", "left": "on your left", "right": "on your right"}


@click.command()
@map_argument
@click.argument("start", metavar="PHOTO|LAT,LON")
@click.option("--speed", "speed_kmh", type=click.FloatRange(0, 500), required=True, metavar="KMH", help="How fast.")
@click.option("--heading", "heading_deg", type=click.FloatRange(0, 360), metavar="DEG",
              help="Direction of travel.  [default: where the photo looks]")  # fmt: skip
@click.option("--horizon", "horizon_s", type=click.FloatRange(1, 600), default=60.0, show_default=True, metavar="S",
              help="How far ahead, in seconds.")  # fmt: skip
@click.option("--kind", "kinds", multiple=True, metavar="KIND",
              help="Only such sights: historic, tourism=museum, ... May be repeated.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per sight.")
@language_option
@model_option
def command(  # noqa: PLR0913  the options of the command
    place: Address,
    start: str,
    speed_kmh: float,
    heading_deg: float | None,
    horizon_s: float,
    kinds: tuple[str, ...],
    as_json: bool,
    language: str | None,
    model: str | None,
) -> None:
    """Name the sights of MAP that a traveller will pass, starting where PHOTO was taken or at LAT,LON."""
    from ..pois import Ahead, Belief
    from ..roads.endpoints import Finder

    with opened(place, model=model, quiet=True) as city:
        end = Finder(city.locate, city.points.all).end(start)
        heading = end.heading_deg if heading_deg is None else heading_deg
        if heading is None:
            raise BadInput("The direction of travel is unknown. Pass it with --heading DEG.")
        belief = Belief.at(end.position, heading, speed_kmh / 3.6)
        coming = city.upcoming(belief, Ahead(horizon_s, kinds=kinds))
    for each in coming:
        if as_json:
            click.echo(json_line({**dataclasses.asdict(each), "name": each.named(language)[0]}))
            continue
        far = f", {metres(each.distance_m)}" if each.side != "ahead" else ""
        click.echo(f"in {each.in_s:.0f} s, {SIDES[each.side]}{far}: {description(each.point, language)}")
    credits = dict.fromkeys(each.point.credit for each in coming if each.point.credit)
    if credits and not as_json:
        click.echo(f"Points of interest: {'; '.join(credits)}")
