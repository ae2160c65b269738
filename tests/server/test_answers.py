"""What the service answers: the same as the shell and Python, in the forms that clients ask for."""

from __future__ import annotations

import io
import json
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from viewfix import Map, Photo, Position
from viewfix.cli import run
from viewfix.errors import BadInput
from viewfix.locate.query import QueryOptions
from viewfix.photos.licences import is_open, may_show
from viewfix.server import create_app
from viewfix.server.parameters import LocateParameters
from viewfix.server.settings import Settings

from .client import Open, form, jpeg, problem


def test_a_photo_gets_its_place_as_geojson(service: TestClient, photo: bytes, licensed: Path) -> None:
    answer = service.post("/v1/locate?k=3&verify=off", content=photo)
    assert answer.status_code == 200
    feature = answer.json()
    with Map.open(licensed) as city:
        fix = city.locate(photo, verify="off")
    assert fix.position is not None
    assert feature["geometry"]["coordinates"] == [round(fix.position.lon, 7), round(fix.position.lat, 7)]
    properties = feature["properties"]
    assert properties["found"] and properties["map"] == "town" and properties["verify"] == "off"
    assert properties["confidence"] == round(fix.confidence, 4)
    assert [each["id"] for each in properties["candidates"]] == [c.photo.id for c in fix.candidates[:3]]
    assert set(properties["candidates"][0]) == {
        "id", "similarity", "inliers", "position", "heading_deg", "taken_at", "attribution", "licence", "thumbnail",
    }  # fmt: skip
    assert properties["nearby"][0]["name"] == "Mill"


def test_the_answer_is_that_of_the_shell(
    service: TestClient, licensed: Path, street: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same photo without any option: the same defaults, and one GeoJSON shape."""
    file = sorted(street.glob("*.jpg"))[1]
    options = QueryOptions()
    assert run(["locate", str(licensed), str(file), "--json", "-k", str(options.k), "--verify", options.verify]) == 0
    shell = json.loads(capsys.readouterr().out)
    feature = service.post("/v1/locate", content=file.read_bytes()).json()
    assert feature["geometry"] == shell["geometry"]
    mine, theirs = feature["properties"], shell["properties"]
    assert mine["verify"] == options.verify and len(mine["candidates"]) == min(options.k, len(theirs["candidates"]))
    assert mine.keys() - theirs.keys() == {"map", "verify", "took_ms"}
    assert theirs.keys() - mine.keys() == {"query"}
    for name in theirs.keys() - {"query", "candidates", "nearby"}:
        assert mine[name] == theirs[name], name
    for candidate, expected in zip(mine["candidates"], theirs["candidates"], strict=True):
        assert {name: value for name, value in candidate.items() if name != "thumbnail"} == expected


def test_the_defaults_stand_in_one_place() -> None:
    assert (LocateParameters().k, Settings().verify) == (QueryOptions().k, QueryOptions().verify)


def test_a_form_gets_the_same_answer_as_a_body(service: TestClient, photo: bytes) -> None:
    whole = [
        service.post("/v1/locate?verify=off", content=photo).json(),
        service.post("/v1/locate?verify=off", files={"photo": ("a.jpg", photo, "image/jpeg")}).json(),
        service.post("/v1/locate?verify=off", content=photo, headers={"Content-Type": "image/jpeg"}).json(),
        # as curl --data-binary announces it
        service.post(
            "/v1/locate?verify=off", content=photo, headers={"Content-Type": "application/x-www-form-urlencoded"}
        ).json(),
    ]
    for each in whole:
        del each["properties"]["took_ms"]
    assert all(each == whole[0] for each in whole)


@pytest.mark.parametrize(
    "disposition",
    [
        'form-data; name="photo"',
        "form-data; name=\"photo\"; filename*=UTF-8''f%C3%B6.jpg",
        'form-data; name="photo"; filename="a.jpg"',
        'form-data; name="photo"; filename=""',
        'form-data; name="image"',
        "form-data; name=photo",
    ],
)
@pytest.mark.parametrize("preamble", [b"", b"This is a message in several parts.\r\n", b"\r\n"])
def test_a_part_with_a_photo_needs_no_file_name(
    service: TestClient, photo: bytes, disposition: str, preamble: bytes
) -> None:
    headers = f"Content-Disposition: {disposition}\r\nContent-Type: image/jpeg"
    body, kind = form((headers, photo), preamble=preamble)
    answer = service.post("/v1/locate?verify=off", content=body, headers=kind)
    assert answer.status_code == 200 and answer.json()["properties"]["found"]


def test_parameters_count_as_fields_of_a_form_too(service: TestClient, photo: bytes) -> None:
    def asked(query: str, fields: dict[str, str]) -> Any:
        return service.post(f"/v1/locate?{query}", files={"photo": ("a.jpg", photo)}, data=fields)

    here = asked("verify=off&k=2", {})
    assert asked("", {"verify": "off", "k": "2"}).json()["geometry"] == here.json()["geometry"]
    assert len(asked("", {"verify": "off", "k": "2"}).json()["properties"]["candidates"]) == 2
    far = asked("verify=off", {"near": "10,10", "radius_m": "100"}).json()
    assert far["geometry"] is None and far["properties"]["candidates"] == []
    assert problem(asked("", {"map": "none"}))[:2] == (404, "no_such_map")
    assert problem(asked("", {"k": "0"}))[:2] == (422, "bad_parameter")
    assert problem(asked("k=3", {"k": "4"}))[:2] == (400, "bad_parameter")
    status, code, line = problem(asked("", {"raduis_m": "100"}))
    assert (status, code) == (400, "unknown_field") and "Did you mean 'radius_m'?" in line
    batch = service.post(
        "/v1/locate/batch", files=[("photo", ("a", photo))], data={"near": "10,10", "radius_m": "100", "verify": "off"}
    )
    assert batch.json()["features"][0]["properties"]["candidates"] == []


@pytest.mark.parametrize(
    ("method", "address", "line"),
    [
        ("POST", "/v1/locate?verfy=off", "Did you mean 'verify'?"),
        ("POST", "/v1/locate/batch?budget_ms=3", "no parameter 'budget_ms'"),
        ("POST", "/v1/inliers?photo=a&maps=town", "Did you mean 'map'?"),
        ("GET", "/v1/maps?map=town", "no parameter 'map'"),
        ("GET", "/v1/maps/town/photos?bound=1,2,3,4", "Did you mean 'bounds'?"),
        ("GET", "/v1/photos/a.jpg/thumbnail?size=1", "no parameter 'size'"),
        ("DELETE", "/v1/photos?id=a&mpa=b", "Did you mean 'map'?"),
        ("POST", "/v1/locate?k=1&k=2", "k is given twice"),
    ],
)
def test_an_unknown_parameter_is_refused_and_the_right_one_suggested(
    service: TestClient, method: str, address: str, line: str
) -> None:
    status, _, said = problem(service.request(method, address, content=jpeg() if method == "POST" else None))
    assert status == 400 and line in said


def test_a_photo_from_elsewhere_is_an_answer_not_an_error(service: TestClient) -> None:
    answer = service.post("/v1/locate", content=jpeg())
    assert answer.status_code == 200
    assert answer.json()["geometry"] is None
    assert answer.json()["properties"]["found"] is False


def test_names_of_sights_come_in_the_language_asked_for(service: TestClient, photo: bytes) -> None:
    answer = service.post("/v1/locate?language=uk&verify=off", content=photo).json()
    [near] = answer["properties"]["nearby"]
    assert near["name"] == "Млин" and near["side"] in ("ahead", "right", "behind", "left", None)


def test_near_has_a_default_radius_and_leaves_out_what_is_far(service: TestClient, photo: bytes) -> None:
    far = service.post("/v1/locate?near=-40,170&radius_m=100&verify=off", content=photo).json()
    assert far["properties"]["candidates"] == []
    lon, lat = service.post("/v1/locate?verify=off", content=photo).json()["geometry"]["coordinates"]
    close = service.post(f"/v1/locate?near={lat},{lon}&verify=off", content=photo).json()
    assert close["properties"]["candidates"]
    assert service.post(f"/v1/locate?near={lat + 0.01},{lon}&verify=off", content=photo).json()["geometry"] is None
    assert problem(service.post("/v1/locate?radius_m=100", content=photo))[0] == 422


def test_a_geopose_says_where_and_in_which_direction(service: TestClient, photo: bytes) -> None:
    answer = service.post("/v1/locate?format=geopose&verify=off", content=photo)
    feature = service.post("/v1/locate?verify=off", content=photo).json()
    pose = answer.json()
    lon, lat = feature["geometry"]["coordinates"]
    assert pose["position"] == {"lat": lat, "lon": lon, "h": 0.0}
    yaw = pose["angles"]["yaw"]
    assert abs((90 - yaw - feature["properties"]["heading_deg"] + 180) % 360 - 180) < 0.1
    assert -180 <= yaw <= 180
    asked = service.post("/v1/locate?verify=off", content=photo, headers={"Accept": "application/geopose+json"})
    assert asked.json() == pose
    assert problem(service.post("/v1/locate?format=geopose", content=jpeg()))[:2] == (400, "no_pose")


def test_a_batch_answers_each_photo_and_a_bad_one_does_not_affect_the_others(service: TestClient, photo: bytes) -> None:
    files = [("photo", ("a", photo)), ("photo", ("b", b"no picture")), ("photo", ("c", photo))]
    answer = service.post("/v1/locate/batch?verify=off", files=files)
    first, second, third = answer.json()["features"]
    assert first["properties"]["found"] and third["properties"]["found"]
    assert second["error"]["code"] == "unreadable_photo" and second["error"]["status"] == 422


def test_points_that_agree_are_given_in_pixels_of_both_photos(service: TestClient, photo: bytes) -> None:
    best = service.post("/v1/locate?verify=off", content=photo).json()["properties"]["candidates"]
    shown = next(each["id"] for each in best if each["thumbnail"])
    answer = service.post("/v1/inliers", params={"photo": shown}, content=photo).json()
    assert answer["query"] == {"width": 160, "height": 120} == answer["photo"]
    assert answer["count"] == len(answer["inliers"])
    assert all(0 <= x <= 160 and 0 <= y <= 120 for x, y, _, _ in answer["inliers"])


def test_maps_are_listed(service: TestClient, licensed: Path) -> None:
    [about] = service.get("/v1/maps").json()["maps"]
    west, south, east, north = about["bounds"]
    assert about["name"] == "town" and about["points_of_interest"] == 1 and not about["writable"]
    assert west <= east and south <= north
    with Map.open(licensed) as city:
        assert about["photos"] == len(city)


def test_photos_in_view_are_points_where_they_are_few(service: TestClient, licensed: Path) -> None:
    view = service.get("/v1/maps/town/photos").json()
    with Map.open(licensed) as city:
        assert view["photos"] == len(view["features"]) == len(city)
    assert any(each["properties"]["thumbnail"] for each in view["features"])
    assert not all(each["properties"]["thumbnail"] for each in view["features"])
    assert service.get("/v1/maps/town/photos?bounds=170,-50,-170,-40").json()["photos"] == 0


def test_a_thumbnail_is_small_and_has_no_exif(service: TestClient, licensed: Path) -> None:
    with Map.open(licensed) as city:
        shown = next(p for p in city.photos() if is_open(p.licence))
        hidden = next(p for p in city.photos() if p.licence is None)
    answer = service.get(f"/v1/photos/{shown.id}/thumbnail?px=128")
    picture = Image.open(io.BytesIO(answer.content))
    assert max(picture.size) <= 128 and not picture.getexif()
    assert problem(service.get(f"/v1/photos/{hidden.id}/thumbnail"))[:2] == (404, "no_such_picture")
    assert problem(service.get("/v1/photos/unknown.jpg/thumbnail"))[:2] == (404, "no_such_photo")
    assert problem(service.get(f"/v1/photos/{shown.id}/thumbnail?px=7"))[0] == 422


@pytest.mark.parametrize(
    ("licence", "is_it"),
    [("CC0", True), ("CC BY-SA 4.0", True), ("cc-by", True), ("Public domain", True), ("ODbL 1.0", True),
     ("https://creativecommons.org/licenses/by/4.0/", True), (None, False), ("All rights reserved", False),
     ("proprietary, not CC BY", False), ("Google", False)],
)  # fmt: skip
def test_an_open_licence_is_recognised_by_its_name(licence: str | None, is_it: bool) -> None:
    assert is_open(licence) is is_it
    assert may_show(licence, "all") and not may_show(licence, "none")


def test_two_maps_have_to_be_told_apart(licensed: Path, photo: bytes, tmp_path: Path) -> None:
    other = Path(shutil.copy(licensed, tmp_path / "other.map"))
    with TestClient(create_app([licensed, other])) as client:
        assert {each["name"] for each in client.get("/v1/maps").json()["maps"]} == {"town", "other"}
        status, code, line = problem(client.post("/v1/locate", content=photo))
        assert (status, code) == (404, "no_such_map") and "town, other" in line
        assert client.post("/v1/locate?map=other&verify=off", content=photo).json()["properties"]["map"] == "other"
    with pytest.raises(BadInput, match="Two maps are called town"):
        create_app([licensed, Path(shutil.copy(licensed, tmp_path / "town.map"))])


def test_a_map_that_another_process_changed_or_replaced_is_followed(opened: Open, photo: bytes, tmp_path: Path) -> None:
    client = opened()
    path = tmp_path / "town.map"
    before = client.get("/v1/maps").json()["maps"][0]["photos"]
    with Map.open(path) as city:
        gone = [p.id for p in city.photos()][:3]
        city.remove(gone)
    assert client.get("/v1/maps").json()["maps"][0]["photos"] == before - 3
    with Map.open(path) as city:
        few = [p.source for p in city.photos()][:5]
    Map.build(tmp_path / "new.map", *few).close()
    (tmp_path / "new.map").replace(path)
    until = time.monotonic() + 20
    while client.get("/v1/maps").json()["maps"][0]["photos"] != 5:
        assert time.monotonic() < until
        time.sleep(0.1)
    assert client.post("/v1/locate?verify=off", content=photo).status_code == 200


def test_positions_of_ten_million_are_clustered_in_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    from viewfix.geo import Box
    from viewfix.server import overview
    from viewfix.store.records import Version

    class Store:
        version = Version("a", 1000, 0)

        def __len__(self) -> int:
            return 1000

        def rows_in(self, box: Box, limit: int) -> Any:
            return np.arange(1, 1001)[:limit]

        def photos(self, rows: Any) -> list[Photo]:
            return [Photo(str(r), "x", Position(10 + r / 1e4, (179.95 + r / 1e4 + 180) % 360 - 180)) for r in rows]

    store: Any = Store()
    box = Box(5, 175, 15, -175)
    counted = overview.Overview().view(store, box, 8, "a", "none")
    assert counted["photos"] == 1000 and not counted["approximate"]
    assert sum(each["properties"]["count"] for each in counted["features"]) == 1000
    assert all(abs(each["geometry"]["coordinates"][0]) > 179.9 for each in counted["features"])
    monkeypatch.setattr(overview, "COUNTED", 100)
    monkeypatch.setattr(overview, "SAMPLE", 500)
    monkeypatch.setattr(overview, "SINGLE", 50)
    sampled = overview.Overview().view(store, box, 8, "a", "none")
    assert sampled["approximate"] and 900 < sampled["photos"] < 1100


def test_json_never_holds_half_a_character(opened: Open, tmp_path: Path, photo: bytes) -> None:
    """Names of files that are no UTF-8 reach Python as lone surrogates, which most readers of JSON refuse."""
    from viewfix.geojson import to_json

    text = to_json({"a": "x\ud800y", "b": "\ud83d\ude00", "c": "é"})
    assert json.loads(text.encode("utf-8")) == {"a": "x\ufffdy", "b": "😀", "c": "é"}
    assert to_json({"a": 1}) == '{"a":1}'
    with pytest.raises(ValueError):
        to_json(float("nan"))
    client = opened()
    answer = client.post("/v1/inliers?photo=%ED%A0%80", content=photo)
    assert "\\ud8" not in answer.content.decode("utf-8").lower()
