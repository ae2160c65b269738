"""viewfix open: show a map, or a folder of photos, in the browser."""

from __future__ import annotations

import hashlib
import logging
import re
import threading
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .. import console
from ..errors import BadInput
from ..files import cache_folder
from ..store.address import Address
from .options import blur_option, counted, prefer_option, print_added

if TYPE_CHECKING:
    from ..map import Map
    from ..sources import Prefer


@click.command()
@click.argument("given", metavar="MAP|PHOTOS...", nargs=-1, required=True, type=click.Path())
@click.option("--port", default=0, show_default="any free one", type=click.IntRange(0, 65535), help="Port to serve at.")
@click.option("--browser/--no-browser", default=True, help="Open the page in the browser.  [default: browser]")
@click.option("--basemap", metavar="FILE", type=click.Path(exists=True, dir_okay=False),
              help="Draw the streets of an OpenStreetMap file (.osm.pbf) under the photos.")  # fmt: skip
@prefer_option
@blur_option
@click.option("-q", "--quiet", is_flag=True, help="Show no progress bar.")
def command(
    given: tuple[str, ...],
    port: int,
    browser: bool,
    basemap: str | None,
    prefer: Prefer,
    blur: tuple[str, ...],
    quiet: bool,
) -> None:
    """Open a MAP, or PHOTOS, on a page in the browser, for this machine only.

    From a folder of photos a map is built first and kept in viewfix's cache folder; the next time only the changes of
    the folder are read. To keep a map, use viewfix build.
    """
    from ..server import Settings, create_app
    from ..server.process import serve

    place = Address.of(given[0])
    if len(given) > 1 or (place.file is not None and not _is_file_of_a_map(place.file)):
        place = _map_of_photos(given, prefer, quiet=quiet)
    if basemap is not None:
        _draw_basemap(place, basemap, quiet=quiet)
    app = create_app([place], Settings(thumbnails="all", blur=blur))  # one's own photos, shown on one's own machine

    def listening(port: int) -> None:
        url = f"http://127.0.0.1:{port}"
        [served] = app.state.context.maps.all()
        click.echo(f"{counted(served.photos, 'photo')} at {url}. Stop with Ctrl-C.")
        if browser:  # in a thread: some browsers return only when they are closed
            threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()

    serve(app, "127.0.0.1", port, listening, log_level=logging.WARNING)


def _draw_basemap(place: Address, file: str, *, quiet: bool) -> None:
    from .. import basemap

    with console.progress(quiet=quiet) as report:
        click.echo(str(basemap.add(place, file, progress=report)))


def _is_file_of_a_map(file: Path) -> bool:
    """Whether a path is to be opened as a map. A path that leads nowhere is, so that the error speaks of a map."""
    from ..photos import SUFFIXES

    has_pattern = any(sign in str(file) for sign in "*?[") and not file.exists()
    return not (file.is_dir() or has_pattern or file.suffix.lower() in {*SUFFIXES, ".csv", ".geojson", ".parquet"})


def _map_of_photos(given: tuple[str, ...], prefer: Prefer, *, quiet: bool) -> Address:
    """Build the map of these photos in the cache folder, or bring it up to date."""
    from ..map import Map

    sources = [str(Path(each).absolute()) for each in given]
    first = Path(sources[0])
    name = re.sub(r"[^\w-]+", "-", first.stem or "photos").strip("-")[:40] or "photos"
    folder = cache_folder("maps") / hashlib.blake2b("\0".join(sources).encode(), digest_size=8).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    place = Address.of(folder / f"{name}.map")
    with console.progress(quiet=quiet) as report:
        city = Map.build(place, *sources, prefer=prefer, progress=report)
        _remove_gone(city)
    with city:
        print_added(city.last_added, place)
        if not len(city):
            raise BadInput(f"None of the photos in {first} exists any more. Pass another folder.")
    return place


def _remove_gone(city: Map) -> None:
    """Take photos out of the map whose files were deleted since the last time."""
    from ..photos import is_url

    gone = [each.id for each in city.photos() if not is_url(each.source) and not Path(each.source).exists()]
    if gone:
        removed = city.remove(gone)
        click.echo(f"  {counted(removed, 'photo')} removed: their files were deleted", err=True)
