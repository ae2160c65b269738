"""The ways out of geotagging: tables, the review page, the file with decisions, and the command."""

from __future__ import annotations

import csv
import json
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as Xml

import piexif
import pytest
from conftest import Toy
from PIL import Image

from viewfix import BadInput, Map, Position
from viewfix.cli import run
from viewfix.geo import distance_m, moved
from viewfix.geotag import Proposal, Tag
from viewfix.geotag.decisions import read_decisions, write_decisions
from viewfix.geotag.tables import write_table
from viewfix.models import catalogue
from viewfix.photos.xmp import from_xmp

HERE = Tag(Position(50.0, 20.0, 25.0), 90.0, 0.9, "photo")


@pytest.fixture(scope="module")
def base(street: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A map, and an album: four photos without a position, one with a right one and one with a wrong one."""
    folder = tmp_path_factory.mktemp("review")
    with Map.build(folder / "home.map", street, model=Toy()) as city:
        at = {photo.id: photo.position for photo in city.photos()}
    (folder / "album").mkdir()
    for i, file in enumerate(sorted(street.glob("*.jpg"))[:6]):
        stamp = (datetime(2026, 5, 1, 12) + timedelta(seconds=20 * i)).strftime("%Y:%m:%d %H:%M:%S").encode()
        told = {4: at[file.name], 5: moved(at[file.name], 0, 900)}.get(i)
        exif = {"Exif": {piexif.ExifIFD.DateTimeOriginal: stamp}, "GPS": {} if told is None else gps(told)}
        # As it is in the map, so that the toy model is as sure of it as it can be.
        Image.open(file).save(folder / "album" / f"{i}.jpg", quality=95, exif=piexif.dump(exif))
    return folder


def gps(at: Position) -> dict[int, object]:
    def parts(value: float) -> tuple[tuple[int, int], ...]:
        return ((int(value), 1), (0, 1), (round(value % 1 * 3600 * 10_000), 10_000))

    return {1: b"N", 2: parts(at.lat), 3: b"E", 4: parts(at.lon)}


@pytest.fixture
def desk(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(base, tmp_path / "desk")
    monkeypatch.setattr("viewfix.geotag.job.cache_folder", lambda name: tmp_path / "cache" / name)
    monkeypatch.setattr(catalogue, "named", lambda *_, **__: Toy())
    monkeypatch.setattr("viewfix.geotag.connect.CONTRADICTS", 0.05)
    monkeypatch.chdir(tmp_path / "desk")
    return tmp_path / "desk"


def told(*words: str) -> int:
    return run(["geotag", *words])


USUAL = ("home.map", "album", "--verify", "off", "--least-confidence", "0.05")


def test_the_command_says_what_it_found_writes_it_and_takes_it_back(desk: Path, capsys) -> None:
    assert told(*USUAL, "--dry-run") == 0
    said = capsys.readouterr()
    assert "4 photos with a new position" in said.out and "1 photo with a position of their own\n" in said.out
    assert "1 photo with a position of their own that the map contradicts" in said.out
    assert "5.jpg: the map puts it 9" in said.err and "--mend" in said.err
    assert "0.jpg: placed:" in said.out and not list(desk.glob("album/*.xmp"))
    assert told(*USUAL, "--mend") == 0
    said = capsys.readouterr()
    assert "5 photos written, in 5 sidecars; to undo: viewfix geotag --undo" in said.out
    assert told("--undo", "album") == 0
    assert "5 files as before" in capsys.readouterr().out and not list(desk.glob("album/*.xmp"))


def test_a_read_only_folder_is_told_before_any_work(desk: Path, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("viewfix.geotag.journal.os.access", lambda *_: False)
    monkeypatch.setattr(Map, "geotag", None)
    assert told(*USUAL) == 7
    assert "it is read-only" in capsys.readouterr().err
    assert told("home.map", "nowhere", "--dry-run", "--undo") == 2


def test_json_is_one_object_a_photo_or_a_run(desk: Path, capsys) -> None:
    assert told(*USUAL, "--dry-run", "--json") == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["photo"] for row in rows] == [f"{i}.jpg" for i in range(6)] and rows[0]["state"] == "placed"
    assert told(*USUAL, "--json") == 0
    assert json.loads(capsys.readouterr().out)["written_now"] == 4
    assert told("--undo", "album", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"restored": 4, "edited": 0, "left": []}


@pytest.mark.parametrize("ending", [".csv", ".geojson", ".gpx", ".kml"])
def test_tables_have_the_placed_photos_and_leave_the_album_alone(desk: Path, ending: str, capsys) -> None:
    assert told(*USUAL, "-o", f"out{ending}") == 0
    text = (desk / f"out{ending}").read_text(encoding="utf-8")
    assert "no photo or sidecar was changed" in capsys.readouterr().out and not list(desk.glob("album/*.xmp"))
    if ending == ".csv":
        rows = list(csv.DictReader(text.splitlines()))
        assert len(rows) == 6 and sum(bool(row["lat"]) for row in rows) == 4
    elif ending == ".geojson":
        assert [f["properties"]["found"] for f in json.loads(text)["features"]] == [True] * 4 + [False] * 2
    else:
        name = {".gpx": "wpt", ".kml": "Placemark"}[ending]
        assert len([each for each in Xml.fromstring(text).iter() if each.tag.endswith(name)]) == 4


def test_a_name_that_a_spreadsheet_would_run_is_escaped(tmp_path: Path) -> None:
    write_table([Proposal(Path("=cmd()"), "=cmd()", "placed", HERE, "=1+1")], tmp_path / "t.csv")
    [row] = csv.DictReader((tmp_path / "t.csv").read_text(encoding="utf-8").splitlines())
    assert row["file"] == "'=cmd()" and row["reason"] == "'=1+1"


def test_the_review_page_is_complete_and_loads_nothing(desk: Path) -> None:
    (desk / "album" / "<script>alert(1)<!--.jpg").write_bytes((desk / "album" / "0.jpg").read_bytes())
    assert told(*USUAL, "--review", "look.html") == 0
    text = (desk / "look.html").read_text(encoding="utf-8")
    data = text.partition('<script type="application/json" id="data">')[2].partition("</script>")[0]
    items = json.loads(data)["items"]
    assert len(items) == 7 and sum(item["state"] == "placed" for item in items) == 5
    assert "<script>alert" not in text and "<!--.jpg" not in text
    assert "script-src 'sha256-" in text and "default-src 'none'" in text and "unsafe-inline' 'sha" not in text
    assert not list(desk.glob("album/*.xmp"))


def decided(desk: Path, **changes: object) -> Path:
    photos = [
        {"photo": "0.jpg", "decision": "accept", **HERE.to_json()},
        {"photo": "5.jpg", "decision": "accept", "lat": 50.1, "lon": 20.1, "radius_m": 10, "by": "hand"},
        {"photo": "1.jpg", "decision": "reject"},
        {"photo": "gone.jpg", "decision": "accept", "lat": 50.1, "lon": 20.1},
    ]
    file = desk / "decisions.json"
    found = {"viewfix_geotag_decisions": 1, "root": str(desk / "album"), "target": None, "photos": photos}
    file.write_text(json.dumps(found | changes))
    return file


def test_decisions_are_written_without_a_map(desk: Path, capsys) -> None:
    decided(desk)
    assert told("--decisions", "decisions.json") == 0
    said = capsys.readouterr()
    assert "2 photos written, in 2 sidecars" in said.out and "gone.jpg" in said.err
    by_hand = from_xmp((desk / "album" / "5.jpg.xmp").read_bytes()).position
    assert distance_m(by_hand, Position(50.1, 20.1)) < 0.1
    assert not (desk / "album" / "1.jpg.xmp").exists()
    (desk / "album").rename(desk / "moved")
    assert told("--decisions", "decisions.json") == 2
    assert "Add the folder where they are now" in capsys.readouterr().err
    assert write_decisions(read_decisions(desk / "decisions.json", desk / "moved")).photos == 2


@pytest.mark.parametrize(
    ("photo", "reason"),
    [
        ({"photo": "../home.jpg", "decision": "accept", "lat": 1, "lon": 2}, "not a picture below"),
        ({"photo": "/etc/x.jpg", "decision": "accept", "lat": 1, "lon": 2}, "not a picture below"),
        ({"photo": "C:\\x.jpg", "decision": "accept", "lat": 1, "lon": 2}, "not a picture below"),
        ({"photo": "notes.txt", "decision": "accept", "lat": 1, "lon": 2}, "not a picture below"),
        ({"photo": "0.jpg", "decision": "accept", "lat": 91, "lon": 2}, "not a WGS84"),
        ({"photo": "0.jpg", "decision": "accept", "lat": "x", "lon": 2}, "not a number"),
        ({"photo": "0.jpg", "decision": "accept", "lon": 2}, "no lat"),
        ({"photo": "0.jpg", "decision": "accept", "lat": 1, "lon": 2, "confidence": 7}, "from 0 to 1"),
        ({"photo": "0.jpg", "decision": "accept", "lat": 1, "lon": 2, "heading_deg": 400}, "below 360"),
        ({"photo": "0.jpg", "decision": "perhaps"}, "neither accept nor reject"),
        (7, "no photo"),
    ],
)
def test_decisions_that_are_not_possible_are_refused(desk: Path, photo: object, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        read_decisions(decided(desk, photos=[photo]))


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"viewfix_geotag_decisions": 9}', "[" * 99_999])
def test_another_file_is_not_taken_for_decisions(tmp_path: Path, content: str) -> None:
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(BadInput, match="is not a file that the review page saved"):
        read_decisions(tmp_path / "x.json")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("home.map",), "Pass a map and a folder"),
        (("--undo",), "Pass the folder to undo"),
        (("home.map", "album", "--dry-run", "-o", "x.csv"), "exclude each other"),
        (("home.map", "album", "-o", "x.doc"), "does not end in .csv"),
        (("home.map", "album", "--review", "x.pdf"), "does not end in .html"),
        (("home.map", "album", "--review", "no/x.html"), "There is no folder"),
        (("--decisions", "none.json"), "could not be read"),
    ],
)
def test_a_command_that_cannot_be_done_is_one_line(desk: Path, words: tuple[str, ...], reason: str, capsys) -> None:
    assert told(*words) == 2
    said = capsys.readouterr().err
    assert reason in said and said.count("\n") == 1


def test_a_gpx_track_places_photos_that_the_map_does_not_know(desk: Path) -> None:
    points = "".join(
        f'<trkpt lat="{50.3 + i * 1e-5}" lon="20.3"><time>2026-05-01T12:{i // 60:02d}:{i % 60:02d}Z</time></trkpt>'
        for i in range(0, 130, 5)
    )
    xmlns = 'xmlns="http://www.topografix.com/GPX/1/1"'
    gpx = f'<gpx version="1.1" creator="t" {xmlns}><trk><trkseg>{points}</trkseg></trk></gpx>'
    (desk / "walk.gpx").write_text(gpx)
    (desk / "lost").mkdir()
    exif = piexif.dump({"Exif": {piexif.ExifIFD.DateTimeOriginal: b"2026:05:01 14:00:50"}})
    Image.new("RGB", (160, 120), (200, 30, 30)).save(desk / "lost" / "a.jpg", exif=exif)
    words = ("home.map", "lost", "--verify", "off", "--gpx", "walk.gpx", "--camera-zone", "+02:00", "-o", "t.csv")
    assert told(*words) == 0
    [row] = csv.DictReader((desk / "t.csv").read_text(encoding="utf-8").splitlines())
    assert row["by"] == "GPX track" and float(row["lat"]) == pytest.approx(50.3005, abs=1e-5)
    assert told(*words, "--camera-zone", "+05:00") == 0
    [row] = csv.DictReader((desk / "t.csv").read_text(encoding="utf-8").splitlines())
    assert row["state"] == "unsure"
