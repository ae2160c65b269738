"""viewfix places: a few folders, one a place, tell which place other photos show."""

from __future__ import annotations

import json
from pathlib import Path

import click

from .. import console
from ..errors import UnreadablePhoto
from .options import model_option


@click.command()
@click.argument("folders", metavar="FOLDER FOLDER...", nargs=-1, required=True)
@click.option("-p", "--photo", "queries", multiple=True, metavar="PHOTO|FOLDER",
              help="What to tell the place of; may be given again. Without it, every photo of the folders "
                   "is left out in turn and held against the others.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line and photo.")
@model_option
def command(folders: tuple[str, ...], queries: tuple[str, ...], as_json: bool, model: str | None) -> int:
    """Say which place a photo shows, or none of them: give a FOLDER of photos for each place.

    Two university buildings, say: viewfix places library/ cafeteria/ --photo where_is_this.jpg
    """
    from ..compare.places import Places, Verdict
    from ..models import catalogue
    from ..sources import image_files

    def say(file: Path, verdict: Verdict, truth: str | None = None) -> None:
        chances = {name or "none of them": round(p, 3) for name, p in verdict.probabilities.items()}
        if as_json:
            shown = {"photo": str(file), "place": verdict.place, "probabilities": chances}
            click.echo(json.dumps(shown | ({"truth": truth} if truth else {}), ensure_ascii=True))
        else:
            ranked = sorted(chances.items(), key=lambda pair: -pair[1])
            wrong = " WRONG" if truth and verdict.place != truth else ""
            click.echo(f"{file}: " + ", ".join(f"{name} {p:.2f}" for name, p in ranked) + wrong)

    failed = 0
    with console.progress() as report:
        places = Places(folders, catalogue.load(model), progress=report)
    for skipped in places.skipped:
        click.echo(f"skipped {skipped.id}: {skipped.reason}", err=True)
    for file in [path for query in queries for path in image_files(query)]:
        try:
            say(file, places.which_photo(file))
        except UnreadablePhoto as error:
            failed += 1
            click.echo(f"viewfix: {error}", err=True)
    if not queries:
        examined = places.examine()
        for truth, file, verdict in examined:
            say(file, verdict, truth)
        right = sum(verdict.place == truth for truth, _, verdict in examined)
        none = sum(verdict.place is None for _, _, verdict in examined)
        click.echo(f"{right} of {len(examined)} right, {none} said to show none, each left out in turn", err=as_json)
    return UnreadablePhoto.exit_code if failed else 0
