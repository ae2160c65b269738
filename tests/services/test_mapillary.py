"""Mapillary: small tiles, computed positions, addresses that expire, and a token that is seen nowhere."""

from __future__ import annotations

import json
import logging
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from conftest import Toy
from drawn import saved, scene

from viewfix import BadInput, Map, Photo, ServiceOptions, Skipped, fetch, open_service
from viewfix.cli import run
from viewfix.sources import open_for_map
from viewfix.sources.services import mapillary as module
from viewfix.sources.services.source import ServiceSource

from .conftest import SOUTH, WEST
from .fake import TOKEN, Fake, Request, Response, reply

Out = pytest.CaptureFixture[str]


@pytest.fixture
def spec(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> str:
    """The spec of the street, with the token in the environment."""
    monkeypatch.setenv("MAPILLARY_ACCESS_TOKEN", TOKEN)
    return f"mapillary+{fake.url}:60.169,24.939,60.173,24.941"


def photos(source: ServiceSource) -> list[Photo]:
    return [photo for photo in open_for_map(source) if isinstance(photo, Photo)]


def test_a_picture_comes_with_its_computed_position_and_direction(fake: Fake, spec: str) -> None:
    fake.pictures[2] = fake.pictures[2].moved(heading=None)
    found = {photo.id: photo for photo in photos(open_service(spec))}
    photo = found["mapillary/2"]
    assert (photo.position.lat, photo.position.lon) == (pytest.approx(SOUTH + 0.0002), WEST)
    assert (
        photo.heading_deg == 50.0 and found["mapillary/3"].heading_deg == 11.0
    )  # the compass, where nothing else is known
    assert photo.taken_at == datetime(2024, 5, 1, 10, tzinfo=UTC)
    assert photo.source == "https://www.mapillary.com/app/?pKey=2"
    assert photo.attribution == "Mapillary, @Ada, https://www.mapillary.com/app/?pKey=2"
    assert photo.licence == "CC-BY-SA-4.0"
    assert photo.camera is not None and photo.camera.focal_px == pytest.approx(0.8 * 640)


def test_a_picture_without_a_computed_position_has_that_of_its_receiver(fake: Fake, spec: str) -> None:
    fake.pictures = [fake.pictures[0].moved(more={"computed_geometry": None})]
    assert photos(open_service(spec))[0].position.lon == pytest.approx(WEST + 0.0001)


def test_tiles_are_so_small_that_the_search_leaves_nothing_out(fake: Fake, spec: str) -> None:
    wide = spec.replace("60.169,24.939,60.173,24.941", "60.161,24.93,60.181,24.95")
    assert len(photos(open_service(wide))) == 12
    boxes = [[float(value) for value in request.query["bbox"].split(",")] for request in fake.lists()]
    assert len(boxes) == 25 and all(b[3] - b[1] <= 0.0040001 and b[2] - b[0] <= 0.0040001 for b in boxes)


def test_a_tile_that_may_be_full_is_asked_for_in_quarters(
    fake: Fake, spec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "NEARLY_FULL", 5)
    monkeypatch.setattr(module, "LIMIT", 8)
    assert len(photos(open_service(spec))) == 12 and len(fake.lists()) > 4


def test_an_address_that_has_expired_is_asked_for_again(fake: Fake, spec: str, tmp_path: Path) -> None:
    answered: list[str] = []

    def expire(request: Request) -> Response | None:
        if request.path.startswith("/thumb/") and request.path not in answered:
            answered.append(request.path)
            fake.generation += 1  # between the answer with the address and the download
        return None

    fake.fault = expire
    made = fetch([open_service(spec)], tmp_path)
    assert made.downloaded + len(made.skipped) == 12 and made.downloaded >= 1
    fake.fault = None
    assert fetch([open_service(spec)], tmp_path).downloaded + made.downloaded == 12


def test_a_map_is_built_and_links_to_the_pages_of_its_pictures(fake: Fake, spec: str, tmp_path: Path, toy: Toy) -> None:
    with Map.build(tmp_path / "a.map", spec, model=toy) as city:
        assert len(city) == 12
        assert all(photo.source.startswith("https://www.mapillary.com/app/?pKey=") for photo in city.photos())
    fake.requests.clear()
    fake.pictures.pop(4)
    with Map.build(tmp_path / "a.map", spec, model=toy) as city:
        assert city.last_added.unchanged == 11 and city.last_added.gone == ["mapillary/5"]
    assert not fake.downloads()


def test_a_picture_deleted_after_it_was_listed_is_skipped(fake: Fake, spec: str, tmp_path: Path) -> None:
    source = open_service(spec)
    source.listed()
    fake.pictures.pop(3)
    made = fetch([source], tmp_path)
    assert made.skipped == [Skipped("mapillary/4", "It was deleted from Mapillary after it had been listed.")]


def test_a_panorama_is_taken_in_its_original_size(fake: Fake, spec: str) -> None:
    fake.pictures = [fake.pictures[0].moved(panorama=True)]
    assert len(photos(open_service(spec))) == 8
    original = {"thumb_original_url": f"{fake.url}/thumb/1?signature=0", "thumb_2048_url": "https://example.org/small"}
    fake.fault = lambda request: reply(original) if request.path == "/1" else None
    source = open_service(spec)
    assert source.service.picture(source.listed().items[0]) == fake.pictures[0].content


def test_a_sphere_that_is_cropped_in_an_unknown_way_is_skipped_with_its_reason(
    fake: Fake, spec: str, tmp_path: Path, toy: Toy
) -> None:
    fake.pictures[0] = fake.pictures[0].moved(panorama=True, content=saved(scene(512, 128)))
    with Map.build(tmp_path / "a.map", spec, model=toy) as city:
        assert len(city) == len(fake.pictures) - 1
        reasons = {each.reason for each in city.last_added.skipped}
    assert len(reasons) == 1 and "512 x 128 pixels" in reasons.pop()


@pytest.mark.parametrize(
    "address",
    ["http://169.254.169.254/secret", "file:///etc/passwd", "https://user:pw@example.org/a", 5, None, "ftp://x/y"],
)
def test_an_unsafe_address_of_pixels_is_not_requested(fake: Fake, spec: str, tmp_path: Path, address: object) -> None:
    fake.pictures = fake.pictures[:1]
    fake.fault = lambda request: reply({"thumb_2048_url": address}) if request.path == "/1" else None
    [skipped] = fetch([open_service(spec)], tmp_path).skipped
    assert skipped.reason == "Mapillary gives no address of its pixels."


def test_a_period_is_asked_for(fake: Fake, spec: str) -> None:
    assert not photos(open_service(spec, ServiceOptions(since=date(2024, 6, 1))))
    assert fake.lists()[0].query["start_captured_at"] == "2024-06-01T00:00:00Z"


# The token


def test_a_token_that_is_missing_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Out) -> None:
    monkeypatch.delenv("MAPILLARY_ACCESS_TOKEN", raising=False)
    for arguments, message in (
        ((), "MAPILLARY_ACCESS_TOKEN is not set. Get one at https://www.mapillary.com/dashboard/developers"),
        (("--token-file", str(tmp_path / "no")), "could not be read (No such file or directory)"),
        (("--token-file", str(tmp_path / "empty")), "empty is empty"),
        (("--token-file", str(tmp_path / "two")), "it has blanks or other characters. Copy it again."),
        (("--token-file", str(tmp_path / "binary")), "could not be read (it is not text)"),
    ):
        (tmp_path / "empty").write_text("\n")
        (tmp_path / "two").write_text("MLY|1|2\nX-Injected: yes")
        (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
        assert run(["fetch", "mapillary:60.1,24.9,60.11,24.91", "-o", str(tmp_path / "out"), *arguments]) == 2
        said = capsys.readouterr().err
        assert message in said and said.count("\n") == 1 and "MLY" not in said


def test_a_token_comes_from_a_file(fake: Fake, spec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAPILLARY_ACCESS_TOKEN", "another")
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    assert len(photos(open_service(spec, ServiceOptions(token_file=tmp_path / "token")))) == 12


def test_a_token_that_is_wrong_or_has_expired_stops_the_run(fake: Fake, spec: str, tmp_path: Path, capsys: Out) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MAPILLARY_ACCESS_TOKEN", "MLY|wrong")
        assert run(["fetch", spec, "-o", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert "Mapillary refuses the token: it is wrong or has expired." in said and said.count("\n") == 1
    assert len(fake.requests) <= 8

    expired = {"error": {"message": "Session has expired", "type": "OAuthException", "code": 190}}
    fake.fault = lambda request: Response(400, json.dumps(expired).encode()) if len(fake.downloads()) >= 3 else None
    source = open_service(spec)
    with pytest.raises(BadInput, match="refuses the token"):
        fetch([source], tmp_path / "out")
    assert list((tmp_path / "out" / "mapillary").glob("*.jpg"))


def test_the_token_is_sent_to_the_api_only_and_seen_nowhere(
    fake: Fake, spec: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: Out
) -> None:
    caplog.set_level(logging.DEBUG)
    other = Fake()
    other.pictures = fake.pictures
    fake.fault = lambda request: (
        Response(302, b"", {"Location": f"{other.url}{request.path}?signature=0"})
        if "/thumb/" in request.path
        else None
    )
    assert run(["build", str(tmp_path / "a.map"), spec]) == 0
    assert all(TOKEN not in request.path + str(request.query) for request in fake.requests + other.requests)
    assert other.requests and all(request.headers["Authorization"] is None for request in other.requests)
    said = capsys.readouterr()
    assert TOKEN not in said.out + said.err + caplog.text + repr(open_service(spec).options)
    assert TOKEN.encode() not in (tmp_path / "a.map").read_bytes()
    other.close()


# Errors of the service


@pytest.mark.parametrize(
    ("status", "error", "message"),
    [
        (
            200,
            {"message": "An unknown error has occurred.", "code": 1},
            "Mapillary answered with an error: An unknown error",
        ),
        (200, {"message": "Invalid OAuth 2.0 Access Token", "code": 190}, "refuses the token"),
        (400, {"message": "bbox is too large", "code": 100}, "HTTP status 400 (bbox is too large)"),
        (
            500,
            {"message": "Please reduce the amount of data", "code": 1},
            "HTTP status 500 (Please reduce the amount of data)",
        ),
        (200, {}, "Mapillary answered with an error: no reason"),
    ],
)
def test_an_error_is_one_line_whatever_its_http_status(
    fake: Fake, spec: str, status: int, error: dict[str, object], message: str
) -> None:
    fake.fault = lambda request: Response(status, json.dumps({"error": error}).encode())
    with pytest.raises(BadInput) as refusal:
        photos(open_service(spec))
    assert message in str(refusal.value) and "\n" not in str(refusal.value) and "fields=" not in str(refusal.value)


def test_a_tile_that_is_too_slow_is_asked_for_in_quarters(fake: Fake, spec: str) -> None:
    def slow(request: Request) -> Response | None:
        west, _, east, _ = map(float, request.query["bbox"].split(","))
        return Response(500, b'{"error": {"message": "timeout", "code": 2}}') if east - west > 0.0015 else None

    fake.fault = slow
    assert len(photos(open_service(spec))) == 12


def test_a_pause_is_obeyed_and_a_long_one_stops_the_run(fake: Fake, spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("urllib3.util.retry.time.sleep", pauses.append)
    answers = iter([Response(429, b"", {"Retry-After": "7"})])
    fake.fault = lambda request: next(answers, None)
    assert len(photos(open_service(spec))) == 12 and 7 in pauses
    fake.fault = lambda request: Response(429, b"", {"Retry-After": "3600"})
    with pytest.raises(BadInput, match=r"asks for a pause of 3600 s \(HTTP status 429\)\. Run the same command"):
        photos(open_service(spec))


@pytest.mark.parametrize("said", [{"data": "no"}, [], {"items": []}, "text", None])
def test_an_answer_of_another_shape_is_one_line(fake: Fake, spec: str, said: object) -> None:
    fake.fault = lambda request: reply(said)
    with pytest.raises(BadInput, match="did not answer with a list of pictures"):
        photos(open_service(spec))


def test_pictures_that_cannot_be_used_are_skipped(fake: Fake, spec: str) -> None:
    entries = [
        None,
        {"id": "../x"},
        {"id": "5"},
        {"id": "6", "computed_geometry": {"type": "Point", "coordinates": [9e9, 1]}},
    ]
    fake.fault = lambda request: reply({"data": [*entries, fake.image(fake.pictures[0])]})
    found = list(open_service(spec))
    assert sum(isinstance(each, Skipped) for each in found) == 3  # two without an id count as one
    assert sum(isinstance(each, Photo) for each in found) == 1
