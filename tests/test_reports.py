"""The shared parts of the HTML reports: the base page, formats, pictures, and templates as package data."""

import base64
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from viewfix.geo import Plane
from viewfix.reports import formatting
from viewfix.reports.pictures import embed, thumbnail
from viewfix.reports.plan import Frame
from viewfix.reports.render import render
from viewfix.types import Photo, Position, View

ROOT = Path(__file__).parent.parent
TEMPLATES = sorted(
    file.relative_to(ROOT).as_posix()
    for kind in ("*.html", "*.css")
    for file in (ROOT / "viewfix").rglob(kind)
    if "web" not in file.relative_to(ROOT).parts
)


def test_the_base_page_loads_nothing_and_runs_nothing() -> None:
    page = render("reports/base.html")
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in page
    assert "prefers-color-scheme: dark" in page
    assert "Made with viewfix" in page
    assert "Photos:" not in page, "there is nobody to name"


def test_whoever_took_the_photos_is_named_once_and_escaped() -> None:
    page = render("reports/base.html", credits=["A. <b>Nother</b>", None, "A. <b>Nother</b>", "B"])
    assert "Photos: A. &lt;b&gt;Nother&lt;/b&gt;; B." in page


def test_a_name_that_is_not_utf_8_can_be_written() -> None:
    assert "Photos: a?.jpg." in render("reports/base.html", credits=["a\udcff.jpg"])


def test_templates_are_part_of_the_wheel() -> None:
    builder = pytest.importorskip("hatchling.builders.wheel").WheelBuilder(str(ROOT))
    shipped = {file.relative_path.replace("\\", "/") for file in builder.recurse_included_files()}
    assert len(TEMPLATES) >= 8
    assert set(TEMPLATES) <= shipped


def test_jinja_is_imported_only_for_a_report() -> None:
    code = "import viewfix.map, viewfix.coverage, sys; print('jinja2' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert run.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("metres", "text"),
    [(0.4, "0 m"), (999.4, "999 m"), (999.6, "1.0 km"), (80_000, "80.0 km"), (2_000_000, "2,000 km")],
)
def test_a_length_has_a_unit_that_fits(metres: float, text: str) -> None:
    assert formatting.length(metres) == text


def test_formats_are_the_same_everywhere() -> None:
    assert formatting.probability(0.9999) == "0.99", "nothing is certain"
    assert formatting.probability(0.4199) == "0.41", "rounded down"
    assert formatting.percent(None) == "unknown"
    assert formatting.percent(0.464) == "46 %"
    assert formatting.heading(359.0) == "359° (north)"
    assert formatting.counted(1, "photo") == "1 photo"
    assert formatting.counted(2000, "match", "matches") == "2,000 matches"
    photo = Photo("a", "a", Position(0, 0), attribution="A. Nother")
    assert formatting.credit(photo) == "A. Nother"
    assert formatting.credit(Photo("a", "a", Position(0, 0))) is None


def test_an_embedded_picture_is_small_and_a_missing_one_is_none(tmp_path: Path) -> None:
    picture = embed(np.zeros((600, 1200, 3), np.uint8), 320, 320)
    assert (picture.width_px, picture.height_px) == (1200, 600)
    assert picture.uri.startswith("data:image/jpeg;base64,")
    assert len(picture.uri) < 10_000
    assert thumbnail(str(tmp_path / "missing.jpg")) is None
    assert thumbnail("https://example.org/a.jpg") is None, "a report does not use the network"
    Image.new("RGB", (64, 48)).save(tmp_path / "a.png")
    assert thumbnail(str(tmp_path / "a.png")) is not None


def test_a_view_of_a_panorama_is_shown_and_not_the_whole(tmp_path: Path) -> None:
    """The left half of the panorama is red, the right half is blue; the centre of the view is in the right half."""
    panorama = np.zeros((200, 400, 3), np.uint8)
    panorama[:, :200, 0] = panorama[:, 200:, 2] = 255
    Image.fromarray(panorama).save(tmp_path / "panorama.png")
    shown = thumbnail(str(tmp_path / "panorama.png"), View(yaw_deg=90.0, field_of_view_deg=60.0))
    assert shown is not None
    with Image.open(io.BytesIO(base64.b64decode(shown.uri.split(",")[1]))) as picture:
        red, _, blue = np.asarray(picture).reshape(-1, 3).mean(axis=0)
    assert blue > 240 and red < 15


def test_a_plan_has_north_up_and_a_scale_bar_of_a_round_length() -> None:
    origin = Position(50.0, 20.0)
    frame = Frame(Plane(origin), (0.0, 0.0), 2.0, 400.0, 300.0)
    north = Plane(origin).to_position(0.0, 50.0)
    assert frame.units([origin, north]).tolist() == [[200.0, 150.0], pytest.approx([200.0, 50.0], abs=0.01)]
    bar = frame.scale_bar()
    assert (bar.label, bar.units) == ("50 m", 100.0)
