"""Panoramax: every picture of an area, with what the map needs to know about it, and nothing personal."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from viewfix import BadInput, Photo, ServiceOptions, Skipped, open_service
from viewfix.sources import open_for_map
from viewfix.sources.services import panoramax as module
from viewfix.sources.services.source import ServiceSource

from .conftest import SOUTH, WEST, street_of
from .fake import Fake, Request, Response, reply


def photos(source: ServiceSource) -> list[Photo]:
    return [photo for photo in open_for_map(source) if isinstance(photo, Photo)]


def test_a_picture_comes_with_everything_that_the_service_knows(fake: Fake, panoramax: str) -> None:
    photo = photos(open_service(panoramax))[2]
    assert photo.id == f"panoramax/{fake.pictures[2].uuid}"
    assert photo.source == f"{fake.url}/api/pictures/{fake.pictures[2].uuid}/hd.jpg"
    assert (photo.position.lat, photo.position.lon) == (pytest.approx(SOUTH + 0.0004), WEST)
    assert photo.position.radius_m == 4.5 and photo.heading_deg == 100.0
    assert photo.taken_at == datetime(2024, 5, 1, 10, tzinfo=UTC)
    assert photo.attribution == "Panoramax, Ada" and photo.licence == "CC-BY-SA-4.0"
    assert photo.camera is not None and photo.camera.field_of_view_deg(640, 480) == pytest.approx(60)


def test_nothing_personal_of_the_exif_is_kept(panoramax: str) -> None:
    assert "example.org" not in repr(photos(open_service(panoramax)))


def test_every_picture_is_found_although_the_search_has_no_pages(
    fake: Fake, panoramax: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.pictures = street_of(40, content=b"x")
    monkeypatch.setattr(module, "LIMIT", 5)
    found = [photo.id for photo in photos(open_service(panoramax))]
    assert sorted(found) == sorted(f"panoramax/{p.uuid}" for p in fake.pictures)
    assert len(fake.lists()) > 12


def test_more_pictures_at_one_spot_than_an_answer_holds_end_the_quartering(
    fake: Fake, panoramax: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.pictures = [picture.moved(lat=SOUTH) for picture in street_of(9, content=b"x")]
    monkeypatch.setattr(module, "LIMIT", 5)
    assert 5 <= len(photos(open_service(panoramax))) <= 9
    assert len(fake.lists()) < 200


@pytest.mark.parametrize(
    ("exif", "azimuth", "expected"),
    [
        ({"Xmp.GPano.PoseHeadingDegrees": "137.5"}, 0, 137.5),  # the azimuth is that of the path
        ({"Xmp.GPano.PoseHeadingDegrees": "137.5", "Exif.GPSInfo.GPSImgDirection": "9000/100"}, 90, 90.0),
        ({}, 359, 359.0),
        ({"Xmp.GPano.PoseHeadingDegrees": "north"}, None, None),
        ({"Xmp.GPano.PoseHeadingDegrees": "-10"}, 5, 350.0),
    ],
)
def test_the_heading_of_a_panorama_is_that_of_its_pose(
    fake: Fake, panoramax: str, exif: dict[str, str], azimuth: float | None, expected: float | None
) -> None:
    fake.pictures = [fake.pictures[0].moved(panorama=True, exif=exif, heading=azimuth)]
    views = photos(open_service(panoramax))
    assert len(views) == 8 and views[0].heading_deg == expected
    assert [view.view.yaw_deg for view in views if view.view] == [0, 45, 90, 135, 180, 225, 270, 315]
    if expected is not None:
        assert views[6].heading_deg == (expected + 270) % 360
    assert len({view.source for view in views}) == 1 and len({view.id for view in views}) == 8


def test_a_collection_is_listed_page_by_page(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LIMIT", 5)
    source = open_service(f"panoramax+{fake.url}/api:{uuid.UUID(int=7)}")
    assert len(photos(source)) == 12 and len(fake.requests) == 3
    with pytest.raises(BadInput, match="has no collection"):
        photos(open_service(f"panoramax+{fake.url}/api:{uuid.UUID(int=8)}"))


def test_a_next_page_on_another_host_is_not_requested(fake: Fake) -> None:
    page = {"features": [fake.item(fake.pictures[0])], "links": [{"rel": "next", "href": "http://169.254.169.254/x"}]}
    fake.fault = lambda request: reply(page)
    assert len(photos(open_service(f"panoramax+{fake.url}/api:{uuid.UUID(int=7)}"))) == 1
    assert len(fake.requests) == 1


@pytest.mark.parametrize("limit", [500, 4])
def test_a_polygon_is_asked_for_as_it_is_and_in_boxes_where_the_answer_is_full(
    fake: Fake, tmp_path: Path, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LIMIT", limit)
    corners = [[24.93, 60.1699], [24.95, 60.1699], [24.95, 60.1709], [24.93, 60.1709], [24.93, 60.1699]]
    file = tmp_path / "area.geojson"
    file.write_text(json.dumps({"type": "Polygon", "coordinates": [corners]}))
    assert len(photos(open_service(f"panoramax+{fake.url}/api:{file}"))) == 5
    assert (len(fake.requests) == 1) is (limit == 500)


def test_a_point_and_a_radius_make_a_circle(fake: Fake) -> None:
    source = open_service(f"panoramax+{fake.url}/api:{SOUTH},{WEST}", ServiceOptions(radius_m=50.0))
    assert len(photos(source)) == 3  # one every 22 m


def test_a_period_is_asked_for_and_checked_again(fake: Fake, panoramax: str) -> None:
    fake.pictures[3] = fake.pictures[3].moved(taken="2024-05-03T23:30:00+00:00")
    fake.pictures[4] = fake.pictures[4].moved(taken="nonsense")
    found = photos(open_service(panoramax, ServiceOptions(since=date(2024, 5, 2), until=date(2024, 5, 3))))
    assert [photo.id for photo in found] == [f"panoramax/{fake.pictures[3].uuid}"]
    assert fake.lists()[0].query["datetime"] == "2024-05-02T00:00:00Z/2024-05-03T23:59:59Z"
    fake.requests.clear()
    photos(open_service(panoramax, ServiceOptions(since=date(2024, 5, 2))))
    assert fake.lists()[0].query["datetime"] == "2024-05-02T00:00:00Z/.."


def test_a_box_over_the_180th_meridian_is_listed_on_both_sides(fake: Fake) -> None:
    fake.pictures = [fake.pictures[0].moved(lat=-16.95, lon=179.95), fake.pictures[1].moved(lat=-16.95, lon=-179.95)]
    assert len(photos(open_service(f"panoramax+{fake.url}/api:-17,179.9,-16.9,-179.9"))) == 2


HOSTILE = [
    None,
    7,
    [],
    {"id": "../../etc/passwd", "geometry": {"type": "Point", "coordinates": [24.94, 60.17]}},
    {"id": str(uuid.UUID(int=9)), "geometry": None},
    {"id": str(uuid.UUID(int=9)), "geometry": {"type": "Point", "coordinates": [float("nan"), 60.17]}},
    {"id": str(uuid.UUID(int=9)), "geometry": {"type": "Point", "coordinates": [True, False]}},
    {"id": str(uuid.UUID(int=9)), "geometry": {"type": "Point", "coordinates": [0, 0]}},
    {"id": str(uuid.UUID(int=9)), "geometry": {"type": "Point", "coordinates": "60"}},
    {"id": "a" * 200, "geometry": {"type": "Point", "coordinates": [24.94, 60.17]}},
]


@pytest.mark.parametrize("feature", HOSTILE, ids=range(len(HOSTILE)))
def test_an_item_that_cannot_be_used_is_skipped_with_its_reason(fake: Fake, panoramax: str, feature: object) -> None:
    fake.fault = lambda request: reply({"features": [feature, fake.item(fake.pictures[0])]})
    found = list(open_service(panoramax))
    assert [type(each) for each in found] == [Skipped, Photo]
    assert isinstance(found[0], Skipped) and "Panoramax" in found[0].reason and "/" not in found[0].id[10:]


def test_properties_of_the_wrong_type_count_as_unknown(fake: Fake, panoramax: str) -> None:
    item = fake.item(fake.pictures[0])
    item["providers"], item["collection"] = [1, {"roles": 5}, {"roles": ["producer"], "name": {}}], 7
    item["properties"] = {
        "datetime": ["2024"], "updated": 5, "license": {"a": 1}, "view:azimuth": "x", "quality:horizontal_accuracy": -4,
        "geovisio:rank_in_collection": "first", "original_file:size": 1e300, "exif": 5,
        "pers:interior_orientation": {"field_of_view": 1e9, "sensor_array_dimensions": ["a", 0]}, "pers:pitch": 1e9,
    }  # fmt: skip
    fake.fault = lambda request: reply({"features": [item]})
    [photo] = photos(open_service(panoramax))
    assert (photo.heading_deg, photo.taken_at, photo.licence, photo.camera) == (None, None, None, None)
    assert photo.position.radius_m is None and photo.attribution == "Panoramax"


@pytest.mark.parametrize(
    ("response", "message"),
    [
        (Response(200, b"<html>Welcome</html>"), "did not answer with JSON: it is a web page or XML"),
        (Response(200, b"[" * 100_000), "did not answer with JSON"),
        (reply({"hello": "world"}), "did not answer with a list of pictures. Check that this is a Panoramax API"),
        (Response(404, b"{}"), "answered with HTTP status 404"),
        (
            Response(400, b'{"message": "Bad bbox\\nsecond line"}'),
            "answered with HTTP status 400 (Bad bbox second line).",
        ),
        (Response(302, b"", {"Location": "file:///etc/passwd"}), "which is not encrypted or not on the web"),
        (Response(302, b"", {"Location": "/api/search"}), "redirects more than 5 times"),
        (Response(429, b"", {"Retry-After": "7200"}), "The service asks for a pause of 7200 s (HTTP status 429)."),
    ],
)
def test_an_answer_that_is_not_the_service_s_own_is_one_line(
    fake: Fake, panoramax: str, response: Response, message: str
) -> None:
    fake.fault = lambda request: response
    with pytest.raises(BadInput) as refusal:
        photos(open_service(panoramax))
    assert message in str(refusal.value) and "\n" not in str(refusal.value)


def test_an_instance_that_is_down_is_one_line(fake: Fake, panoramax: str) -> None:
    fake.close()
    with pytest.raises(BadInput, match=r"could not be reached \(.*refused.*\)\. Check the network"):
        photos(open_service(panoramax))


def test_busy_answers_are_repeated(fake: Fake, panoramax: str) -> None:
    answers = iter(
        [Response(503, b""), Response(429, b"", {"Retry-After": "0"}), Response(500, b"", {"Retry-After": "x"})]
    )
    fake.fault = lambda request: next(answers, None)
    assert len(photos(open_service(panoramax))) == 12 and len(fake.requests) == 4


def test_an_answer_that_breaks_off_is_repeated(fake: Fake, panoramax: str) -> None:
    answers = iter([Response(200, b"{" + b" " * 9999, cut_after=10)])
    fake.fault = lambda request: next(answers, None)
    assert len(photos(open_service(panoramax))) == 12 and len(fake.requests) == 2


def test_a_box_that_is_too_much_for_the_service_is_asked_for_in_quarters(fake: Fake, panoramax: str) -> None:
    def fault(request: Request) -> Response | None:
        west, south, east, north = map(float, request.query["bbox"].split(","))
        return Response(504, b"timeout") if north - south > 0.015 else None

    fake.fault = fault
    assert len(photos(open_service(panoramax))) == 12
    fake.fault = lambda request: Response(504, b"timeout")
    fake.requests.clear()
    with pytest.raises(BadInput, match="HTTP status 504"):
        photos(open_service(panoramax))
    assert len(fake.requests) < 200


def test_the_client_says_who_it_is(fake: Fake, panoramax: str) -> None:
    photos(open_service(panoramax))
    assert fake.requests[0].headers["User-Agent"].startswith("viewfix/")
