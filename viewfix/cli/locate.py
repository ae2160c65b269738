"""viewfix locate: say where photos were taken, as lines for people or GeoJSON for scripts."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import BadInput, StorageFailed, UnreadablePhoto
from ..links import NAMES
from ..store.address import Address
from ..types import Candidate, Fix, Skipped
from .nearby import language_option, line_of
from .options import blur_of, blur_option, counted, device_option, json_line, map_argument, model_option, opened

if TYPE_CHECKING:
    pass

# The same as in locate/options.py, which imports numpy and would slow down --help. A test compares them.
CANDIDATES, NEAR_RADIUS_M = 5, 500.0


def _numbers(counts: tuple[int, ...], form: str) -> Callable[..., tuple[float, ...] | None]:
    def read(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[float, ...] | None:
        if value is None:
            return None
        try:
            numbers = tuple(float(part) for part in value.split(","))
        except ValueError:
            numbers = ()
        if len(numbers) not in counts:
            raise click.BadParameter(f"{value!r} is not of the form {form}")
        return numbers

    return read


@click.command()
@map_argument
@click.argument("queries", metavar="PHOTO...", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print one GeoJSON Feature per photo, each on one line.")
@click.option("-k", default=CANDIDATES, show_default=True, type=click.IntRange(1),
              help="Number of candidates to return as evidence.")  # fmt: skip
@click.option("--near", callback=_numbers((2, 3), "LAT,LON or LAT,LON,RADIUS_M"), metavar="LAT,LON[,RADIUS_M]",
              help="Use only photos of the map within this circle, e.g. 52.2,0.12. Default radius: 500 m.")  # fmt: skip
@click.option("--box", callback=_numbers((4,), "SOUTH,WEST,NORTH,EAST"), metavar="SOUTH,WEST,NORTH,EAST",
              help="Use only photos of the map within this box, in degrees.")  # fmt: skip
@click.option("--least-confidence", type=click.FloatRange(0, 1),
              help='Below this probability the answer is "not in this map".  [default: 0.5]')  # fmt: skip
@click.option("--false-accepts", type=click.FloatRange(0, 1, min_open=True, max_open=True), metavar="SHARE",
              help="Or set a rate: answer at most this share of photos from outside the map, e.g. 0.01.")  # fmt: skip
@click.option("--verify", default="accurate", show_default=True, type=click.Choice(["accurate", "fast", "off"]),
              help="How to verify candidates by local features if similarity leaves a doubt.")  # fmt: skip
@click.option("--budget-ms", type=click.FloatRange(0, min_open=True), metavar="MS",
              help="Start no verification that would end later than this after the photo was described.")  # fmt: skip
@click.option("--panorama", default="ask", type=click.Choice(["ask", "yes", "no"]),
              help="Whether PHOTOs are panoramas, of which every view is asked. Default: as GPano says.")  # fmt: skip
@click.option("--explain", "explain", type=click.Path(path_type=Path), metavar="OUT.html",
              help="Write a page with the evidence. For several photos, OUT is a folder with a page each.")  # fmt: skip
@blur_option
@click.option("--links", "with_links", is_flag=True,
              help="Print links to each place in OpenStreetMap, Google Maps, Street View and Apple Maps.")  # fmt: skip
@click.option("--profile", is_flag=True, help="Print how many milliseconds each stage took.")
@click.option("-v", "--verbose", is_flag=True, help="Print the reason and the candidates below every answer.")
@click.option("--nearby", "limit", default=5, show_default=True, type=click.IntRange(0), metavar="N",
              help="The most points of interest to name with each fix.")  # fmt: skip
@click.option("--nearby-m", default=300.0, show_default=True, type=click.FloatRange(0), metavar="METRES",
              help="How far away they may be, beyond the radius of the fix.")  # fmt: skip
@language_option
@model_option
@device_option
def command(
    place: Address,
    queries: tuple[str, ...],
    as_json: bool,
    explain: Path | None,
    model: str | None,
    language: str | None,
    **options: Any,
) -> int:
    """Say where each PHOTO was taken, by comparison with the photos of MAP.

    PHOTO is a file, a folder (searched as by `viewfix build`), or - for standard input. "Not in this map" is an
    answer, not a failure. If a PHOTO cannot be read, the others are answered, and the exit code is 2; with --json,
    its line has the reason.
    """
    from ..geojson import to_feature
    from ..map import Map  # noqa: F401  the heavy imports, before the first line of output
    from ..pois.nearby import Reach

    failed = skipped = 0
    credits: dict[str, None] = {}
    reach = Reach(options.pop("nearby_m"), options.pop("limit"))
    blur = blur_of(options.pop("blur"), explain, "--explain OUT.html")
    details = {name: options.pop(name) for name in ("verbose", "with_links", "profile")}
    with opened(place, model=model) as city:
        page_of = _Pages(explain, single=len(queries) == 1 and not Path(queries[0]).is_dir())
        for query in _pictures(queries):
            if isinstance(query, Skipped):
                skipped += 1
                continue
            try:
                fix = city.locate(_read(query), nearby=reach, **options)
                page = page_of.next(query)
                if page is not None:
                    city.explain(_read(query), blur=blur, **options).save(page)
            except UnreadablePhoto as error:
                failed += 1
                click.echo(f"viewfix: {query}: {error}" if query not in str(error) else f"viewfix: {error}", err=True)
                if as_json:  # a script may rely on one line per photo
                    unread = Fix(None, 0.0, (), str(error))
                    click.echo(json_line(to_feature(query, unread)))
                continue
            if as_json:
                feature = to_feature(query, fix, language=language)
                if details["profile"]:
                    feature["properties"]["timings_ms"] = {name: round(ms, 2) for name, ms in fix.timings.items()}
                click.echo(json_line(feature))
                continue
            click.echo(f"{query}: {fix}" + (f" (why: {page})" if page is not None else ""))
            _print_details(fix, language, **details)
            credits.update(dict.fromkeys(near.point.credit for near in fix.nearby if near.point.credit))
    if skipped:
        click.echo(f"viewfix: skipped {counted(skipped, 'file')} that are not photos", err=True)
    if credits:
        click.echo(f"Points of interest: {'; '.join(credits)}")
    return BadInput.exit_code if failed else 0


def _pictures(queries: Sequence[str]) -> Iterator[str | Skipped]:
    """The photos to locate, in order: files as they are named, and the pictures in folders."""
    from ..sources import pictures_in

    for query in queries:
        if query == "-" or not (Path(query).is_dir() or any(c in query for c in "*?[")):
            yield query
            continue
        for found in pictures_in(query):
            yield found if isinstance(found, Skipped) else str(found)


_stdin: list[bytes] = []


def _read(query: str) -> str | bytes:
    if query != "-":
        return query
    if not _stdin:
        _stdin.append(sys.stdin.buffer.read())
    return _stdin[0]


def _print_details(fix: Fix, language: str | None, *, verbose: bool, with_links: bool, profile: bool) -> None:
    for near in fix.nearby:
        click.echo(f"  {line_of(near, language)}")
    if with_links:
        for kind, address in fix.links.items():
            click.echo(f"  {NAMES[kind]}: {address}")
    if profile:
        spent = [f"{name} {ms:.1f}" for name, ms in fix.timings.items()]
        click.echo(f"  {sum(fix.timings.values()):.1f} ms: {', '.join(spent)}")
    if verbose:
        click.echo(f"  {fix.reason}")
        for candidate in fix.candidates:
            click.echo(f"  {_line(candidate)}")


def _line(candidate: Candidate) -> str:
    at = candidate.photo.position
    inliers = "" if candidate.inliers is None else f", {candidate.inliers} inliers"
    credit = f", {candidate.photo.attribution}" if candidate.photo.attribution else ""
    return (
        f"{candidate.photo.id}: {at.lat:.6f}, {at.lon:.6f}, similarity {candidate.similarity:.3f}, "
        f"distance {candidate.distance:.3f}{inliers}{credit}"
    )


class _Pages:
    """The path of each explanation: the file itself for a single photo, or a file per photo in a folder."""

    def __init__(self, target: Path | None, *, single: bool) -> None:
        self._target, self._single, self._count = target, single, 0
        if target is None or single:
            return
        try:
            target.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageFailed(f"Cannot create the folder {target} ({error.strerror}). Choose another.") from error

    def next(self, query: str) -> Path | None:
        """The path of the page for the next photo; None if no pages are wanted."""
        if self._target is None or self._single:
            return self._target
        self._count += 1
        return self._target / f"{self._count}-{'photo' if query == '-' else Path(query).stem}.html"
