"""Odd maps, recordings, destinations and files of roads, as a user meets them at the command line."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import piexif
import pytest
from conftest import Toy
from PIL import Image
from streets import GRID, STREETS, osm

from viewfix import Map, Position
from viewfix.cli import run
from viewfix.geo import distance_m, moved
from viewfix.models import catalogue
from viewfix.store.store import ModelIdentity, Record, Store
from viewfix.telemetry import read_gpx
from viewfix.types import Photo

ORIGIN = Position(50.0, 20.0)
COUNT, STEP_M = 10, 8.0


@pytest.fixture(autouse=True)
def toy_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "named", lambda *_, **__: Toy())


def picture(place: int) -> np.ndarray:
    return (
        np.random.default_rng(place)
        .integers(20, 230, (6, 8, 1))
        .astype(np.uint8)
        .repeat(3, 2)
        .repeat(4, 0)
        .repeat(4, 1)
    )


def along(number: float) -> Position:
    return moved(ORIGIN, 90.0, STEP_M * number)


def a_map(path: Path, positions: list[Position]) -> Path:
    """A map of pictures without headings; the n-th shows place n."""
    rows = Toy().embed([picture(n) for n in range(len(positions))])
    with Store.create(path, ModelIdentity("toy", Toy().fingerprint, Toy.dim)) as store:
        store.put([Record(Photo(f"{n}.png", f"{n}.png", at), f"{n:032x}") for n, at in enumerate(positions)], rows)
    return path


def a_walk(folder: Path, places: list[int], seconds: list[int] | None = None) -> Path:
    """Photos of places, in the order of their names; with the time of each, if there are any."""
    folder.mkdir()
    for number, place in enumerate(places):
        more = {}
        if seconds is not None:
            stamp = (datetime(2026, 5, 1, 12) + timedelta(seconds=seconds[number])).strftime("%Y:%m:%d %H:%M:%S")
            more["exif"] = piexif.dump({"Exif": {piexif.ExifIFD.DateTimeOriginal: stamp.encode()}})
        Image.fromarray(picture(place)).save(folder / f"{number:02d}.jpg", quality=98, **more)
    return folder


def path_on(city: Path, walk: Path, tmp_path: Path, *options: str) -> list[Position]:
    pytest.importorskip("gpxpy")
    out = tmp_path / "path.gpx"
    assert run(["track", str(city), str(walk), "-o", str(out), "--mode", "walk", *options]) == 0
    track = read_gpx(out)
    return [Position(fixed.lat, fixed.lon) for fixed in track.points]


def test_a_map_of_ten_photos_without_headings_is_enough_for_a_path(tmp_path: Path) -> None:
    city = a_map(tmp_path / "ten.map", [along(n) for n in range(COUNT)])
    path = path_on(city, a_walk(tmp_path / "walk", list(range(COUNT))), tmp_path, "--every", "6")
    assert len(path) >= COUNT - 1
    assert distance_m(path[0], along(0)) < 30 and distance_m(path[-1], along(COUNT - 1)) < 30


def test_a_path_on_a_map_of_two_towns_stays_in_one(tmp_path: Path) -> None:
    towns = [along(n) for n in range(COUNT)] + [moved(along(n), 0.0, 300_000.0) for n in range(COUNT)]
    city = a_map(tmp_path / "two.map", towns)
    path = path_on(city, a_walk(tmp_path / "walk", list(range(COUNT, 2 * COUNT))), tmp_path, "--every", "6")
    assert len(path) >= COUNT - 1 and all(at.lat > 52 for at in path)


@pytest.mark.parametrize(
    "seconds",
    [[0, 6, 6, 12, 12, 18], [0, 6, 12, 3612, 3618, 3624], [24, 18, 12, 6, 3, 0], [0] * 6],
    ids=["two of one time", "an hour between", "backwards by name", "all of one time"],
)
def test_odd_times_of_a_recording_are_no_error(tmp_path: Path, seconds: list[int]) -> None:
    city = a_map(tmp_path / "ten.map", [along(n) for n in range(COUNT)])
    places = [1, 2, 2, 3, 3, 4] if seconds[0] == 0 else [5, 4, 3, 2, 1, 1]
    out = tmp_path / "path.geojson"
    walk = a_walk(tmp_path / "walk", places, seconds)
    assert run(["track", str(city), str(walk), "-o", str(out), "--mode", "walk"]) == 0
    assert out.read_text().count('"time_s"') >= 4


@pytest.fixture
def islands(tmp_path: Path) -> Path:
    """A map with streets, and two streets that none of them reaches."""
    pytest.importorskip("shapely")
    far = {90: (300.0, 1200.0), 91: (300.0, 3600.0)}
    file = tmp_path / "town.osm"
    file.write_text(osm({**GRID, **far}, [*STREETS, ([90, 91], {"highway": "footway"})], origin=ORIGIN), "utf-8")
    city = a_map(tmp_path / "islands.map", [along(10 * n) for n in range(COUNT)])
    assert run(["roads", "add", str(city), str(file)]) == 0
    return city


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("north", "cannot be reached"),
        ("far", "Is it in another town?"),
        ("Atlantis", "no points of interest"),
        ("91.5,200", "WGS84"),
    ],
)
def test_destinations_that_cannot_be_reached_cost_one_line(
    islands: Path, to: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    start = moved(ORIGIN, 45.0, 20.0)
    places = {"north": moved(moved(ORIGIN, 0.0, 3000.0), 90.0, 300.0), "far": moved(ORIGIN, 90.0, 50_000.0)}
    end = f"{places[to].lat},{places[to].lon}" if to in places else to
    capsys.readouterr()
    assert run(["route", str(islands), f"{start.lat},{start.lon}", "--to", end]) == 2
    told = capsys.readouterr().err
    assert said in told and told.count("\n") == 1


def test_files_without_roads_are_refused_by_the_command(islands: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {
        "houses.osm": osm(GRID, [([11, 12], {"building": "yes"})]),
        "private.osm": osm(GRID, [([11, 12], {"highway": "service", "access": "private"})]),
        "empty.osm": osm({}, []),
        "page.osm": "<html></html>",
        "nothing.osm.pbf": "",
    }
    for name, text in files.items():
        file = islands.with_name(name)
        file.write_text(text, encoding="utf-8")
        capsys.readouterr()
        assert run(["roads", "add", str(islands), str(file)]) == 2
        told = capsys.readouterr().err
        assert name in told and told.count("\n") == 1
    with Map.open(islands) as city:
        assert len(city.store.roads.sources()) == 1, "the roads that it had are still there"
