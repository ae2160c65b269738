"""viewfix info: show what is in a map, as a table or JSON."""

from __future__ import annotations

from typing import Any

import click

from ..store.address import Address
from .options import json_line, map_argument, opened


@click.command()
@map_argument
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--skipped", is_flag=True, help="List every photo that was skipped, and why.")
@click.option(
    "--gone", "list_gone", is_flag=True, help="List the photos that are gone from their service, and since when."
)
def command(place: Address, as_json: bool, skipped: bool, list_gone: bool) -> None:
    """Show what is in MAP: photos, area, model, calibration, sizes on disk, skipped photos."""
    from ..embed.gone import gone

    with opened(place, quiet=True) as city:
        facts = city.info()
        marked = gone(city.store)
        left_out = city.store.skipped() if skipped else []
    if marked:
        facts["gone"] = len(marked)
    if as_json:
        if list_gone:
            facts["gone_photos"] = [{"id": photo_id, "since": day} for photo_id, day in marked.items()]
        if skipped:
            facts["skipped_photos"] = [{"id": s.id, "reason": s.reason} for s in left_out]
        click.echo(json_line(facts))
        return
    shown = {**facts, "area": _area(facts["area"]), "model": _model(facts["model"])}
    shown["calibration"] = _calibration(facts["calibration"])
    shown["expectation"] = _expectation(facts["expectation"], place)
    width = max(len(name) for name in shown)
    for name, value in shown.items():
        click.echo(f"{name:<{width}}  {'unknown' if value is None else value}")
    for photo in left_out:
        click.echo(f"skipped {photo.id}: {photo.reason}")
    for photo_id, day in marked.items() if list_gone else ():
        click.echo(f"gone {photo_id}: not listed by its service since {day}")


def _area(area: dict[str, float] | None) -> str | None:
    if area is None:
        return None
    return "{south:.6f}, {west:.6f} to {north:.6f}, {east:.6f}".format(**area)


def _model(model: dict[str, Any]) -> str:
    return f"{model['name']}, {model['dim']} dimensions, fingerprint {model['fingerprint'][:12]}"


def _expectation(stored: dict[str, Any] | None, place: Address) -> str:
    from ..locate.expectation import Expectation, in_words

    return " ".join(in_words(Expectation.from_json(stored), place.typed))


def _calibration(stored: dict[str, Any] | None) -> str:
    from ..explain.assemble import describe_calibration
    from ..locate.confidence import PRIOR, Calibration

    calibration = PRIOR if stored is None else Calibration.from_json(stored)
    return f"{describe_calibration(calibration)} Radius {calibration.radius_m:.0f} m."
