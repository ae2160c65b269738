"""KartaView: pages, its own status inside HTTP 200, and paths that become addresses."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from conftest import Toy

from viewfix import BadInput, Map, Photo, Skipped, fetch, open_service
from viewfix.sources.services import kartaview as module

from .fake import Fake, Response, reply


@pytest.fixture
def spec(fake: Fake) -> str:
    return f"kartaview+{fake.url}:60.169,24.935,60.175,24.945"


def photos(spec: str) -> list[Photo]:
    return [photo for photo in open_service(spec) if isinstance(photo, Photo)]


def test_a_picture_comes_with_user_link_and_direction(fake: Fake, spec: str) -> None:
    fake.pictures[3] = fake.pictures[3].moved(heading=None)
    found = photos(spec)
    assert found[1].id == "kartaview/2" and found[1].source == f"{fake.url}/storage1/files/2.jpg"
    assert found[1].attribution == "KartaView, @Ada, https://kartaview.org/details/100/2"
    assert found[1].licence == "CC-BY-SA-4.0" and found[1].taken_at == datetime(2017, 9, 24, 23, 58, 7, tzinfo=UTC)
    assert found[1].heading_deg == 50.0 and found[3].heading_deg is None


def test_pictures_of_the_service_itself_are_on_its_storage_hosts() -> None:
    service = module.KartaView()
    assert service._address({"name": "storage6/files/photo/2017/9/24/lth/1_2.jpg"}) == (
        "https://storage6.openstreetcam.org/files/photo/2017/9/24/lth/1_2.jpg"
    )
    assert service._address({"name": "a.jpg", "lth_name": "storage7/files/b.jpg"}) == (
        "https://storage7.openstreetcam.org/files/b.jpg"
    )
    assert service.lists("https://storage7.openstreetcam.org/files/b.jpg")


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "storage1/../x", "https://example.org/x", "storage1@evil/x", "", 5, None]
)
def test_a_path_that_is_not_one_of_the_storage_is_skipped(fake: Fake, spec: str, name: object) -> None:
    fake.pictures = [fake.pictures[0].moved(more={"name": name})]
    assert list(open_service(spec)) == [Skipped("kartaview/1", "KartaView gives no address of its pixels for it")]


def test_every_page_is_read_and_duplicates_are_dropped(fake: Fake, spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LIMIT", 5)
    fake.pictures.append(fake.pictures[0])
    assert len(photos(spec)) == 12 and len(fake.lists()) == 3
    monkeypatch.setattr(module, "MOST_PAGES", 2)  # more pages than that: the box is divided
    fake.requests.clear()
    assert len(photos(spec)) == 12 and len(fake.lists()) > 4


def test_a_map_is_built_and_what_is_gone_is_marked(fake: Fake, spec: str, tmp_path: Path, toy: Toy) -> None:
    Map.build(tmp_path / "a.map", spec, model=toy).close()
    fake.pictures.pop()
    with Map.build(tmp_path / "a.map", spec, model=toy) as city:
        assert str(city.last_added) == "0 added, 11 already there, 0 skipped, 1 gone"
    assert set(fake.downloads().values()) == {1}


def test_a_picture_deleted_after_it_was_listed_is_skipped(fake: Fake, spec: str, tmp_path: Path) -> None:
    source = open_service(spec)
    source.listed()
    fake.pictures.pop(3)
    assert fetch([source], tmp_path).skipped == [
        Skipped("kartaview/4", "It was deleted from KartaView after it had been listed.")
    ]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (
            {"status": {"apiCode": "401", "apiMessage": "Authentication failed."}},
            "error: Authentication failed. Try again",
        ),
        ({"status": {"apiCode": 401, "httpCode": 401}, "result": {}}, "error: code 401"),
        ({"status": {"apiCode": "600"}}, "error: code 600"),
        ({"currentPageItems": []}, "error: code None"),
        ([], "answered with an error"),
    ],
)
def test_an_error_inside_http_200_is_one_line(fake: Fake, spec: str, said: object, message: str) -> None:
    fake.fault = lambda request: reply(said)
    with pytest.raises(BadInput) as refusal:
        photos(spec)
    assert message in str(refusal.value) and "\n" not in str(refusal.value)


def test_a_service_that_is_busy_is_asked_again(fake: Fake, spec: str) -> None:
    answers = iter([Response(500, b""), Response(429, b"")])
    fake.fault = lambda request: next(answers, None)
    assert len(photos(spec)) == 12
