"""viewfix places: say which of a few places a photo shows, each place being a folder of photos."""

from __future__ import annotations

from pathlib import Path

import click

from .. import console
from ..errors import UnreadablePhoto
from .options import json_line, model_option


@click.command()
@click.argument("folders", metavar="FOLDER FOLDER...", nargs=-1, required=True)
@click.option("-p", "--photo", "queries", multiple=True, metavar="PHOTO|FOLDER",
              help="A photo to classify; can be repeated. Without it, every photo of the folders is left out in "
                   "turn and compared with the others.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per photo, each on one line.")
@model_option
def command(folders: tuple[str, ...], queries: tuple[str, ...], as_json: bool, model: str | None) -> int:
    """Say which place a photo shows, or none of them. Pass one FOLDER of photos for each place.

    For two university buildings: viewfix places library/ cafeteria/ --photo where_is_this.jpg
    """
    from ..compare.places import Places, Verdict
    from ..models import catalogue
    from ..sources import image_files

    def show(file: Path, verdict: Verdict, truth: str | None = None) -> None:
        chances = {name or "none of them": round(p, 3) for name, p in verdict.probabilities.items()}
        if as_json:
            shown = {"photo": str(file), "place": verdict.place, "probabilities": chances}
            click.echo(json_line(shown | ({"truth": truth} if truth else {})))
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
            show(file, places.classify_photo(file))
        except UnreadablePhoto as error:
            failed += 1
            click.echo(f"viewfix: {error}", err=True)
    if not queries:
        verdicts = places.leave_one_out()
        for truth, file, verdict in verdicts:
            show(file, verdict, truth)
        right = sum(verdict.place == truth for truth, _, verdict in verdicts)
        none = sum(verdict.place is None for _, _, verdict in verdicts)
        click.echo(f"{right} of {len(verdicts)} right, {none} assigned to no place; each was left out", err=as_json)
    return UnreadablePhoto.exit_code if failed else 0
