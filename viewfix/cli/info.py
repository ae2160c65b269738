"""viewfix info: what is in a map, as a table or JSON."""

from __future__ import annotations

import json
from pathlib import Path

import click

from .options import map_argument, opened


@click.command()
@map_argument
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--skipped", is_flag=True, help="Name every photo that was skipped, and why.")
def command(map_path: Path, as_json: bool, skipped: bool) -> None:
    """Say what is in MAP: photos, area, model, calibration, sizes on disk, skipped photos."""
    with opened(map_path, quiet=True) as city:
        facts = city.info()
        left_out = city.store.skipped() if skipped else []
    if as_json:
        if skipped:
            facts["skipped_photos"] = [{"id": s.id, "reason": s.reason} for s in left_out]
        click.echo(json.dumps(facts, ensure_ascii=False))
        return
    width = max(len(name) for name in facts)
    for name, value in facts.items():
        shown = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
        click.echo(f"{name:<{width}}  {'unknown' if shown is None else shown}")
    for photo in left_out:
        click.echo(f"skipped {photo.id}: {photo.reason}")
