"""viewfix eval: measure a model or a map on a dataset, with tables and an optional report."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .. import console
from ..errors import BadInput
from .options import blur_of, blur_option, device_option, json_option
from .track import MODES

if TYPE_CHECKING:
    from ..evaluate.inputs import EvaluationDataset
    from ..evaluate.result import Result
    from ..evaluate.sequences.measure import SequenceSettings
    from ..evaluate.sequences.result import SequenceResult
    from ..evaluate.tables import Table
    from ..types import Position


@click.command()
@click.argument("subject", metavar="MAP_OR_MODEL")
@click.argument("dataset", metavar="DATASET")
@click.option("--queries", metavar="SOURCE",
              help="A folder or manifest of queries. DATASET then has the photos of the map.")  # fmt: skip
@click.option("--data", type=click.Path(path_type=Path), metavar="FOLDER",
              help="The folder with the files of a protocol. DATASET is then its name, such as pitts30k.")  # fmt: skip
@click.option("--frames", type=click.IntRange(0), metavar="N",
              help="DATASET and --queries are frames of the same route; a match is right within N frames.")  # fmt: skip
@click.option("--report", type=click.Path(path_type=Path), metavar="FOLDER",
              help="Write index.html and result.json to this folder.")  # fmt: skip
@click.option("--allow", multiple=True, metavar="CHECK",
              help="Continue if this self-check fails, and note it in the report. Can be repeated.")  # fmt: skip
@click.option("--trained-on", multiple=True, metavar="SOURCE",
              help="Photos that the model was trained on, to report their distance. Can be repeated.")  # fmt: skip
@click.option("--regions", default=4, show_default=True, type=click.IntRange(0),
              help="Number of areas to hold out, for queries from outside the map; 0 for none.")  # fmt: skip
@click.option("--sequence", is_flag=True,
              help="The queries are the frames of one walk or ride: measure a track over them.")  # fmt: skip
@click.option("--mode", default="auto", show_default=True, type=click.Choice(MODES),
              help="How the camera of a sequence moves.")  # fmt: skip
@click.option("--every", "every_s", metavar="SECONDS", type=click.FloatRange(0, min_open=True),
              help="Take the frames of a sequence in the order of their names, so far apart in time.")  # fmt: skip
@click.option("--spacing-m", metavar="METRES", type=click.FloatRange(0, min_open=True),
              help="Distance of the photos of a map without positions, for --sequence.  [default: 4]")  # fmt: skip
@click.option("--seed", default=0, show_default=True, help="Seed of the confidence intervals.")
@blur_option
@device_option
@json_option
def command(
    subject: str,
    dataset: str,
    queries: str | None,
    report: Path | None,
    blur: tuple[str, ...],
    as_json: bool,
    **chosen: Any,
) -> None:
    """Measure a model or a map on a dataset: recall, precision, metres, confidence and time.

    A model (a name from `viewfix models`, or an .onnx file) searches the map photos of DATASET: the name of a
    protocol with --data, or a folder or manifest with --queries. A map searches its own photos, and DATASET has
    the queries. With --sequence, the queries are frames in the order of time, such as a film with telemetry, and a
    track is compared with single pictures and with sequence matching.
    """
    from ..evaluate.report import check_folder, write_report
    from ..evaluate.run import Settings, evaluate
    from ..evaluate.sequences.measure import evaluate_sequence
    from ..evaluate.sequences.report import sequence_tables, write_sequence_report
    from ..evaluate.tables import tables

    if report is not None:
        check_folder(report)
    blurring = blur_of(blur, report, "--report FOLDER")
    settings = Settings(
        allow=tuple(chosen["allow"]),
        trained_on=_places(chosen["trained_on"]),
        regions=chosen["regions"],
        seed=chosen["seed"],
    )
    sequence = _sequence(chosen)
    data = _dataset(subject, dataset, queries, data=chosen["data"], frames=chosen["frames"])
    with console.progress(quiet=as_json) as progress:
        if sequence is not None:
            ridden = evaluate_sequence(subject, data, sequence=sequence, settings=settings, progress=progress)
        else:
            result = evaluate(subject, data, settings=settings, progress=progress)
    if sequence is not None:
        _tell(ridden, sequence_tables(ridden), as_json, report and write_sequence_report(report, ridden))
    else:
        _tell(result, tables(result), as_json, report and write_report(report, result, blur=blurring))


def _sequence(chosen: Mapping[str, Any]) -> SequenceSettings | None:
    """The options of a sequence; None for single pictures, with which they make no sense."""
    from ..evaluate.sequences.measure import SequenceSettings
    from ..evaluate.sequences.ride import SPACING_M

    if chosen["sequence"]:
        return SequenceSettings(chosen["mode"], chosen["every_s"], chosen["spacing_m"] or SPACING_M)
    for name, option in (("every_s", "--every"), ("spacing_m", "--spacing-m")):
        if chosen[name] is not None:
            raise BadInput(f"{option} is an option of sequences. Add --sequence, or leave it out.")
    return None


def _dataset(
    subject: str, name: str, queries: str | None, *, data: Path | None, frames: int | None
) -> EvaluationDataset:
    from ..evaluate import datasets, protocols
    from ..evaluate.inputs import open_queries
    from ..evaluate.subject import is_map

    if data is not None:
        if queries is not None or frames is not None:
            raise BadInput(
                "--data is for a protocol, which has its own queries and frames. Leave out --queries and --frames."
            )
        return datasets.open(name, data)
    if queries is not None:
        return datasets.pair(name, queries, frames=frames)
    if frames is not None:
        raise BadInput("--frames compares two folders of the same route. Pass the second one with --queries.")
    if protocols.known(name) and not Path(name).exists():
        raise BadInput(f"{name} is a protocol. Pass the folder of its files: --data FOLDER")
    if is_map(subject):
        return open_queries(name)
    raise BadInput(
        f"{name} alone is not a dataset for a model. Pass the map photos as DATASET, and the queries with --queries."
    )


def _places(sources: tuple[str, ...]) -> tuple[Position, ...]:
    """The positions of training photos. Refuses a source without positions, because the check would prove nothing."""
    from ..sources import open_source
    from ..types import Photo

    found: list[Position] = []
    for source in sources:
        positions = [item.position for item in open_source(source) if isinstance(item, Photo)]
        if not positions:
            raise BadInput(f"No photo of {source} has a position. Pass photos with positions to --trained-on.")
        found += positions
    return tuple(found)


def _tell(result: Result | SequenceResult, tables: Sequence[Table], as_json: bool, written: Path | None) -> None:
    if written is not None:
        click.echo(f"wrote {written}", err=True)
    if as_json:
        click.echo(json.dumps(result.to_json(), ensure_ascii=True))
    else:
        _print(result, tables)


def _print(result: Result | SequenceResult, tables: Sequence[Table]) -> None:
    """Print the self-checks, then the tables of the report."""
    from rich import table as rich_table

    from ..evaluate.result import Result

    queries = f"{result.queries} queries" if isinstance(result, Result) else f"{result.frames} frames"
    counts = f"{queries}, {result.map_photos} photos; {result.protocol}"
    console.out.print(f"{result.subject} on {result.dataset}: {counts}", markup=False)
    for check in result.checks:
        word = {True: "passed", False: "FAILED, and allowed", None: "nothing to check"}[check.passed]
        console.out.print(f"  {check.name}: {word}; {check.seen}", markup=False)
    for note in result.notes:
        console.out.print(note, markup=False)
    for each in tables:
        shown = rich_table.Table(box=None, padding=(0, 2, 0, 0), header_style="", show_header=any(each.columns))
        for number, column in enumerate(each.columns):
            shown.add_column(column, justify="right" if number else "left")
        for row in each.rows:
            shown.add_row(*row)
        console.out.print(f"\n{each.title}", style="bold", markup=False)
        console.out.print(shown)
        if each.note:
            console.out.print(f"  {each.note}", markup=False)
