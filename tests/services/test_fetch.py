"""viewfix fetch: pictures and a manifest in a folder, nothing downloaded twice, every fault one line."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import filelock
import numpy as np
import numpy.typing as npt
import pytest
from conftest import Toy
from drawn import difference, saved, scene
from spheres import flat, save_panorama, sphere

from viewfix import BadInput, Fetched, Map, ServiceOptions, fetch, open_service
from viewfix.blur import Blur
from viewfix.cli import run
from viewfix.photos import load, metadata
from viewfix.photos.licences import is_open
from viewfix.photos.views import load_view
from viewfix.sources import SourceOptions
from viewfix.sources.services.fetch import outline
from viewfix.sources.services.selection import thinned

from .conftest import drawn, street_of
from .fake import Fake, Request, Response

Out = pytest.CaptureFixture[str]


def fetched(spec: str, folder: Path, **options: object) -> Fetched:
    return fetch([open_service(spec, ServiceOptions(**options))], folder)  # type: ignore[arg-type]


def rows(made: Fetched) -> list[dict[str, str]]:
    with made.manifest.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_what_was_fetched_becomes_a_map_with_licence_and_credit(
    fake: Fake, panoramax: str, tmp_path: Path, toy: Toy, form: str
) -> None:
    fake.pictures[5] = fake.pictures[5].moved(producer='=Åsa, "of" Lund', licence="etalab-2.0")
    made = fetch([open_service(panoramax)], tmp_path / "out", form=form)
    assert str(made).endswith("0 already there, 0 skipped") and made.downloaded == 12 and made.received_bytes > 0
    with Map.build(tmp_path / "a.map", made.manifest, model=toy) as city:
        photos = {photo.id: photo for photo in city.photos()}
    with Map.build(tmp_path / "b.map", panoramax, model=toy) as direct:
        straight = {photo.id: photo for photo in direct.photos()}
    assert len(photos) == 12 and photos.keys() == straight.keys()
    for photo_id, photo in photos.items():
        other = straight[photo_id]
        assert Path(photo.source).is_file() and other.source.startswith("http://")
        assert (photo.attribution, photo.licence, photo.taken_at) == (other.attribution, other.licence, other.taken_at)
        assert photo.position == other.position and photo.heading_deg == other.heading_deg
        assert photo.camera == other.camera and photo.view == other.view
    credits = {photo.attribution for photo in photos.values()}
    assert credits == {"Panoramax, Ada", 'Panoramax, =Åsa, "of" Lund'}


def test_a_panorama_is_one_file_and_eight_rows(fake: Fake, panoramax: str, tmp_path: Path) -> None:
    fake.pictures = [fake.pictures[0].moved(panorama=True)]
    made = fetched(panoramax, tmp_path / "out")
    found = rows(made)
    assert len(found) == 8 and len({row["file"] for row in found}) == 1 and made.downloaded == 1
    assert [float(row["view_yaw_deg"]) for row in found] == [45.0 * i for i in range(8)]


def test_the_number_of_views_is_chosen_and_a_second_run_replaces_the_rows_of_the_first(
    fake: Fake, panoramax: str, tmp_path: Path, capsys: Out
) -> None:
    fake.pictures = [fake.pictures[0].moved(panorama=True), fake.pictures[1]]
    source = open_service(panoramax)
    for reading, count in ((SourceOptions(), 8), (SourceOptions(views=4), 4), (SourceOptions("no"), 1)):
        made = fetch([source], tmp_path / "out", reading=reading)
        assert len(rows(made)) == count + 1 and outline(source, reading=reading).photos == count + 1
    assert rows(made)[0]["view_yaw_deg"] == "" and made.unchanged == 2, "nothing is downloaded again"
    assert run(["fetch", panoramax, "-o", str(tmp_path / "out"), "--views", "6", "--panorama", "yes", "-q"]) == 0
    assert len(rows(made)) == 7
    capsys.readouterr()
    assert run(["fetch", panoramax, "--dry-run", "--views", "3"]) == 0
    assert "(4 photos for a map" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("visible", "yaws"),
    [([512, 128, 512, 128], [0, 45, 315]), ([0, 0, 0, 0], range(0, 360, 45)), ([2000, 0, 0, 0], [])],
)
def test_a_cropped_panorama_has_the_views_that_it_shows(
    fake: Fake, panoramax: str, tmp_path: Path, toy: Toy, visible: list[int], yaws: Sequence[int]
) -> None:
    """As GeoVisio tells it: the size of the sphere, and the margins at the left, top, right and bottom."""
    left, top, right, bottom = visible
    size = {"Left": left, "Top": top, "ImageWidth": 2048 - left - right, "ImageHeight": 1024 - top - bottom}
    told = {f"CroppedArea{name}Pixels": value for name, value in size.items()}
    told |= {"FullPanoWidthPixels": 2048, "FullPanoHeightPixels": 1024}
    whole = sphere(2048)[top : 1024 - bottom, left : 2048 - right]
    file = save_panorama(tmp_path / "cropped.jpg", whole, **told)
    lens = {"field_of_view": 360, "sensor_array_dimensions": [2048, 1024], "visible_area": visible}
    item = {"panorama": True, "content": file.read_bytes(), "more": {"pers:interior_orientation": lens}}
    fake.pictures = [fake.pictures[0].moved(**item), fake.pictures[1]]
    name, flat_one = (f"panoramax/{picture.uuid}" for picture in fake.pictures)
    expected = {f"{name}#yaw={yaw}" for yaw in yaws} | {flat_one}
    with Map.build(tmp_path / "a.map", panoramax, model=toy) as city:
        assert {photo.id for photo in city.photos()} == expected
        skipped = city.last_added.skipped
    made = fetched(panoramax, tmp_path / "out")
    assert {row["id"] for row in rows(made)} == expected and made.downloaded == 1 + bool(yaws)
    for reasons in (skipped, made.skipped):
        assert bool(reasons) == (not yaws) and all("too little of the sphere" in each.reason for each in reasons)
    if not yaws:
        return
    with Map.build(tmp_path / "b.map", made.manifest, model=toy) as kept:
        assert len(kept) == len(expected)
        photo = next(p for p in kept.photos() if p.id.endswith("=45"))
    assert photo.view is not None and photo.view.field_of_view_deg is not None
    seen = load_view(photo.source, photo.view)
    assert difference(seen, flat(len(seen), 45, photo.view.field_of_view_deg)) < 3


@pytest.mark.parametrize("visible", [[1, 2], ["x", 0, 0, 0], [2000, 0, 100, 0], [-5, 0, 0, 0], "all", [0, 0, 0, None]])
def test_a_crop_that_makes_no_sense_counts_as_unknown(fake: Fake, panoramax: str, visible: object) -> None:
    lens = {"field_of_view": 360, "sensor_array_dimensions": [2048, 1024], "visible_area": visible}
    fake.pictures = [fake.pictures[0].moved(panorama=True, more={"pers:interior_orientation": lens})]
    [item] = open_service(panoramax).listed().items
    assert item.panorama and item.extent.is_whole


def test_a_second_run_downloads_nothing_and_a_changed_picture_is_replaced(
    fake: Fake, panoramax: str, tmp_path: Path
) -> None:
    fetched(panoramax, tmp_path)
    made = fetched(panoramax, tmp_path)
    assert (made.downloaded, made.unchanged) == (0, 12) and set(fake.downloads().values()) == {1}
    fake.pictures[4] = fake.pictures[4].moved(content=drawn(99), updated="2025-01-01T00:00:00+00:00")
    assert fetched(panoramax, tmp_path).downloaded == 1
    assert (tmp_path / f"panoramax/{fake.pictures[4].uuid}.jpg").read_bytes() == drawn(99)


def test_runs_for_two_areas_share_a_folder(fake: Fake, panoramax: str, tmp_path: Path) -> None:
    south = panoramax.replace("60.16,24.93,60.18", "60.16,24.93,60.1709")
    assert len(rows(fetched(south, tmp_path))) == 5
    assert len(rows(fetched(panoramax.replace("60.16", "60.1709"), tmp_path))) == 12


def test_a_run_that_was_stopped_goes_on(fake: Fake, panoramax: str, tmp_path: Path) -> None:
    fake.pictures = street_of(40)

    def down(request: Request) -> Response | None:
        served = sum(fake.downloads().values())
        return Response(200, b"x" * 99, cut_after=1) if served > 5 else None

    fake.fault = down
    with pytest.raises(BadInput, match="could not be reached .* nothing that has arrived is downloaded again"):
        fetched(panoramax, tmp_path)
    arrived = set(tmp_path.glob("panoramax/*.jpg"))
    assert len(arrived) == 5 and not list(tmp_path.glob("panoramax/.*"))
    fake.fault = None
    fake.requests.clear()
    assert fetched(panoramax, tmp_path).downloaded == 35
    assert sum(fake.downloads().values()) == 35
    assert len(rows(fetched(panoramax, tmp_path))) == 40


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (Response(404, b"<html>"), "It was deleted from Panoramax after it had been listed."),
        (Response(200, b"<!doctype html><html>log in</html>"), "is not a picture: it is a web page or XML."),
        (Response(200, b""), "is not a picture: it is empty."),
        (Response(500, b""), "answered with HTTP status 500."),
        (Response(200, b"\xff\xd8\xff" + b"x" * 500, cut_after=100), "could not be reached"),
    ],
)
def test_a_picture_that_cannot_be_downloaded_is_skipped_and_the_others_arrive(
    fake: Fake, panoramax: str, tmp_path: Path, response: Response, reason: str
) -> None:
    victim = fake.pictures[3].uuid
    fake.fault = lambda request: response if f"/pictures/{victim}/" in request.path else None
    made = fetched(panoramax, tmp_path)
    [skipped] = made.skipped
    assert skipped.id == f"panoramax/{victim}" and reason in skipped.reason and "\n" not in skipped.reason
    assert made.downloaded == 11 and len(rows(made)) == 11


def test_a_picture_larger_than_the_limit_is_not_read(
    fake: Fake, panoramax: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("viewfix.sources.services.http.MAX_BYTES", 5000)
    fake.pictures[2] = fake.pictures[2].moved(content=b"\xff\xd8\xff" + b"x" * 6000)
    [skipped] = fetched(panoramax, tmp_path).skipped
    assert "which is too large" in skipped.reason


def test_a_dry_run_says_how_many_how_large_and_whose(fake: Fake, panoramax: str, capsys: Out) -> None:
    fake.pictures[0] = fake.pictures[0].moved(producer="Bo", licence=None, panorama=True)
    assert run(["fetch", panoramax, "--dry-run"]) == 0
    said = capsys.readouterr().out
    size = sum(len(picture.content) for picture in fake.pictures) / 1e6
    assert f"12 pictures, {size:,.1f} MB (19 photos for a map" in said
    assert "taken from 2024-05-01 to 2024-05-01" in said
    assert "licence: CC-BY-SA-4.0 (11), unknown (1)" in said and "by: Ada (11), Bo (1)" in said
    assert not fake.downloads()
    assert run(["build", "unused.map", panoramax, "--dry-run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["producers"] == {"Ada": 11, "Bo": 1}
    assert not Path("unused.map").exists()


def test_sizes_that_the_list_lacks_are_estimated(fake: Fake, panoramax: str) -> None:
    fake.pictures = [p.moved(more={"original_file:size": None}, content=b"\xff\xd8\xff" * 100) for p in fake.pictures]
    found = outline(open_service(panoramax))
    assert found.size_bytes == 12 * 300 and found.measured
    assert {request.method for request in fake.requests} == {"GET", "HEAD"}


def test_the_newest_come_first_where_the_number_is_limited(fake: Fake, panoramax: str, tmp_path: Path) -> None:
    fake.pictures = [p.moved(taken=f"20{i:02}-05-01T10:00:00Z") for i, p in enumerate(fake.pictures, start=10)]
    made = fetched(panoramax, tmp_path / "new", max_photos=3, newest_first=True)
    assert [row["taken_at"][:4] for row in rows(made)] == ["2021", "2020", "2019"]
    spread = fetched(panoramax, tmp_path / "spread", max_photos=3)
    assert [row["taken_at"][:4] for row in rows(spread)] == ["2010", "2016", "2021"]


def test_thinning_keeps_another_direction_and_the_newer_picture(fake: Fake, panoramax: str) -> None:
    items = open_service(panoramax).listed().items
    assert len(thinned(items, 1.0)) == 12
    # Every 22 m, each turned by 50 degrees to the one before it: 7 steps make a circle.
    assert [items.index(item) for item in thinned(items, 30.0)] == list(range(12))
    assert [items.index(item) for item in thinned(items, 200.0)] == [0, 1, 2, 3, 4, 5, 6]
    fake.pictures = [p.moved(heading=90.0, taken=f"20{10 + p.number}-01-01T00:00:00Z") for p in street_of(4)]
    options = ServiceOptions(spacing_m=30.0, newest_first=True)
    kept = [item.taken_at.year for item in open_service(panoramax, options).listed().items if item.taken_at]
    assert kept == [2014, 2012]


def test_a_folder_with_a_foreign_manifest_is_left_alone(panoramax: str, tmp_path: Path) -> None:
    (tmp_path / "photos.csv").write_text("file,lat,lon\na.jpg,1,2\n")
    with pytest.raises(BadInput, match=r"photos\.csv was not written by viewfix fetch\. Choose another folder"):
        fetched(panoramax, tmp_path)
    assert (tmp_path / "photos.csv").read_text().startswith("file,lat,lon\n")
    (tmp_path / "photos.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match=r"photos\.csv could not be read"):
        fetched(panoramax, tmp_path)


def test_an_area_without_pictures_is_one_line(fake: Fake, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"Panoramax \(127\.0\.0\.1:\d+\) has no pictures in .*\. Choose another area\."):
        fetched(f"panoramax+{fake.url}/api:1,2,3,2.1", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_command_prints_what_it_did(fake: Fake, panoramax: str, tmp_path: Path, capsys: Out) -> None:
    fake.pictures[3] = fake.pictures[3].moved(content=b"<html>")
    assert run(["fetch", panoramax, "-o", str(tmp_path / "out")]) == 0
    said = capsys.readouterr()
    assert "11 downloaded (0.0 MB), 0 already there, 1 skipped" in said.out
    assert "Make a map: viewfix build NEW.map" in said.out and "it is a web page or XML" in said.err
    assert run(["fetch", panoramax, "-o", str(tmp_path / "out"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["unchanged"] == 11


def test_what_a_killed_run_left_unfinished_is_deleted(panoramax: str, tmp_path: Path) -> None:
    (tmp_path / "panoramax").mkdir()
    unfinished = tmp_path / "panoramax" / ".a.jpg.0123abcd.part"
    unfinished.write_bytes(b"half")
    assert fetched(panoramax, tmp_path).downloaded == 12 and not unfinished.exists()


def test_a_folder_has_one_writer(panoramax: str, tmp_path: Path) -> None:
    with (
        filelock.FileLock(tmp_path / ".viewfix-fetch.lock"),
        pytest.raises(BadInput, match=r"Another process is fetching to .*\. Wait for it"),
    ):
        fetched(panoramax, tmp_path)


def test_pictures_of_the_french_state_are_under_an_open_licence() -> None:
    assert is_open("etalab-2.0") and is_open("Licence Ouverte 2.0") and not is_open("etal")


class Everything:
    """A detector that finds the whole picture."""

    def find(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        height_px, width_px = pixels.shape[:2]
        return np.array([[0, 0, width_px, height_px, 1.0]], np.float32)


def test_pictures_are_blurred_before_they_are_written_also_those_of_an_earlier_run(
    fake: Fake, panoramax: str, tmp_path: Path
) -> None:
    made = fetched(panoramax, tmp_path)
    files = sorted((tmp_path / "panoramax").glob("*.jpg"))
    plain = [file.read_bytes() for file in files]
    for downloaded in (12, 0):  # the second run finds them blurred
        made = fetch([open_service(panoramax)], tmp_path, blur=Blur([Everything()]))
        assert (made.downloaded, len(made.skipped)) == (downloaded, 0)
        for file, before in zip(files, plain, strict=True):
            assert load(file).std() < load(before).std() / 2
            assert metadata(file).position == metadata(before).position
    assert fetched(panoramax, tmp_path).downloaded == 12
    assert [file.read_bytes() for file in files] == plain


def test_a_picture_that_cannot_be_blurred_is_not_kept(fake: Fake, panoramax: str, tmp_path: Path) -> None:
    fake.pictures[4] = fake.pictures[4].moved(content=saved(scene(), "TIFF"))
    made = fetch([open_service(panoramax)], tmp_path, blur=Blur([Everything()]))
    assert made.downloaded == 11 and "cannot be written after blurring" in made.skipped[0].reason
    assert not (tmp_path / f"panoramax/{fake.pictures[4].uuid}.jpg").exists()
