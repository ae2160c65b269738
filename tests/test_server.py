"""The service: what it answers, to whom, in which form, and what it refuses."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
import shutil
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("fastapi", reason="the extra [server] is not installed")

from starlette.testclient import TestClient  # noqa: E402

from viewfix import Map, Photo, Position, pois  # noqa: E402
from viewfix.cli import run  # noqa: E402
from viewfix.errors import BadInput  # noqa: E402
from viewfix.photos.licences import is_open, may_show  # noqa: E402
from viewfix.server import Settings, create_app  # noqa: E402
from viewfix.server.keys import Keys, new_key  # noqa: E402
from viewfix.server.logs import JsonLines  # noqa: E402
from viewfix.server.trouble import HttpError  # noqa: E402
from viewfix.server.uploads import Receiver  # noqa: E402
from viewfix.server.work import Workers  # noqa: E402

Open = Callable[..., TestClient]


def finished(work: Coroutine[Any, Any, Any]) -> Any:
    """What it comes to, run in a thread of its own: the tests of pages leave a running loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


@pytest.fixture(scope="module")
def licensed(street: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A map of the street, half of its photos under an open licence, with a sight beside it."""
    path = tmp_path_factory.mktemp("served") / "town.map"
    with Map.build(path, street) as city:
        photos = list(city.photos())
        given = [Photo(p.id, p.source, p.position, p.heading_deg, p.taken_at, "Ada", "CC BY 4.0") for p in photos[::2]]
        city.add(given)
        at = photos[0].position
    sights = path.with_name("sights.csv")
    sights.write_text(f"name,lat,lon,kind,name:uk\nMill,{at.lat + 0.0004},{at.lon},tourism=museum,Млин\n", "utf-8")
    pois.add(path, sights)
    return path


@pytest.fixture
def opened(licensed: Path, tmp_path: Path) -> Iterator[Open]:
    """Makes a client of an application over a copy of the map."""
    clients: list[TestClient] = []

    def open_(**settings: Any) -> TestClient:
        path = Path(shutil.copy(licensed, tmp_path / f"town{len(clients) or ''}.map"))
        client = TestClient(create_app([path], Settings(**settings)), raise_server_exceptions=False)
        client.__enter__()
        clients.append(client)
        return client

    yield open_
    for client in clients:
        client.__exit__(None, None, None)


@pytest.fixture(scope="module")
def service(licensed: Path) -> Iterator[TestClient]:
    """One application with the defaults, for all tests that change nothing."""
    with TestClient(create_app([licensed]), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="module")
def photo(street: Path) -> bytes:
    return next(iter(sorted(street.glob("*.jpg")))).read_bytes()


def trouble(response: Any) -> tuple[int, str, str]:
    """Status, code and line of an answer that is an error of ours."""
    error = response.json()["error"]
    assert error["request_id"] == response.headers["x-request-id"]
    assert "\n" not in error["message"]
    return response.status_code, error["code"], error["message"]


def jpeg(width: int = 64, height: int = 48, **options: Any) -> bytes:
    into = io.BytesIO()
    Image.new("RGB", (width, height), "gray").save(into, "JPEG", **options)
    return into.getvalue()


# What it answers


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


def test_a_form_gets_the_same_answer_as_a_body(service: TestClient, photo: bytes) -> None:
    whole = [
        service.post("/v1/locate?verify=off", content=photo).json(),
        service.post("/v1/locate?verify=off", files={"photo": ("a.jpg", photo, "image/jpeg")}).json(),
        service.post("/v1/locate?verify=off", content=photo, headers={"Content-Type": "image/jpeg"}).json(),
    ]
    for each in whole:
        del each["properties"]["took_ms"]
    assert whole[0] == whole[1] == whole[2]


def test_a_photo_from_elsewhere_is_an_answer_not_an_error(service: TestClient) -> None:
    answer = service.post("/v1/locate", content=jpeg())
    assert answer.status_code == 200
    assert answer.json()["geometry"] is None
    assert answer.json()["properties"]["found"] is False


def test_names_of_sights_come_in_the_language_asked_for(service: TestClient, photo: bytes) -> None:
    answer = service.post("/v1/locate?language=uk&verify=off", content=photo).json()
    [near] = answer["properties"]["nearby"]
    assert near["name"] == "Млин" and near["side"] in ("ahead", "right", "behind", "left", None)


def test_near_leaves_out_what_is_far(service: TestClient, photo: bytes) -> None:
    answer = service.post("/v1/locate?near=-40,170&radius_m=100&verify=off", content=photo).json()
    assert answer["properties"]["candidates"] == []


def test_a_geopose_says_where_and_which_way(service: TestClient, photo: bytes) -> None:
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


def test_a_batch_answers_each_photo_and_a_bad_one_costs_only_itself(service: TestClient, photo: bytes) -> None:
    files = [("photo", ("a", photo)), ("photo", ("b", b"no picture")), ("photo", ("c", photo))]
    answer = service.post("/v1/locate/batch?verify=off", files=files)
    first, second, third = answer.json()["features"]
    assert first["properties"]["found"] and third["properties"]["found"]
    assert second["error"]["code"] == "unreadable_photo"


def test_the_points_that_agree_are_given_in_pixels_of_both(service: TestClient, photo: bytes) -> None:
    best = service.post("/v1/locate?verify=off", content=photo).json()["properties"]["candidates"]
    shown = next(each["id"] for each in best if each["thumbnail"])
    answer = service.post("/v1/inliers", params={"photo": shown}, content=photo).json()
    assert answer["query"] == {"width": 160, "height": 120} == answer["photo"]
    assert answer["count"] == len(answer["inliers"])
    assert all(0 <= x <= 160 and 0 <= y <= 120 for x, y, _, _ in answer["inliers"])


def test_the_maps_are_listed(service: TestClient, licensed: Path) -> None:
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
    tag = answer.headers["etag"]
    assert service.get(f"/v1/photos/{shown.id}/thumbnail?px=128", headers={"If-None-Match": tag}).status_code == 304
    assert trouble(service.get(f"/v1/photos/{hidden.id}/thumbnail"))[:2] == (404, "no_such_picture")
    assert trouble(service.get("/v1/photos/nobody.jpg/thumbnail"))[:2] == (404, "no_such_photo")
    assert trouble(service.get(f"/v1/photos/{shown.id}/thumbnail?px=7"))[0] == 422


@pytest.mark.parametrize(
    ("licence", "is_it"),
    [("CC0", True), ("CC BY-SA 4.0", True), ("cc-by", True), ("Public domain", True), ("ODbL 1.0", True),
     ("https://creativecommons.org/licenses/by/4.0/", True), (None, False), ("All rights reserved", False),
     ("proprietary, not CC BY", False), ("Google", False)],
)  # fmt: skip
def test_an_open_licence_is_known_by_its_name(licence: str | None, is_it: bool) -> None:
    assert is_open(licence) is is_it
    assert may_show(licence, "all") and not may_show(licence, "none")


def test_two_maps_have_to_be_told_apart(licensed: Path, photo: bytes, tmp_path: Path) -> None:
    other = Path(shutil.copy(licensed, tmp_path / "other.map"))
    with TestClient(create_app([licensed, other])) as client:
        assert {each["name"] for each in client.get("/v1/maps").json()["maps"]} == {"town", "other"}
        status, code, line = trouble(client.post("/v1/locate", content=photo))
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
    time.sleep(1.2)  # it looks once a second
    assert client.get("/v1/maps").json()["maps"][0]["photos"] == 5
    assert client.post("/v1/locate?verify=off", content=photo).status_code == 200


# What it refuses


@pytest.mark.parametrize(
    ("content", "status", "line"),
    [
        (b"", 400, "no photo in the request"),
        (b"hello", 422, "text that begins with 'hello'"),
        (b"GIF89a" + bytes(50), 422, "a GIF"),
        (b"<svg onload=alert(1)>", 422, "a web page or XML"),
        (b"\xff\xd8\xff\xe0" + bytes(100), 422, "damaged|picture"),
    ],
)
def test_what_is_no_photo_costs_one_line(service: TestClient, content: bytes, status: int, line: str) -> None:
    answer = trouble(service.post("/v1/locate", content=content))
    assert answer[0] == status and re.search(line, answer[2])


def test_half_a_photo_is_refused_and_the_next_one_answered(service: TestClient, photo: bytes) -> None:
    assert trouble(service.post("/v1/locate", content=photo[: len(photo) // 2]))[0] == 422
    assert service.post("/v1/locate?verify=off", content=photo).status_code == 200


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(service: TestClient) -> None:
    into = io.BytesIO()
    Image.new("L", (12_000, 9_000)).save(into, "PNG")
    answer = trouble(service.post("/v1/locate", content=into.getvalue()))
    assert answer[0] == 422 and "12000 x 9000 pixels" in answer[2]


@pytest.mark.parametrize(
    "query",
    ["k=0", "k=51", "k=x", "near=1", "near=95,0", "near=nan,nan", "radius_m=0", "radius_m=nan", "verify=hard",
     "language=<b>", "budget_ms=-1", "format=kml", "map=none"],
)  # fmt: skip
def test_a_parameter_out_of_its_range_costs_one_line(service: TestClient, query: str) -> None:
    status, _, line = trouble(service.post(f"/v1/locate?{query}", content=jpeg()))
    assert status in (400, 404, 422) and line


def test_an_upload_over_the_limit_is_refused_by_its_length_and_while_it_comes(opened: Open) -> None:
    client = opened(most_bytes=10_000)
    assert trouble(client.post("/v1/locate", content=bytes(10_001)))[:2] == (413, "too_large")

    def endless() -> Iterator[bytes]:
        for _ in range(100):
            yield bytes(1000)

    assert trouble(client.post("/v1/locate", content=endless()))[:2] == (413, "too_large")
    assert trouble(client.post("/v1/locate", files={"photo": bytes(20_001)}))[0] == 413


def test_too_many_photos_fields_or_bad_forms_are_refused(opened: Open) -> None:
    client = opened(most_photos=3)
    files = [("photo", (str(n), jpeg())) for n in range(6)]
    assert trouble(client.post("/v1/locate/batch", files=files))[0] in (400, 413)
    assert trouble(client.post("/v1/locate/batch", files=files[:4]))[:2] == (413, "too_many")
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    assert trouble(client.post("/v1/locate", content=b"nonsense", headers=form))[:2] == (400, "bad_form")
    assert trouble(client.post("/v1/locate", content=b"", headers={"Content-Type": "multipart/form-data"}))[0] == 400
    assert trouble(client.post("/v1/locate", data={"a": "b"}, files={}))[0] in (400, 422)
    deep = (
        b"".join(b'--x\r\nContent-Disposition: form-data; name="f%d"\r\n\r\nv\r\n' % n for n in range(2000)) + b"--x--"
    )
    assert trouble(client.post("/v1/locate", content=deep, headers=form))[:2] == (400, "bad_form")


def test_nothing_is_read_on_the_word_of_a_client(service: TestClient, street: Path) -> None:
    path = str(next(street.glob("*.jpg")))
    for named in (path, f"file://{path}", "http://127.0.0.1:1/a.jpg"):
        assert trouble(service.post("/v1/locate", content=named.encode()))[0] == 422
        assert trouble(service.get(f"/v1/photos/{named}/thumbnail"))[0] == 404
        assert trouble(service.post("/v1/locate", data={"photo": named}))[0] in (400, 422)
    for path in ("/page/../../errors.py", "/shared/..%2f..%2ferrors.py", "/vendor/%2e%2e/package.json"):
        assert service.get(path).status_code == 404


def test_what_is_not_there_says_what_is(service: TestClient) -> None:
    assert "v1/openapi.json" in trouble(service.get("/v1/nothing"))[2]
    assert trouble(service.get("/v1/locate"))[:2] == (405, "no_such_method")
    assert trouble(service.post("/v1/photos", files={"photo": jpeg()}))[:2] == (403, "read_only")


def test_who_comes_when_too_many_wait_is_sent_away(opened: Open, photo: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    client = opened(workers=1, waiting=1)
    gate = threading.Event()
    monkeypatch.setattr("viewfix.server.routes.asking.located", lambda *args: gate.wait(10) and (None, 0.0))
    answers: list[Any] = []
    askers = [threading.Thread(target=lambda: answers.append(client.post("/v1/locate", content=photo))) for _ in "ab"]
    for asker in askers:
        asker.start()
    workers = client.app.state.context.workers  # type: ignore[attr-defined]
    while workers.inside < 2:
        time.sleep(0.01)
    answer = client.post("/v1/locate", content=photo)
    assert trouble(answer)[:2] == (429, "too_busy")
    assert int(answer.headers["retry-after"]) >= 1
    gate.set()
    for asker in askers:
        asker.join()
    assert workers.inside == 0


def test_what_takes_too_long_is_answered_503_and_keeps_its_place_until_it_is_done() -> None:

    async def ask() -> None:
        workers = Workers(1, 1, answer_s=0.05)
        gate = threading.Event()
        with pytest.raises(HttpError) as late:
            await workers.run(lambda: gate.wait(10))
        assert late.value.status == 503
        assert workers.inside == 1
        gate.set()
        workers.close()
        assert workers.inside == 0

    finished(ask())


def test_all_uploads_together_have_a_limit_of_memory(photo: bytes) -> None:

    class Request:
        headers: dict[str, str] = {}

        async def stream(self) -> Any:
            yield photo

    async def ask() -> None:
        receiver = Receiver(10**6, len(photo) * 3, 5.0)

        async def use(upload: Any) -> int:
            with pytest.raises(HttpError) as full:
                await receiver.photos(Request(), use)  # type: ignore[arg-type]
            assert full.value.status == 429
            return len(upload.photos)

        assert await receiver.photos(Request(), use) == 1  # type: ignore[arg-type]
        assert receiver.buffered_bytes == 0

    finished(ask())


def test_a_slow_upload_is_given_up(photo: bytes) -> None:

    class Request:
        headers: dict[str, str] = {}

        async def stream(self) -> Any:
            while True:
                await asyncio.sleep(0.02)
                yield b"a"

    async def ask() -> None:
        receiver = Receiver(10**6, 10**6, 0.1)
        with pytest.raises(HttpError) as slow:
            await receiver.photos(Request(), None)  # type: ignore[arg-type]
        assert slow.value.status == 408
        assert receiver.buffered_bytes == 0

    finished(ask())


# Who may ask


def test_with_keys_only_who_has_one_may_ask(opened: Open, photo: bytes, tmp_path: Path) -> None:
    file = tmp_path / "keys.toml"
    key = new_key(file, "tram")
    assert key not in file.read_text() and file.stat().st_mode & 0o077 == 0
    client = opened(keys=Keys(file))
    assert trouble(client.post("/v1/locate", content=photo))[:2] == (401, "no_key")
    assert trouble(client.get("/v1/maps", headers={"Authorization": "Bearer nonsense"}))[0] == 401
    assert trouble(client.get("/metrics"))[0] == 401
    assert client.get("/healthz").status_code == 200
    for headers in ({"Authorization": f"Bearer {key}"}, {"X-API-Key": key}):
        assert client.post("/v1/locate?verify=off", content=photo, headers=headers).status_code == 200
    assert trouble(client.delete("/v1/photos?id=a", headers={"X-API-Key": key}))[:2] == (403, "no_right")
    file.write_text("")
    time.sleep(1.2)  # it looks once a second
    assert client.get("/v1/maps", headers={"X-API-Key": key}).status_code == 401, "a key that was taken back"


def test_a_file_of_keys_that_makes_no_sense_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "keys.toml"
    with pytest.raises(BadInput, match="no file of keys"):
        Keys(file)
    for text in ("[[key]]\nname = 1", '[[key]]\nname = "a"\nsha256 = "zz"', "nonsense = [", "key = 3"):
        file.write_text(text)
        with pytest.raises(BadInput):
            Keys(file)
    file.unlink()
    new_key(file, "a")
    with pytest.raises(BadInput, match="has a key for a already"):
        new_key(file, "a")
    with pytest.raises(BadInput, match="cannot be the name"):
        new_key(file, 'a"\nrights = ["write"]')


def test_a_rate_is_kept_to(opened: Open) -> None:
    client = opened(per_minute=3)
    statuses = [client.get("/v1/maps").status_code for _ in range(5)]
    assert statuses[:3] == [200, 200, 200] and statuses[4] == 429
    answer = client.get("/v1/maps")
    assert trouble(answer)[1] == "too_often" and int(answer.headers["retry-after"]) >= 1
    assert client.get("/healthz").status_code == 200


def test_pages_of_other_sites_may_not_ask_unless_they_are_named(service: TestClient, opened: Open) -> None:
    origin = {"Origin": "https://elsewhere.example"}
    assert "access-control-allow-origin" not in service.get("/v1/maps", headers=origin).headers
    client = opened(cors=("https://elsewhere.example",))
    assert client.get("/v1/maps", headers=origin).headers["access-control-allow-origin"] == origin["Origin"]
    other = {"Origin": "https://third.example"}
    assert "access-control-allow-origin" not in client.get("/v1/maps", headers=other).headers


def test_every_answer_carries_the_headers_of_safety_and_its_id(service: TestClient) -> None:
    for answer in (service.get("/v1/maps"), service.get("/nothing"), service.post("/v1/locate", content=b"x")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["x-request-id"]
    assert service.get("/v1/maps", headers={"X-Request-Id": "abc-1"}).headers["x-request-id"] == "abc-1"
    assert service.get("/v1/maps", headers={"X-Request-Id": "a b\t<"}).headers["x-request-id"] != "a b\t<"


def test_the_operators_base_map_is_told_and_allowed(opened: Open) -> None:
    client = opened(basemap={"kind": "raster", "url": "https://tiles.example/{z}/{x}/{y}.png"})
    answer = client.get("/v1/basemap")
    assert answer.json()["style"]["kind"] == "raster"
    assert "https://tiles.example" in answer.headers["content-security-policy"]


def test_a_file_of_tiles_is_served_in_parts(opened: Open, tmp_path: Path) -> None:
    file = tmp_path / "a.pmtiles"
    file.write_bytes(bytes(range(200)))
    client = opened(basemap={"kind": "pmtiles", "url": "basemap.pmtiles"}, basemap_file=file)
    part = client.get("/basemap.pmtiles", headers={"Range": "bytes=10-19"})
    assert part.status_code == 206 and part.content == bytes(range(10, 20))


# Photos come and go


@pytest.fixture
def writable(opened: Open, tmp_path: Path) -> tuple[TestClient, dict[str, str], Path]:
    folder = tmp_path / "kept"
    folder.mkdir()
    key = new_key(tmp_path / "w.toml", "editor", write=True)
    client = opened(write=True, photos_folder=folder, keys=Keys(tmp_path / "w.toml"))
    return client, {"X-API-Key": key}, folder


def test_a_photo_is_added_found_and_removed(writable: tuple[TestClient, dict[str, str], Path], town: Any) -> None:
    client, key, folder = writable
    view = town.render(town.map_views(step_m=30)[1], width_px=320, height_px=240)
    into = io.BytesIO()
    Image.fromarray(np.asarray(view)[:, ::-1]).save(into, "JPEG", quality=95)
    said = {"lat": "49.5", "lon": "19.5", "heading_deg": "370", "licence": "CC0", "attribution": "Eve"}
    answer = client.post("/v1/photos", files={"photo": ("../../evil.jpg", into.getvalue())}, data=said, headers=key)
    assert answer.status_code == 201 and answer.json()["added"] == 1
    photo_id = answer.json()["id"]
    [kept] = [path for path in folder.rglob("*") if path.is_file()]
    assert kept.is_relative_to(folder) and "evil" not in kept.name
    again = client.post("/v1/photos", files={"photo": ("x", into.getvalue())}, data=said, headers=key)
    assert again.json()["unchanged"] == 1
    found = client.post("/v1/locate?verify=off", content=into.getvalue(), headers=key).json()
    best = found["properties"]["candidates"][0]
    assert best["id"] == photo_id and best["heading_deg"] == 10.0 and best["attribution"] == "Eve"
    assert client.get(f"/v1/photos/{photo_id}/thumbnail", headers=key).status_code == 200
    assert client.delete("/v1/photos", params={"id": photo_id}, headers=key).json() == {"removed": 1}
    assert trouble(client.delete("/v1/photos", params={"id": photo_id}, headers=key))[:2] == (404, "no_such_photo")


@pytest.mark.parametrize(
    ("fields", "line"),
    [({}, "Nobody says where"), ({"lat": "49"}, "lon is ''"), ({"lat": "x", "lon": "1"}, "lat is 'x'"),
     ({"lat": "500000", "lon": "1"}, "WGS84|degrees"), ({"lat": "1", "lon": "1", "path": "/etc"}, "no field 'path'"),
     ({"lat": "1", "lon": "1", "id": "a\nb"}, "cannot be shown")],
)  # fmt: skip
def test_a_photo_that_cannot_be_added_says_why(
    writable: tuple[TestClient, dict[str, str], Path], fields: dict[str, str], line: str
) -> None:
    client, key, folder = writable
    status, _, said = trouble(client.post("/v1/photos", files={"photo": jpeg()}, data=fields, headers=key))
    assert status in (400, 422) and re.search(line, said)
    assert not [path for path in folder.rglob("*") if path.is_file()]


def test_settings_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="--photos-folder"):
        Settings(write=True)
    with pytest.raises(BadInput, match="needs a key"):
        Settings(write=True, photos_folder=tmp_path)
    with pytest.raises(BadInput, match="no folder"):
        Settings(keep_queries=tmp_path / "none")
    for name in ("workers", "waiting", "most_bytes", "per_minute"):
        with pytest.raises(BadInput, match=name):
            Settings(**{name: 0})


# What is kept, and what is told


def test_nothing_of_a_query_is_kept_unless_asked(opened: Open, photo: bytes, tmp_path: Path) -> None:
    folder = tmp_path / "queries"
    folder.mkdir()
    client = opened()
    client.post("/v1/locate?verify=off", content=photo)
    city = client.app.state.context.maps.get(None).city  # type: ignore[attr-defined]
    assert not city._recent._held
    keeping = opened(keep_queries=folder)
    keeping.post("/v1/locate?verify=off", content=photo)
    assert [path.read_bytes() for path in folder.rglob("*.jpeg")] == [photo]


def test_a_log_line_is_json_without_place_or_address(service: TestClient, photo: bytes, caplog: Any) -> None:
    with caplog.at_level(logging.INFO, logger="viewfix.server"):
        service.post("/v1/locate?near=49.9,20.1&radius_m=900000&verify=off", content=photo)
    record = next(r for r in caplog.records if r.getMessage() == "answered")
    line = json.loads(JsonLines().format(record))
    assert line["route"] == "/v1/locate" and line["status"] == 200 and line["took_ms"] > 0
    assert "49.9" not in json.dumps(line) and "testclient" not in json.dumps(line)


def test_the_numbers_are_for_prometheus(service: TestClient, photo: bytes) -> None:
    service.post("/v1/locate?verify=off", content=photo)
    text = service.get("/metrics").text
    assert re.search(r'viewfix_requests_total\{method="POST",route="/v1/locate",status="200"\} [1-9]', text)
    assert 'viewfix_answers_total{found="yes",map="town"}' in text
    assert "viewfix_photos_inside 0.0" in text


def test_the_document_names_every_route_and_shows_examples(service: TestClient) -> None:
    document = service.get("/v1/openapi.json").json()
    routes = [
        "locate",
        "locate/batch",
        "photos",
        "maps",
        "inliers",
        "photos/{photo_id}/thumbnail",
        "maps/{name}/photos",
    ]
    assert {f"/v1/{route}" for route in routes} | {"/healthz", "/readyz", "/metrics"} <= set(document["paths"])
    assert document["components"]["schemas"]["FixReply"]["examples"]


def test_what_breaks_inside_is_a_500_with_an_id_and_no_inside(
    service: TestClient, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object) -> None:
        raise RuntimeError("secret path /etc/x")

    monkeypatch.setattr("viewfix.server.routes.asking.located", broken)
    status, code, line = trouble(service.post("/v1/locate", content=photo))
    assert (status, code) == (500, "internal") and "secret" not in line


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["serve", "none.map"], 2, "no map at"),
        (["serve", "{map}", "--keys", "none.toml"], 2, "no file of keys"),
        (["serve", "{map}", "--basemap", "none.pmtiles"], 2, "no file none.pmtiles"),
        (["serve", "{map}", "--basemap", "ftp://a"], 2, "no .pmtiles file and no address"),
        (["serve", "{map}", "--write"], 2, "--photos-folder"),
        (["serve", "{map}", "--host", "203.0.113.1"], 2, "Nothing can be served at 203.0.113.1:8000"),
    ],
)
def test_a_command_that_cannot_serve_says_so(
    arguments: list[str], code: int, line: str, licensed: Path, tmp_path: Path, capsys: Any, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run([each.format(map=licensed) for each in arguments]) == code
    error = capsys.readouterr().err
    assert line in error and "Traceback" not in error


def test_positions_of_ten_million_are_clustered_in_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    from viewfix.geo import Box
    from viewfix.server import clusters
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
    counted = clusters.Overview().view(store, box, 8, "a", "none")
    assert counted["photos"] == 1000 and not counted["approximate"]
    assert sum(each["properties"]["count"] for each in counted["features"]) == 1000
    assert all(abs(each["geometry"]["coordinates"][0]) > 179.9 for each in counted["features"])
    monkeypatch.setattr(clusters, "COUNTED", 100)
    monkeypatch.setattr(clusters, "SAMPLE", 500)
    monkeypatch.setattr(clusters, "SINGLE", 50)
    sampled = clusters.Overview().view(store, box, 8, "a", "none")
    assert sampled["approximate"] and 900 < sampled["photos"] < 1100
