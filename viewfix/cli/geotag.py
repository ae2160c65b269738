"""viewfix geotag: find where the photos of an album were taken, and write it into sidecars or pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .. import console
from ..errors import BadInput
from ..shell import shell_quoted
from ..store.address import Address
from .options import SHOWN, counted, json_line, json_option, model_option, opened

if TYPE_CHECKING:
    from ..geotag import GeotagPlan, Written

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
              help="What to add to the camera's times to make them those of the track.")  # fmt: skip
@click.option("--mode", default="walk", show_default=True, type=click.Choice(MODES), help="How the camera moved.")
@click.option("--verify", default="fast", show_default=True, type=click.Choice(["accurate", "fast", "off"]),
              help="How to verify candidates by local features if similarity leaves a doubt.")  # fmt: skip
@click.option("--naming", default="full", show_default=True, type=click.Choice(["full", "stem"]),
              help="The name of a new sidecar: photo.jpg.xmp or photo.xmp.")  # fmt: skip
@click.option("--sidecars-in", type=PATH, metavar="FOLDER", help="Write the sidecars there, e.g. for a read-only card.")
@click.option("--language", metavar="CODE", help="The language of the names of sights, e.g. uk.")
@click.option("--undo", "undoes", is_flag=True, help="Put back what was in FOLDERs before. Needs no MAP.")
@model_option
@json_option
def command(
    given: tuple[str, ...], undoes: bool, dry_run: bool, as_json: bool, model: str | None, **options: Any
) -> int:
    """Find where the photos in FOLDERs were taken, by comparison with those of MAP, and write it.

    Photos without a position get an XMP file beside them, which photo managers read; one that exists is completed.
    Photos that were taken one after the other support each other. See docs/geotag.md.
    """
    if undoes:
        return _undo([Path(each) for each in given], as_json)
    if len(given) < 2:
        raise BadInput("Pass a map and a folder of photos: viewfix geotag MAP FOLDER")
    from ..geotag import GeotagOptions

    chosen = GeotagOptions(**options)
    with opened(Address.of(given[0]), model=model, quiet=as_json) as city:
        plan = city.geotag(*given[1:], options=chosen)
        with plan:
            return _report(plan, dry_run, as_json)


def _report(plan: GeotagPlan, dry_run: bool, as_json: bool) -> int:
    if dry_run:
        for proposal in plan:
            click.echo(json_line(proposal.to_json()) if as_json else str(proposal))
    counts = plan.counts()
    written = None if dry_run else plan.write()
    if as_json:
        if written is not None:
            click.echo(json_line({**counts, "written_now": written.photos, "files": written.files}))
        return 0
    _print_counts(plan, written)
    return 0


def _print_counts(plan: GeotagPlan, written: Written | None) -> None:
    from ..geotag import STATES

    counts = plan.counts()
    for state, meaning in STATES.items():
        if counts[state]:
            click.echo(f"{counted(counts[state], 'photo')} {meaning}")
    if counts["wrong"] and not plan.options.mend:
        for each in (proposal for proposal in plan if proposal.state == "wrong"):
            click.echo(f"  {each.id}: {each.reason}", err=True)
        click.echo("to replace these positions: --mend", err=True)
    for album in plan.albums:
        for problem in album.problems:
            click.echo(f"viewfix: {problem}", err=True)
    if written is None:
        click.echo("nothing was written")
        return
    for skipped in written.skipped[:SHOWN]:
        click.echo(f"  skipped {skipped.id}: {skipped.reason}", err=True)
    if written.skipped_count > SHOWN:
        click.echo(f"  and {written.skipped_count - SHOWN} more", err=True)
    kind = "picture" if plan.options.write == "exif" else "sidecar"
    where = " ".join(shell_quoted(str(album.target)) for album in plan.albums)
    undo = f"; to undo: viewfix geotag --undo {where}" if written.files else ""
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
            click.echo(f"{counted(outcome.edited, 'file')} edited since: only the position was taken out")
        for each in outcome.left:
            click.echo(f"  left {each.id}: {each.reason}", err=True)
    return 0
