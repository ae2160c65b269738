"""A folder goes in; a town is drawn into it, mapped and searched, and a table and a report come out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from ..console import out, progress
from ..geo import distance_m
from ..map import Map
from ..types import Progress
from .report import Asked, write_report
from .town import Town, View, write_views

QUERIES, STRANGERS = 12, 3
SURVEY_STEP_M = 10.0
CHUNK = 8


def run(folder: Path, *, seed: int = 0, tiny: bool = False) -> list[Asked]:
    """Run the demo and say what came out, whatever it is.

    Views are files in `folder`, with their position in EXIF; from there on everything is
    what a user would do with photos of their own: `Map.build`, then `Map.locate`.
    """
    town = Town.tiny(seed) if tiny else Town(seed)
    surveyed = town.map_views(step_m=30.0 if tiny else SURVEY_STEP_M)
    queries = town.query_views(4 if tiny else QUERIES)
    elsewhere = Town.elsewhere(seed)
    strangers = [_told(view) for view in elsewhere.query_views(1 if tiny else STRANGERS)]
    photos, visits, path = folder / "photos", folder / "queries", folder / "town.map"
    with progress() as report:
        width_px, height_px = _draw(town, surveyed, photos, tiny, report)
        asked_files = write_views(town, queries, visits, width_px=width_px, height_px=height_px, tell_position=False)
        strange_files = write_views(
            elsewhere, strangers, visits, width_px=width_px, height_px=height_px, tell_position=False
        )
        city = Map.build(path, photos, progress=report)
        out.print(f"{path}: {city.last_added}")
        with city:
            asked = [_ask(city, town, view, file) for view, file in zip(queries, asked_files, strict=True)]
            asked += [_ask(city, None, view, file) for view, file in zip(strangers, strange_files, strict=True)]
    _say(asked)
    page = folder / "report.html"
    write_report(page, town, surveyed, asked)
    out.print(f"\nThe report, with every picture and a plan of the town: {page}")
    out.print("Your own photos: viewfix build my.map PATH/TO/YOUR/PHOTOS, then viewfix locate my.map PHOTO")
    return asked


def _told(view: View) -> View:
    name, story = view.name.replace("query", "stranger"), f"another town, {view.light.name}"
    return View(name, view.east_m, view.north_m, view.heading_deg, view.light, story=story)


def _draw(town: Town, views: Sequence[View], folder: Path, tiny: bool, report: Progress) -> tuple[int, int]:
    """Write the survey, and say how wide and high its photos are, pixels."""
    width_px, height_px = (240, 180) if tiny else (480, 360)
    report("drawing", 0, len(views))
    for start in range(0, len(views), CHUNK):
        write_views(town, views[start : start + CHUNK], folder, width_px=width_px, height_px=height_px)
        report("drawing", min(start + CHUNK, len(views)), len(views))
    return width_px, height_px


def _ask(city: Map, town: Town | None, view: View, file: Path) -> Asked:
    fix = city.locate(file)
    truth = town.position(view) if town else None
    error_m = distance_m(fix.position, truth) if fix.position and truth else None
    return Asked(view, file, truth, fix, error_m)


def _say(asked: Sequence[Asked]) -> None:
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold")
    for column in ("query", "true position", "found position"):
        table.add_column(column, no_wrap=True)
    for column in ("off by", "radius", "P", ""):  # 80 columns of a terminal hold no longer words
        table.add_column(column, justify="right", no_wrap=True)
    for number, each in enumerate(asked, start=1):
        at = each.fix.position
        table.add_row(
            f"{number} {each.view.light.name}",
            "in another town" if each.truth is None else f"{each.truth.lat:.5f}, {each.truth.lon:.5f}",
            "not in this map" if at is None else f"{at.lat:.5f}, {at.lon:.5f}",
            "" if each.error_m is None else f"{each.error_m:.1f} m",
            "" if at is None else f"{at.radius_m or 0:.0f} m",
            f"{each.fix.confidence:.2f}",
            "right" if each.right else "missed" if at is None else "wrong",
        )
    out.print(table)
    inside, outside = [a for a in asked if a.truth], [a for a in asked if not a.truth]
    out.print(
        f"\n{sum(a.right for a in inside)} of {len(inside)} found within their radius; "
        f"{sum(a.right for a in outside)} of {len(outside)} photos of another town sent away"
    )
