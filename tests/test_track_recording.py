"""Paths of recordings: smoothing, files, the page, and the command."""

import base64
import io
import json
from datetime import datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as Xml

import numpy as np
import piexif
import pytest
from PIL import Image
from tracks import looks, made_map, seen, street

from viewfix import BadInput, Map, Position
from viewfix.blur import Blur
from viewfix.cli import run
from viewfix.geo import distance_m, moved
from viewfix.telemetry import read_gpx
from viewfix.track.gallery import MOST_PICTURES, Gallery
from viewfix.track.modes import MODES
from viewfix.track.page import page
from viewfix.track.recording import Frame, PathPoint, RecordedPath, path_of
from viewfix.track.smooth import smoothed
from viewfix.track.write import error_m, write_path


def test_later_frames_tell_where_the_first_ones_were(tmp_path):
    rows, at = looks(60), street(60, 6.0)
    with Map.open(made_map(tmp_path / "street.map", at, rows)) as city:
        context, mode = city.tracking, MODES["walk"]
        places = context.places(mode)
        frames = [seen(rows[i], 2.5, i) for i in range(40)]
        times = [4.0 * i for i in range(40)]
        sights = [context.sight(frame, places)[0] for frame in frames]
        path = smoothed(sights, times, places, mode, context.model, 25.0)
        with city.track(mode="walk") as track:
            track.least_confidence = 0.0
            online = [track.add(frame, at=t) for frame, t in zip(frames, times, strict=True)]
    first = [distance_m(Position(p.lat, p.lon), at[i]) for i, p in enumerate(path[:10])]
    before = [distance_m(fix.position, at[i]) for i, fix in enumerate(online[:10])]
    assert max(first) < 15 and np.mean(first) <= np.mean(before)
    assert all(0 <= p.probability <= 1 for p in path)


@pytest.fixture
def walk(street: Path, tmp_path: Path) -> Path:
    """Photos of the map without positions, with times, and names in another order than the times."""
    folder = tmp_path / "walk"
    folder.mkdir()
    began = datetime(2026, 5, 1, 12, 0)
    files = sorted(street.glob("*.jpg"))[:8]
    for i, file in enumerate(files):
        stamp = (began + timedelta(seconds=20 * i)).strftime("%Y:%m:%d %H:%M:%S")
        exif = piexif.dump({"Exif": {piexif.ExifIFD.DateTimeOriginal: stamp.encode()}})
        Image.open(file).save(folder / f"{9 - i}.jpg", quality=95, exif=exif)
    return folder


def test_a_folder_is_ordered_by_the_time_of_its_photos(city, walk):
    (walk / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    found = path_of(city.tracking, walk)
    assert [point.name for point in found.points] == [f"{9 - i}.jpg" for i in range(8)]
    assert [each.id for each in found.skipped] == ["broken.jpg"]


@pytest.mark.parametrize("ending", [".gpx", ".geojson", ".kml", ".html"])
def test_the_command_writes_each_format(city, walk, tmp_path, ending, capsys, monkeypatch):
    from viewfix.models import catalogue

    monkeypatch.setattr(catalogue, "named", lambda *_, **__: city.model)
    out = tmp_path / f"path{ending}"
    assert run(["track", str(city.path), str(walk), "-o", str(out), "--every", "20"]) == 0
    assert "8 frames" in capsys.readouterr().out
    text = out.read_text(encoding="utf-8")
    if ending in (".gpx", ".kml"):
        Xml.fromstring(text)
    elif ending == ".geojson":
        assert json.loads(text)["type"] == "FeatureCollection"
    else:
        assert "<h1>Path of walk</h1>" in text and "://" not in text
        assert text.count("url(data:image/jpeg;base64,") == 8


def test_a_path_is_compared_with_the_track_of_a_recorder(tmp_path):
    pytest.importorskip("gpxpy")
    at = street(5, 6.0)
    truth = [PathPoint(f"{i}", 4.0 * i, None, p, 0.9, 0.0) for i, p in enumerate(at)]
    write_path(truth, tmp_path / "truth.gpx")
    found = [PathPoint("f", 4.0 * i, None, moved(p, 0, 3.0), 0.9, 0.0) for i, p in enumerate(at)]
    late = PathPoint("late", 900.0, None, at[0], 0.9, 0.0)
    errors = error_m([*found, late], read_gpx(tmp_path / "truth.gpx"), 0.0)
    assert len(errors) == 5 and np.allclose(errors, 3.0, atol=0.05)


@pytest.mark.parametrize(
    ("output", "recording", "message"),
    [("path.txt", "walk", "does not end in .gpx"), ("path.gpx", "nowhere", "There is no nowhere")],
)
def test_bad_arguments_are_named_in_one_line(city, tmp_path, monkeypatch, output, recording, message, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(["track", str(city.path), recording, "-o", output]) == 2
    assert message in capsys.readouterr().err


def test_a_recording_without_a_frame_says_why(city, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "a.jpg").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(BadInput, match="No frame of .* can be used. The first: a.jpg"):
        path_of(city.tracking, tmp_path / "empty")


def test_names_that_xml_does_not_allow_are_written(tmp_path):
    point = PathPoint("a\x00<b>&.jpg", 0.0, None, Position(1.0, 2.0, 25.0), 0.9, 0.0)
    for ending in (".gpx", ".kml", ".geojson"):
        write_path([point], tmp_path / f"p{ending}")
    [track] = Xml.parse(tmp_path / "p.gpx").getroot()
    assert track[0][0].attrib == {"lat": "1.0000000", "lon": "2.0000000"}


class Everything:
    """A detector that finds the whole picture."""

    def find(self, pixels: np.ndarray) -> np.ndarray:
        return np.array([[0, 0, pixels.shape[1], pixels.shape[0], 1.0]], np.float32)


def frame_of(number: int, credit: str | None = None) -> Frame:
    pixels = np.random.default_rng(number).integers(0, 256, (24, 32, 3)).astype(np.uint8)
    return Frame(f"<{number}>.jpg", pixels, float(number), credit=credit)


def test_a_page_shows_a_bounded_number_of_pictures_evenly_spread():
    gallery = Gallery()
    for number in range(1000):
        gallery.add(frame_of(number, "Ada, CC BY 4.0"))
    times = [time_s for _, time_s in gallery.pictures]
    assert MOST_PICTURES // 2 <= len(times) <= MOST_PICTURES
    assert len(set(np.diff(times))) == 1 and times[0] == 0 and times[-1] > 960
    points = tuple(PathPoint(f"<{i}>.jpg", float(i), None, at, 0.9, 0.0) for i, at in enumerate(street(1000, 2.0)))
    text = page(RecordedPath(points, ()), "walk", gallery=gallery)
    assert text.count("url(data:image/jpeg;base64,") == len(times), "a picture stands once, and is shown in two places"
    assert text.count('class="stop plan-stop') == text.count('class="stop time-stop') == len(times)
    assert "Photos: Ada, CC BY 4.0." in text and "<script" not in text and "<0>" not in text
    assert len(text) < 1_500_000


def test_pictures_of_a_page_are_blurred_and_unreadable_ones_left_out(tmp_path):
    plain, blurred = Gallery(), Gallery(Blur([Everything()]))
    (tmp_path / "gone.jpg").write_bytes(b"nothing")
    for gallery in (plain, blurred):
        gallery.add(frame_of(1))
        gallery.add(Frame("gone.jpg", tmp_path / "gone.jpg", 2.0))
    assert list(plain.pictures) == list(blurred.pictures) == [("<1>.jpg", 1.0)]
    sharp, soft = (np.asarray(Image.open(io.BytesIO(base64.b64decode(g.pictures["<1>.jpg", 1.0].uri.split(",")[1]))))
                   for g in (plain, blurred))  # fmt: skip
    assert soft.std() < sharp.std() / 3


def test_blurring_without_a_page_is_refused(tmp_path, capsys):
    (tmp_path / "walk").mkdir()
    command = ["track", str(tmp_path / "no.map"), str(tmp_path / "walk"), "-o", str(tmp_path / "a.gpx")]
    assert run([*command, "--blur", "faces"]) == 2
    assert "--blur is for the pictures of a page" in capsys.readouterr().err
