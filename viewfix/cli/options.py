"""Arguments, options and output that several commands share."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from .. import console
from ..errors import BadInput
from ..geojson import to_json
from ..store.address import Address

if TYPE_CHECKING:
    from ..blur import Blur
    from ..embed.ingest import Added
    from ..embed.ray import Cluster
    from ..map import Map
    from ..models.devices import Device
    from ..models.model import Model
    from ..types import Skipped

Command = TypeVar("Command", bound=Callable[..., Any])

SHOWN = 10
"""The number of skipped photos to print; `viewfix info MAP --skipped` lists all of them."""


def map_argument(command: Command) -> Command:
    return click.argument("place", metavar="MAP", type=click.Path(), callback=_address)(command)


def _address(ctx: click.Context, param: click.Parameter, value: str) -> Address:
    return Address.of(value)


def model_option(command: Command) -> Command:
    text = "A name from `viewfix models` or an .onnx file. Default: the map's own, or the one that ships with viewfix."
    return click.option("--model", metavar="NAME|FILE", help=text)(command)


def device_option(command: Command) -> Command:
    """The option for where models run; it holds for the whole process."""
    text = "Where the model runs. auto takes a GPU that works, and otherwise the CPU."
    choice = click.Choice(["auto", "cpu", "cuda", "tensorrt", "coreml", "directml", "openvino"])
    return click.option(
        "--device", type=choice, default="auto", show_default=True, expose_value=False, callback=_use_device, help=text
    )(command)


def _use_device(ctx: click.Context, param: click.Parameter, value: Device) -> None:
    from ..models.devices import set_device

    set_device(value)


def tell_device(model: Model) -> None:
    """Say where a model ran, if it was not the CPU."""
    if model.device != "cpu":
        click.echo(f"The model ran on {model.device}.", err=True)


def prefer_option(command: Command) -> Command:
    """The option for the position to use if a photo and its sidecar disagree."""
    text = "The position to use if a photo and the XMP or Takeout file beside it disagree."
    choice = click.Choice(["sidecar", "exif"])
    return click.option("--prefer", type=choice, default="sidecar", show_default=True, help=text)(command)


def source_options(command: Command) -> Command:
    """The options for reading sources: panoramas, films, and tracks. They come together, as `reading`."""

    @functools.wraps(command)
    def with_options(*args: Any, **options: Any) -> Any:
        from ..sources import SourceOptions

        names = ("panorama", "views", "spacing_m", "gpx", "clock_offset_s", "camera_zone")
        reading = SourceOptions(**{name: options.pop(name) for name in names})
        return command(*args, reading=reading, **options)

    return cast(Command, _track_options(panorama_options(with_options)))


def _track_options(command: Callable[..., Any]) -> Callable[..., Any]:
    zone = "The zone of the camera's local time, such as +02:00 or Europe/Helsinki."
    offset = "What to add to the camera's times so that they match the track, in seconds."
    gpx = "A track, for films and for photos without a position."
    spacing = "Metres between two frames of a film (5 by default), or two pictures of a service in one direction."
    number = click.FloatRange(0, min_open=True)
    command = click.option("--camera-zone", metavar="ZONE", help=zone)(command)
    command = click.option("--clock-offset", "clock_offset_s", type=float, metavar="SECONDS", help=offset)(command)
    command = click.option("--gpx", type=click.Path(path_type=Path), metavar="TRACK.gpx", help=gpx)(command)
    return click.option("--spacing-m", type=number, metavar="METRES", help=spacing)(command)


def panorama_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Which pictures are panoramas, and how many views to cut out of each."""
    which = "Cut pictures that are twice as wide as high into views, or none. Default: those with GPano metadata."
    views = "The number of views of 90 degrees to cut out of a panorama."
    command = click.option("--views", default=8, show_default=True, type=click.IntRange(1, 72), help=views)(command)
    return click.option("--panorama", default="ask", type=click.Choice(["ask", "yes", "no"]), help=which)(command)


def ray_options(command: Command) -> Command:
    """The options that choose a Ray cluster to embed on."""
    where = "Embed on a Ray cluster: auto, local, HOST:PORT or ray://HOST:PORT."
    command = click.option("--ray-workers", type=click.IntRange(1), metavar="N", help="Use at most N workers.")(command)
    return click.option("--ray", "ray", metavar="ADDRESS", help=where)(command)


def cluster_of(ray: str | None, workers: int | None) -> Cluster | None:
    """The cluster that the two options name together."""
    from ..embed.ray import Cluster

    if ray is None and workers is not None:
        raise BadInput(f"--ray-workers {workers} needs a cluster. Set its address: --ray ADDRESS")
    return None if ray is None else Cluster(ray, workers)


@contextmanager
def opened(place: Address, *, model: str | None = None, quiet: bool = False) -> Iterator[Map]:
    """Open a map for the length of the block, and show its progress on standard error."""
    from ..map import Map

    with console.progress(quiet=quiet) as report, Map.open(place, model=model, progress=report) as city:
        yield city


def writable_picture(output: Path, endings: tuple[str, ...], inputs: Sequence[Path] = ()) -> None:
    """Refuse a picture that cannot or must not be written, before minutes of work are lost."""
    if output.suffix.lower() not in endings:
        raise BadInput(f"{output} does not end in {', '.join(endings)}. Choose the name of a picture that does.")
    if not output.absolute().parent.is_dir():
        raise BadInput(f"There is no folder {output.absolute().parent} for {output.name}. Create it first.")
    if output.exists() and any(output.samefile(each) for each in inputs if each.exists()):
        raise BadInput(f"{output} is one of the compared photos and would be overwritten. Choose another file.")


def counted(number: int, noun: str) -> str:
    """A number with its noun: "1 photo", "2 photos"."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


def blur_option(command: Command) -> Command:
    """What to blur in pictures before they are kept or shown."""
    text = "Blur faces, or what a detector of your own finds, such as plates.onnx. May be given twice; docs/privacy.md."
    return click.option("--blur", "blur", multiple=True, metavar="faces|FILE.onnx", help=text)(command)


def blur_of(names: Sequence[str], page: Path | None, option: str) -> Blur | None:
    """What to blur in the pictures of a page or picture that is written; read before the work begins.

    Raises:
        BadInput: nothing with pictures is written, or there is no such detector.
    """
    if names and page is None:
        raise BadInput(f"--blur is for the pictures of a page. Add {option}")
    if not names:
        return None
    from ..blur import Blur

    return Blur.of(names)


def described_after_blur(place: Address, model: str | None, blur: Sequence[str]) -> Model:
    """The model of a map, or of a new one, that blurs pictures before it describes them."""
    from ..blur import Blur, BlurringModel
    from ..map import Map
    from ..models import catalogue
    from ..store.store import Store

    blurring = Blur.of(blur)
    if not Store.exists(place):
        return BlurringModel(catalogue.given(model), blurring)
    with Map.open(place, model=model) as city:
        return BlurringModel(city.model, blurring)


def percent(ctx: click.Context, param: click.Parameter, value: str) -> float:
    """Read a share: "1%", "1 %" or "0.01"."""
    text = value.strip()
    try:
        return float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a share such as 1% or 0.01") from None


def json_option(command: Command) -> Command:
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")(command)


def json_line(value: Any) -> str:
    """JSON in ASCII, for terminals of every encoding, without half characters of damaged file names."""
    return json.dumps(json.loads(to_json(value)), ensure_ascii=True)


def print_added(added: Added, place: Address, *, as_json: bool = False, city: Map | None = None) -> None:
    """Print the counts on standard output, and skipped photos and notes on standard error; in JSON, all in one.

    With the open map, the JSON also says what the map can do; for people, `print_expectation` does.
    """
    if as_json:
        more = {} if city is None else {"expectation": city.info()["expectation"]}
        click.echo(json_line({**dataclasses.asdict(added), **more}))
        return
    click.echo(str(added))
    print_skipped("skipped", added.skipped, place)
    if added.gone:
        click.echo(
            f"  {counted(len(added.gone), 'photo')} of the map, such as {added.gone[0]}, "
            f"{'is' if len(added.gone) == 1 else 'are'} gone from the service; "
            f"remove them with: viewfix remove {place.typed} --gone",
            err=True,
        )
    for note in added.notes[:SHOWN]:
        click.echo(f"  note: {note}", err=True)
    if len(added.notes) > SHOWN:
        click.echo(f"  and {len(added.notes) - SHOWN} more notes", err=True)


def print_expectation(city: Map, place: Address) -> None:
    """Print what the map can do, and what would help."""
    from ..locate.expectation import in_words

    first, *more = in_words(city.calibration.expectation, place.typed)
    click.echo(f"{place}: {first}")
    for line in more:
        click.echo(line)


def print_skipped(what_happened: str, photos: Sequence[Skipped], place: Address) -> None:
    """Print the first skipped photos and their reasons on standard error, and how to list the others."""
    for each in photos[:SHOWN]:
        click.echo(f"  {what_happened} {each.id}: {each.reason}", err=True)
    if len(photos) > SHOWN:
        click.echo(f"  and {len(photos) - SHOWN} more: viewfix info {place.typed} --skipped", err=True)
