"""A panorama as a query: every view is asked, and the answer is one fix with the heading of the panorama."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from drawn import saved
from PIL import Image
from spheres import gpano

from viewfix import BadInput, Map, Photo, Position, UnreadablePhoto
from viewfix.cli import run
from viewfix.geo import distance_m
from viewfix.photos.sphere import cut, level_view, places
from viewfix.sources import views_of_panorama

PLACES = 8
WIDTH_PX = 1024


def place(number: int) -> np.ndarray:
    """A drawn panorama of blurred rectangles, another one for every place."""
    seed = np.random.default_rng(number)
    small = Image.fromarray(seed.integers(0, 256, (16, 32, 3)).astype(np.uint8))
    return np.asarray(small.resize((WIDTH_PX, WIDTH_PX // 2), Image.Resampling.BICUBIC))


def at(number: int) -> Position:
    return Position(60 + number / 1000, 24.0)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A map with four ordinary photos of every place, to the north, east, south and west."""
    folder = tmp_path_factory.mktemp("panoramas")
    photos = []
    for number in range(PLACES):
        for heading in (0, 90, 180, 270):
            file = folder / f"{number}-{heading}.png"
            file.write_bytes(saved(cut(place(number), level_view(heading, 0, 0)), "PNG"))
            photos.append(Photo(file.name, str(file), at(number), float(heading), licence="CC0"))
    with Map.build(folder / "town.map", photos):
        pass
    return folder / "town.map"


@pytest.fixture
def city(town: Path) -> Iterator[Map]:
    with Map.open(town) as opened:
        yield opened


def panorama(number: int, centre_deg: int, **gpano_properties: object) -> bytes:
    """The panorama of a place by a camera that looked in this direction."""
    turned = np.roll(place(number), -WIDTH_PX * centre_deg // 360, axis=1)
    return saved(turned, xmp=gpano(**gpano_properties) if gpano_properties else b"")


def turn_deg(a: float, b: float) -> float:
    return abs((a - b + 180) % 360 - 180)


@pytest.mark.parametrize(("verify", "centre_deg"), [("off", 0), ("off", 90), ("off", 225), ("accurate", 180)])
def test_a_panorama_is_located_with_the_heading_of_its_centre(city: Map, verify: str, centre_deg: int) -> None:
    fix = city.locate(panorama(3, centre_deg, ProjectionType="equirectangular"), verify=verify, least_confidence=0)  # type: ignore[arg-type]
    assert fix.position is not None and distance_m(fix.position, at(3)) < 1
    assert fix.heading_deg is not None and turn_deg(fix.heading_deg, centre_deg) < 12
    assert {candidate.photo.id for candidate in fix.candidates[:4]} == {f"3-{h}.png" for h in (0, 90, 180, 270)}
    assert [c.photo.heading_deg for c in fix.candidates if c.photo.id == "3-90.png"] == [90.0], "as the map has it"


def test_all_directions_together_are_surer_than_one(city: Map) -> None:
    whole = city.evidence(panorama(5, 0, ProjectionType="equirectangular"), verify="off")
    one = city.evidence(saved(cut(place(5), level_view(45, 0, 0))), verify="off")
    assert len(whole.candidates_of(whole.places[0])) == 4
    assert whole.places[0].consensus.agreement > one.places[0].consensus.agreement


def test_a_panorama_of_another_place_is_not_in_the_map(city: Map) -> None:
    known = city.locate(panorama(2, 0, ProjectionType="equirectangular"), verify="off")
    strange = city.locate(panorama(77, 0, ProjectionType="equirectangular"), verify="off")
    assert strange.confidence < known.confidence / 2


def test_an_ordinary_photo_is_asked_once_whatever_is_said_about_panoramas(city: Map) -> None:
    picture = saved(cut(place(1), level_view(180, 0, 0)))
    assert city.locate(picture, verify="off") == city.locate(picture, verify="off", panorama="no")
    with pytest.raises(UnreadablePhoto, match="256 x 256 pixels, but a panorama is twice as wide"):
        city.locate(picture, panorama="yes")
    with pytest.raises(BadInput, match="panorama is 'maybe'"):
        city.locate(picture, panorama="maybe")  # type: ignore[arg-type]


def test_pixels_are_a_panorama_only_if_the_caller_says_so(city: Map) -> None:
    pixels = np.ascontiguousarray(np.roll(place(4), -WIDTH_PX // 4, axis=1))
    fix = city.locate(pixels, verify="off", panorama="yes", least_confidence=0)
    assert fix.heading_deg is not None and turn_deg(fix.heading_deg, 90) < 12
    [(_, same)] = list(city.locate_all([Image.fromarray(pixels)], verify="off", panorama="yes", least_confidence=0))
    assert same == fix


def test_the_shape_of_a_panorama_without_metadata_is_named_in_the_answer(city: Map, tmp_path: Path) -> None:
    large = Image.fromarray(place(6)).resize((2048, 1024))
    (tmp_path / "large.jpg").write_bytes(saved(large))
    assert "--panorama yes" in city.locate(tmp_path / "large.jpg", verify="off").reason
    assert "--panorama" not in city.locate(tmp_path / "large.jpg", verify="off", panorama="yes").reason


def test_a_panorama_of_the_map_is_located_by_the_others(tmp_path: Path) -> None:
    """Two panoramas of each place; the one that is asked for is left out with all its views."""
    photos = []
    for number in range(4):
        for copy, centre_deg in enumerate((0, 30)):
            file = tmp_path / f"{number}{'ab'[copy]}.jpg"
            file.write_bytes(panorama(number, centre_deg, ProjectionType="equirectangular"))
            photos += views_of_panorama(Photo(file.name, str(file), at(number), float(centre_deg)))
    with Map.build(tmp_path / "m.map", photos) as city:
        assert len(city) == 64
        fix = city.locate(tmp_path / "2b.jpg", verify="off", least_confidence=0)
        assert fix.reason.startswith("this very photo is in the map, as 2b.jpg#yaw=")
        assert fix.position is not None and distance_m(fix.position, at(2)) < 1
        assert {c.photo.id[:2] for c in fix.candidates[1:]} == {"2a"}
        assert fix.heading_deg is not None and turn_deg(fix.heading_deg, 30) < 25


def test_the_page_of_an_explanation_shows_the_view_that_was_found(city: Map) -> None:
    explanation = city.explain(panorama(3, 90, ProjectionType="equirectangular"), verify="off")
    assert explanation.query.shape[0] == explanation.query.shape[1], "a view, not the sphere"
    assert any("panorama" in note for note in explanation.notes)
    assert explanation.fix == city.locate(panorama(3, 90, ProjectionType="equirectangular"), verify="off")


def test_the_shell_and_the_service_give_the_same_answer(
    town: Path, city: Map, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("fastapi", reason="the extra [server] is not installed")
    from starlette.testclient import TestClient

    from viewfix.server import create_app

    data = panorama(1, 90)
    (tmp_path / "p.jpg").write_bytes(data)
    fix = city.locate(data, verify="off", panorama="yes")
    assert run(["locate", str(town), str(tmp_path / "p.jpg"), "--json", "--verify", "off", "--panorama", "yes"]) == 0
    shell = json.loads(capsys.readouterr().out)
    with TestClient(create_app([town])) as client:
        feature = client.post("/v1/locate?verify=off&panorama=yes", content=data).json()
        assert client.post("/v1/locate?panorama=sometimes", content=data).status_code == 422
        said = client.post("/v1/inliers?photo=1-180.png&panorama=yes", content=data).json()
        whole = client.post("/v1/inliers?photo=1-180.png", content=data).json()
    assert said["view"]["yaw_deg"] == 90 and said["view"]["field_of_view_deg"] == 90 and whole["view"] is None
    assert said["query"] == {"width": WIDTH_PX, "height": WIDTH_PX // 2} and said["photo"]["width"] == 256
    assert said["count"] == len(said["inliers"]) > whole["count"]
    view = level_view(180, 0, 0)
    for x, y, x_photo, y_photo in said["inliers"]:  # the camera looked east, so the sphere is turned by 90 degrees
        [[across, down]] = places(view, [[x_photo / 256, y_photo / 256]])
        assert abs((across - 0.25 - x / WIDTH_PX + 0.5) % 1 - 0.5) < 0.01 and abs(down - y / (WIDTH_PX // 2)) < 0.01
    one = city.locate(data, verify="off")
    assert fix.confidence != one.confidence
    for answer in (shell, feature):
        assert answer["properties"]["confidence"] == round(fix.confidence, 4)
        assert [each["id"] for each in answer["properties"]["candidates"]] == [c.photo.id for c in fix.candidates]
