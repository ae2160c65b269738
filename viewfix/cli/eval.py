"""viewfix eval: a model or a map is measured on a dataset; tables come out, and a page for those who look closer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .. import console
from ..errors import BadInput
from .options import json_option

if TYPE_CHECKING:
    from ..evaluate.asked import Asked
    from ..evaluate.result import Result
    from ..types import Position


@click.command()
@click.argument("subject", metavar="MAP_OR_MODEL")
@click.argument("dataset", metavar="DATASET")
@click.option("--queries", metavar="SOURCE",
              help="A folder or manifest to ask for; DATASET is then that of the map photos.")  # fmt: skip
@click.option("--data", type=click.Path(path_type=Path), metavar="FOLDER",
              help="Where a protocol's files lie; DATASET is its name, as pitts30k.")  # fmt: skip
@click.option("--frames", type=click.IntRange(0), metavar="N",
              help="DATASET and --queries are one walk twice: right is at most N frames away.")  # fmt: skip
@click.option("--report", type=click.Path(path_type=Path), metavar="FOLDER",
              help="Write index.html and result.json there.")  # fmt: skip
@click.option("--allow", multiple=True, metavar="CHECK",
              help="Go on though this self-check fails, and say so in the report. May be given again.")  # fmt: skip
@click.option("--trained-on", multiple=True, metavar="SOURCE",
              help="Photos that the model was trained on: how near they are is told and checked.")  # fmt: skip
@click.option("--regions", default=4, show_default=True, type=click.IntRange(0),
              help="Parts of the map held out, to ask from outside it; 0 for none.")  # fmt: skip
@click.option("--seed", default=0, show_default=True, help="Of the confidence intervals.")
@json_option
def command(
    subject: str,
    dataset: str,
    queries: str | None,
    report: Path | None,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Measure a model or a map on a dataset: recall, precision, metres, confidence and time.

    A model (a name of `viewfix models`, or an .onnx file) is asked about a map made of the map photos of
    DATASET: the name of a protocol with --data, or a folder or manifest with --queries. A map is asked as
    it is, and a DATASET without --queries is what it is asked for.
    """
    from ..evaluate.report import check_folder, write_report
    from ..evaluate.run import Settings, evaluate

    if report is not None:
        check_folder(report)
    settings = Settings(
        allow=tuple(chosen["allow"]),
        trained_on=_places(chosen["trained_on"]),
        regions=chosen["regions"],
        seed=chosen["seed"],
    )
    asked = _dataset(subject, dataset, queries, data=chosen["data"], frames=chosen["frames"])
    with console.progress(quiet=as_json) as progress:
        result = evaluate(subject, asked, settings=settings, progress=progress)
    if report is not None:
        written = write_report(report, result)
        click.echo(f"wrote {written}", err=True)
    if as_json:
        click.echo(json.dumps(result.to_json(), ensure_ascii=True))
    else:
        _say(result)


def _dataset(subject: str, name: str, queries: str | None, *, data: Path | None, frames: int | None) -> Asked:
    from ..evaluate import datasets, protocols
    from ..evaluate.asked import queries_of
    from ..evaluate.subject import is_map

    if data is not None:
        if queries is not None or frames is not None:
            raise BadInput("--data goes with the name of a protocol, which has queries and frames of its own.")
        return datasets.open(name, data)
    if queries is not None:
        return datasets.pair(name, queries, frames=frames)
    if frames is not None:
        raise BadInput("--frames compares two folders of one walk. Give the other one as --queries.")
    if protocols.known(name) and not Path(name).exists():
        raise BadInput(f"{name} is a protocol. Say where its files lie: --data FOLDER")
    if is_map(subject):
        return queries_of(name)
    raise BadInput(f"{name} alone is no dataset. Give the map photos as DATASET, and what to ask for as --queries.")


def _places(sources: tuple[str, ...]) -> tuple[Position, ...]:
    """Where the photos of the training were taken; a source that does not tell would make the check a lie."""
    from ..sources import open_source
    from ..types import Photo

    found: list[Position] = []
    for source in sources:
        places = [item.position for item in open_source(source) if isinstance(item, Photo)]
        if not places:
            raise BadInput(f"No photo of {source} says where it was taken. Give --trained-on photos with positions.")
        found += places
    return tuple(found)


def _say(result: Result) -> None:
    """The tables of the report, and first whatever makes them doubtful."""
    from rich.table import Table

    from ..evaluate.tables import tables

    counts = f"{result.queries} queries, {result.map_photos} photos; {result.protocol}"
    console.out.print(f"{result.subject} on {result.dataset}: {counts}", markup=False)
    for check in result.checks:
        word = {True: "passed", False: "FAILED, and allowed", None: "nothing to check"}[check.passed]
        console.out.print(f"  {check.name}: {word}; {check.seen}", markup=False)
    for note in result.notes:
        console.out.print(note, markup=False)
    for each in tables(result):
        shown = Table(box=None, padding=(0, 2, 0, 0), header_style="", show_header=any(each.columns))
        for number, column in enumerate(each.columns):
            shown.add_column(column, justify="right" if number else "left")
        for row in each.rows:
            shown.add_row(*row)
        console.out.print(f"\n{each.title}", style="bold", markup=False)
        console.out.print(shown)
        if each.note:
            console.out.print(f"  {each.note}", markup=False)
