"""Run the demo: draw a town, build a map of it, locate photos in it, and write a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.table import Table

from .. import basemap
from ..console import out, progress
from ..errors import MissingExtra
from ..geo import distance_m
from ..map import Map
from ..reports.formatting import probability
from ..types import Progress
from .report import DemoQuery, write_report
from .streets import CREDIT, write_osm
from .town import Town, Viewpoint, write_views

QUERIES, OUT_OF_TOWN = 12, 3
SURVEY_STEP_M = 10.0
CHUNK = 8


def run(folder: Path, *, seed: int = 0, town: Town | None = None, step_m: float = SURVEY_STEP_M) -> list[DemoQuery]:
    """Run the demo and print the outcome, whatever it is.

    Views are written to `folder` with their position in EXIF. After that, the demo does what users do with their own
    photos: `Map.build`, then `Map.locate`.

    Args:
        folder: for the views, the map and the report.
        seed: another seed makes another town.
        town: a town to use instead; a smaller one takes less time.
        step_m: distance between the points from which the town is photographed.
    """
    town = town or Town(seed)
    elsewhere = Town.elsewhere(seed)
    surveyed, queries = town.map_views(step_m=step_m), town.query_views(QUERIES)
    out_of_town = [_renamed(view) for view in elsewhere.query_views(OUT_OF_TOWN)]
    photos, visits, path = folder / "photos", folder / "queries", folder / "town.map"
    with progress(always=True) as report:
        _draw(town, surveyed, photos, report)
        files = write_views(town, queries, visits, tell_position=False)
        files_of_elsewhere = write_views(elsewhere, out_of_town, visits, tell_position=False)
        city = Map.build(path, photos, progress=report)
        out.print(f"{path}: {city.last_added}")
        _add_basemap(city, town, folder / "town.osm")
        with city:
            located: list[DemoQuery] = []
            for view, file in zip([*queries, *out_of_town], [*files, *files_of_elsewhere], strict=True):
                located.append(_locate(city, town if len(located) < len(queries) else None, view, file))
                report("locating", len(located), len(queries) + len(out_of_town))
    _print(located)
    page = folder / "report.html"
    write_report(page, town, surveyed, located)
    out.print(f"\nThe report, with every picture and a plan of the town: {page}")
    out.print("Your own photos: viewfix build my.map PATH/TO/YOUR/PHOTOS, then viewfix locate my.map PHOTO")
    return located


def _add_basemap(city: Map, town: Town, file: Path) -> None:
    """Draw the streets of the town under its photos, as users do with a file of OpenStreetMap."""
    try:
        write_osm(town, file)
        basemap.add(city, file, attribution=CREDIT)
    except MissingExtra as error:
        out.print(f"without streets on its map: {error}")


def _renamed(view: Viewpoint) -> Viewpoint:
    return replace(view, name=view.name.replace("query", "another_town"), story=f"another town, {view.light.name}")


def _draw(town: Town, views: Sequence[Viewpoint], folder: Path, report: Progress) -> None:
    report("drawing", 0, len(views))
    for start in range(0, len(views), CHUNK):
        write_views(town, views[start : start + CHUNK], folder)
        report("drawing", min(start + CHUNK, len(views)), len(views))


def _locate(city: Map, town: Town | None, view: Viewpoint, file: Path) -> DemoQuery:
    fix = city.locate(file)
    truth = town.position(view) if town else None
    error_m = distance_m(fix.position, truth) if fix.position and truth else None
    return DemoQuery(view, file, truth, fix, error_m)


def _print(queries: Sequence[DemoQuery]) -> None:
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold")
    for column in ("query", "true position", "found position"):
        table.add_column(column, no_wrap=True)
    for column in ("error", "radius", "prob.", ""):  # short, to fit into the 80 columns of a terminal
        table.add_column(column, justify="right", no_wrap=True)
    for number, each in enumerate(queries, start=1):
        at = each.fix.position
        table.add_row(
            f"{number} {each.view.light.name}",
            "in another town" if each.truth is None else f"{each.truth.lat:.5f}, {each.truth.lon:.5f}",
            "not in this map" if at is None else f"{at.lat:.5f}, {at.lon:.5f}",
            "" if each.error_m is None else f"{each.error_m:.1f} m",
            "" if at is None else f"{at.radius_m or 0:.0f} m",
            probability(each.fix.confidence),
            "right" if each.right else "missed" if at is None else "wrong",
        )
    out.print(table)
    inside, outside = [q for q in queries if q.truth], [q for q in queries if not q.truth]
    out.print(
        f"\n{sum(q.right for q in inside)} of {len(inside)} found within their radius; "
        f"{sum(q.right for q in outside)} of {len(outside)} photos of another town rejected"
    )
