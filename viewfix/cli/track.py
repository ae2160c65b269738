"""viewfix track: the path of a film, a folder of photos or a manifest."""

from __future__ import annotations

from pathlib import Path

import click

from ..errors import BadInput
from ..files import write_whole
from ..store.address import Address
from .options import (
    blur_option,
    counted,
    device_option,
    json_line,
    json_option,
    map_argument,
    model_option,
    print_skipped,
)

MODES = ("walk", "cycle", "drive", "train", "auto")


@click.command()
@map_argument
@click.argument("recording", metavar="FILM|FOLDER|MANIFEST", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, metavar="FILE",
              help="The path, as .gpx, .geojson or .kml; or .html for a page with small pictures.")  # fmt: skip
@click.option("--mode", default="auto", show_default=True, type=click.Choice(MODES), help="How the camera moved.")
@click.option("--every", "every_s", default=1.0, show_default=True, metavar="SECONDS",
              type=click.FloatRange(0, min_open=True),
              help="Time between two frames of a film, and between photos without a time.")  # fmt: skip
@click.option("--truth", type=click.Path(path_type=Path), metavar="TRACK.gpx",
              help="Print how far the path is from this track.")  # fmt: skip
@blur_option
@model_option
@device_option
@json_option
def command(  # noqa: PLR0913  one parameter for each option
    place: Address,
    recording: Path,
    output: Path,
    mode: str,
    every_s: float,
    truth: Path | None,
    blur: tuple[str, ...],
    model: str | None,
    as_json: bool,
) -> None:
    """Find the path of a recording from all its frames together.

    Frames are ordered by the time at which they were taken; photos without one by name. The path says nothing where the
    camera was not on the map, or where that is not sure.
    """
    import numpy as np

    from .. import console
    from ..basemap import drawable
    from ..blur import Blur
    from ..map import Map
    from ..telemetry import read_gpx
    from ..track.gallery import Gallery
    from ..track.page import page
    from ..track.recording import path_of
    from ..track.write import ENDINGS, error_m, write_path

    if output.suffix.lower() not in ENDINGS:
        raise BadInput(f"{output} does not end in {', '.join(ENDINGS)}. Choose the name of a file that does.")
    if not recording.exists():
        raise BadInput(f"There is no {recording}. Pass a film, a folder of photos, or a manifest.")
    is_page = output.suffix.lower() == ".html"
    if blur and not is_page:
        raise BadInput(f"--blur is for the pictures of a page, and {output} has none. Leave it out, or write an .html.")
    gallery = Gallery(Blur.of_any(blur))
    reference = None if truth is None else read_gpx(truth)
    with console.progress(quiet=as_json) as report, Map.open(place, model=model) as city:
        seen = gallery.add if is_page else (lambda frame: None)
        found = path_of(city.tracking, recording, mode=mode, every_s=every_s, progress=report, seen=seen)
        basemap = drawable(city.store)
    if is_page:
        write_whole(output, page(found, recording.name, basemap, gallery))
    else:
        write_path(found.points, output)
    placed = [point for point in found.points if point.position is not None]
    summary: dict[str, float] = {"frames": len(found.points), "placed": len(placed), "skipped": len(found.skipped)}
    text = f"{counted(len(found.points), 'frame')}, {len(placed)} with a position, in {output}"
    if reference is not None:
        first = found.points[0].taken_at
        begun = reference.started_at
        shift_s = 0.0 if first is None or begun is None else (first.astimezone(begun.tzinfo) - begun).total_seconds()
        errors = error_m(found.points, reference, shift_s)
        if not len(errors):
            raise BadInput(f"{truth} has no position at the time of any frame. Pass the track of this recording.")
        summary |= {"compared": len(errors), "median_error_m": float(np.median(errors))}
        text += (
            f"\nerror against {truth}: median {np.median(errors):.1f} m, nine in ten below "
            f"{np.quantile(errors, 0.9):.1f} m, {np.mean(errors <= 25):.0%} within 25 m, of {len(errors)} frames"
        )
    click.echo(json_line(summary) if as_json else text)
    print_skipped("skipped", found.skipped, place)
