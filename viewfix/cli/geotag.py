"""viewfix geotag: find where the photos of an album were taken, and write it into sidecars or pictures."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .. import console
from ..errors import BadInput
from ..shell import shell_quoted
from ..store.address import Address
from .options import SHOWN, counted, json_line, json_option, model_option, opened

if TYPE_CHECKING:
    from ..geotag import GeotagOptions, GeotagPlan, Written

MODES = ("walk", "cycle", "drive", "train", "auto")
PATH = click.Path(path_type=Path)


@click.command()
@click.argument("given", metavar="MAP FOLDER...", nargs=-1)
@click.option("--dry-run", is_flag=True, help="Write nothing; print a line for every photo.")
@click.option("--write", default="sidecar", show_default=True, type=click.Choice(["sidecar", "exif"]),
              help="Write XMP files beside the photos, or into the photos with exiftool.")  # fmt: skip
@click.option("--least-confidence", default=0.8, show_default=True, type=click.FloatRange(0, 1),
              help="Write no position that is less probable.")  # fmt: skip
@click.option("--mend", is_flag=True, help="Also replace positions of photos that the map contradicts.")
@click.option("--missing-only", is_flag=True, help="Do not check the positions that photos have already.")
@click.option("--gpx", multiple=True, type=PATH, metavar="TRACK.gpx", help="A track of the walk. May be repeated.")
@click.option("--camera-zone", metavar="ZONE", help="The zone of the camera's local time, e.g. +02:00.")
@click.option("--clock-offset", "clock_offset_s", type=float, metavar="SECONDS",
              help="What to add to the camera's times so that they match the track.")  # fmt: skip
@click.option("--mode", default="walk", show_default=True, type=click.Choice(MODES), help="How the camera moved.")
@click.option("--verify", default="fast", show_default=True, type=click.Choice(["accurate", "fast", "off"]),
              help="How to verify candidates by local features if similarity leaves a doubt.")  # fmt: skip
@click.option("--naming", default="full", show_default=True, type=click.Choice(["full", "stem"]),
              help="The name of a new sidecar: photo.jpg.xmp or photo.xmp.")  # fmt: skip
@click.option("--sidecars-in", type=PATH, metavar="FOLDER", help="Write the sidecars there, e.g. for a read-only card.")
@click.option("--language", metavar="CODE", help="The language of the names of sights, e.g. uk.")
@click.option("-o", "--output", type=PATH, metavar="FILE",
              help="Write a table instead: .csv, .geojson, .gpx or .kml.")  # fmt: skip
@click.option("--review", type=PATH, metavar="PAGE.html", help="Write a page to accept, move or reject places instead.")
@click.option("--decisions", multiple=True, type=PATH, metavar="FILE",
              help="Write the decisions saved by that page. Needs no MAP. May be repeated.")  # fmt: skip
@click.option("--undo", "undoes", is_flag=True, help="Undo what was written in FOLDERs. Needs no MAP.")
@model_option
@json_option
def command(given: tuple[str, ...], as_json: bool, model: str | None, **options: Any) -> int:
    """Find where the photos in FOLDERs were taken, by comparison with those of MAP, and write it.

    Photos without a position get an XMP file beside them, which photo managers read; one that exists is completed.
    Photos that were taken one after the other support each other. See docs/geotag.md.
    """
    from ..geotag import GeotagOptions
    from ..geotag.journal import check_writable

    instead = {name: options.pop(name) for name in ("dry_run", "output", "review", "decisions", "undoes")}
    if sum(map(bool, instead.values())) > 1:
        raise BadInput("--dry-run, -o, --review, --decisions and --undo exclude each other. Use one of them.")
    if instead["undoes"]:
        return _undo([Path(each) for each in given], as_json)
    chosen = GeotagOptions(**options)
    if instead["decisions"]:
        return _write_decisions(instead["decisions"], given, chosen, as_json)
    if len(given) < 2:
        raise BadInput("Pass a map and a folder of photos: viewfix geotag MAP FOLDER")
    _check(instead["output"], instead["review"])
    if not any(instead.values()):
        for folder in [chosen.sidecars_in] if chosen.sidecars_in is not None else map(Path, given[1:]):
            check_writable(folder)
    with (
        opened(Address.of(given[0]), model=model, quiet=as_json) as city,
        city.geotag(*given[1:], options=chosen) as plan,
    ):
        return _report(plan, instead, as_json)


def _check(output: Path | None, review: Path | None) -> None:
    """Refuse files that cannot be written, before minutes of work."""
    from ..geotag.tables import check_table

    if output is not None:
        check_table(output)
    if review is not None and review.suffix.lower() not in (".html", ".htm"):
        raise BadInput(f"{review} does not end in .html. Choose the name of a page that does.")
    if review is not None and not review.absolute().parent.is_dir():
        raise BadInput(f"There is no folder {review.absolute().parent} for {review.name}. Create it first.")


def _report(plan: GeotagPlan, instead: dict[str, Any], as_json: bool) -> int:
    from ..geotag.review import write_review
    from ..geotag.tables import write_table

    made: list[Path] = []
    written = None
    if instead["dry_run"]:
        for proposal in plan:
            click.echo(json_line(proposal.to_json()) if as_json else str(proposal))
    elif instead["output"] is not None:
        write_table(plan, instead["output"])
        made = [instead["output"]]
    elif instead["review"] is not None:
        with console.progress(quiet=as_json) as report:
            made = write_review(plan, instead["review"], report)
    else:
        written = plan.write()
    if as_json and not instead["dry_run"]:
        more = {} if written is None else {"written_now": written.photos, "files": written.files}
        click.echo(json_line({**plan.counts(), **more, "made": [str(each) for each in made]}))
    elif not as_json:
        _print_counts(plan)
        if written is not None:
            _print_written(written, [album.target for album in plan.albums], plan.options.write)
        for each in made:
            click.echo(f"{each} written; no photo or sidecar was changed")
    return 0


def _write_decisions(files: tuple[Path, ...], given: tuple[str, ...], options: GeotagOptions, as_json: bool) -> int:
    from ..geotag.decisions import read_decisions, write_decisions

    if len(given) > 1:
        raise BadInput("--decisions needs no map, and at most the folder where the photos are now.")
    every = [read_decisions(file, Path(given[0]) if given else None) for file in files]
    for decisions in every:
        with console.progress(quiet=as_json) as report:
            written = write_decisions(decisions, options, report)
        if as_json:
            click.echo(json_line({"written_now": written.photos, "files": written.files}))
        else:
            _print_written(written, [options.sidecars_in or decisions.target], options.write)
    return 0


def _print_counts(plan: GeotagPlan) -> None:
    from ..geotag import STATES

    counts = plan.counts()
    for state, meaning in STATES.items():
        if counts[state]:
            click.echo(f"{counted(counts[state], 'photo')} {meaning}")
    if counts["wrong"] and not plan.options.mend:
        wrong = (proposal for proposal in plan if proposal.state == "wrong")
        for each in islice(wrong, SHOWN):
            click.echo(f"  {each.id}: {each.reason}", err=True)
        click.echo("  to replace these positions: --mend; to look at them first: --review PAGE.html", err=True)
    for album in plan.albums:
        for problem in album.problems:
            click.echo(f"viewfix: {problem}", err=True)


def _print_written(written: Written, targets: list[Path], write: str) -> None:
    for skipped in written.skipped[:SHOWN]:
        click.echo(f"  skipped {skipped.id}: {skipped.reason}", err=True)
    if written.skipped_count > SHOWN:
        click.echo(f"  and {written.skipped_count - SHOWN} more", err=True)
    where = " ".join(shell_quoted(str(target)) for target in targets)
    undo = f"; to undo: viewfix geotag --undo {where}" if written.files else ""
    kind = "file" if write == "exif" else "sidecar"
    click.echo(f"{counted(written.photos, 'photo')} written, in {counted(written.files, kind)}{undo}")


def _undo(folders: list[Path], as_json: bool) -> int:
    from ..geotag import undo

    if not folders:
        raise BadInput("Pass the folder to undo: viewfix geotag --undo FOLDER")
    for folder in folders:
        with console.progress(quiet=as_json) as report:
            outcome = undo(folder, report)
        left = [{"id": each.id, "reason": each.reason} for each in outcome.left]
        if as_json:
            click.echo(json_line({"restored": outcome.restored, "edited": outcome.edited, "left": left}))
            continue
        click.echo(f"{counted(outcome.restored, 'file')} as before, in {folder}")
        if outcome.edited:
            click.echo(f"{counted(outcome.edited, 'file')} edited since: only the position was removed")
        for each in outcome.left:
            click.echo(f"  left {each.id}: {each.reason}", err=True)
    return 0
