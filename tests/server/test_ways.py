"""The way to a sight and the sights ahead, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from shutil import copy
from xml.etree import ElementTree

import pytest
from starlette.testclient import TestClient
from streets import GRID, STREETS, osm

from viewfix import Map, Position, roads
from viewfix.server import create_app
from viewfix.server.keys import Keys, new_key

from .client import Open, problem

pytest.importorskip("shapely")


@pytest.fixture(scope="module")
def paved(licensed: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Position]:
    """The served map with streets around its first photo."""
    folder = tmp_path_factory.mktemp("paved")
    path = Path(copy(licensed, folder / "town.map"))
    with Map.open(path) as city:
        at = next(iter(city.photos())).position
    file = folder / "streets.osm"
    file.write_text(osm(GRID, STREETS, origin=Position(at.lat - 0.0018, at.lon - 0.0028)), encoding="utf-8")
    roads.add(path, file)
    return path, at


@pytest.fixture(scope="module")
def guide(paved: tuple[Path, Position]) -> Iterator[TestClient]:
    with TestClient(create_app([paved[0]]), raise_server_exceptions=False) as client:
        yield client


def test_a_route_is_that_of_python(guide: TestClient, paved: tuple[Path, Position]) -> None:
    path, at = paved
    answer = guide.get(f"/v1/route?from={at.lat},{at.lon}&to=mill&heading_deg=90&language=uk")
    assert answer.status_code == 200
    feature = answer.json()
    with Map.open(path) as city:
        mine = city.route((at.lat, at.lon), "mill", heading_deg=90, language="uk").to_geojson()
    assert feature["geometry"] == mine["geometry"]
    properties = feature["properties"]
    assert properties.pop("map") == "town" and properties.pop("took_ms") >= 0
    assert properties == mine["properties"] and properties["destination"] == "Млин"
    assert properties["attribution"] == "© OpenStreetMap contributors, ODbL"


def test_a_route_starts_at_a_photo_and_where_it_looks(guide: TestClient, photo: bytes) -> None:
    answer = guide.post("/v1/route?to=Mill", content=photo)
    assert answer.status_code == 200
    with_form = guide.post("/v1/route", files={"photo": photo}, data={"to": "Mill", "mode": "cycle"})
    assert with_form.json()["properties"]["mode"] == "cycle"
    assert problem(guide.post("/v1/route?to=Mill", content=b"nothing"))[0] == 422


def test_a_route_as_gpx(guide: TestClient, paved: tuple[Path, Position]) -> None:
    _, at = paved
    answer = guide.get(f"/v1/route?from={at.lat},{at.lon}&to={at.lat + 0.001},{at.lon}&format=gpx")
    assert answer.headers["content-type"].startswith("application/gpx+xml")
    assert ElementTree.fromstring(answer.text).tag.endswith("gpx")


@pytest.mark.parametrize(
    ("query", "status", "line"),
    [
        ("to=Mil", 404, None),
        ("to=Nowhere", 404, "no sight called 'Nowhere'"),
        ("to=/etc/passwd", 404, "no sight called"),
        ("to=1,1", 404, "Is it in another town"),
        ("to=95,1", 422, "latitude,longitude"),
        ("to=", 422, "to"),
        ("", 422, "to"),
        ("to=Mill&mode=fly", 422, "mode"),
        ("to=Mill&heading_deg=400", 422, "heading_deg"),
        ("to=Mill&format=kml", 422, "format"),
        ("to=Mill&too=1", 400, "Did you mean 'to'"),
    ],
)
def test_what_cannot_be_answered_costs_one_line(
    guide: TestClient, paved: tuple[Path, Position], query: str, status: int, line: str | None
) -> None:
    _, at = paved
    answer = guide.get(f"/v1/route?from={at.lat},{at.lon}&{query}")
    if line is None:
        assert answer.status_code == 200, "a part of a name, of only one sight"
        return
    found = problem(answer)
    assert found[0] == status and line in found[2]
    assert str(paved[0].parent) not in answer.text


def test_a_map_without_roads_says_so_and_names_no_path(service: TestClient, photo: bytes) -> None:
    for answer in (service.get("/v1/route?from=1,1&to=2,2"), service.post("/v1/route?to=Mill", content=photo)):
        assert problem(answer)[:2] == (404, "no_such_roads") and "viewfix" not in answer.text


def test_sights_that_come(guide: TestClient, paved: tuple[Path, Position]) -> None:
    _, at = paved
    answer = guide.get(f"/v1/upcoming?at={at.lat},{at.lon - 0.0003}&heading_deg=0&speed_mps=5&language=uk")
    [mill] = answer.json()["sights"]
    assert (mill["name"], mill["side"], mill["kind"]) == ("Млин", "right", "tourism=museum")
    assert 8 < mill["in_s"] < 10 and 15 < mill["distance_m"] < 30 and mill["probability"] == 1
    assert guide.get(f"/v1/upcoming?at={at.lat},{at.lon}&heading_deg=180&speed_mps=5").json()["sights"] == []
    base = f"/v1/upcoming?at={at.lat},{at.lon}&heading_deg=0"
    assert guide.get(f"{base}&speed_mps=5&kinds=historic").json()["sights"] == []
    for wrong in ("speed_mps=500", "speed_mps=5&horizon_s=0", "speed_mps=nan", "speed_mps=5&radius_m=99999", ""):
        assert problem(guide.get(f"{base}&{wrong}"))[0] == 422
    assert problem(guide.get("/v1/upcoming?at=95,1&heading_deg=0&speed_mps=1"))[0] == 422


def test_routes_need_a_key_where_there_are_keys(opened: Open, tmp_path: Path) -> None:
    key = new_key(tmp_path / "k.toml", "tram")
    client = opened(keys=Keys(tmp_path / "k.toml"))
    for address in ("/v1/route?from=1,1&to=2,2", "/v1/upcoming?at=1,1&heading_deg=0&speed_mps=1"):
        assert problem(client.get(address))[0] == 401
        assert client.get(address, headers={"X-API-Key": key}).status_code in (200, 404)


def test_the_document_describes_the_routes(guide: TestClient) -> None:
    paths = guide.get("/v1/openapi.json").json()["paths"]
    assert {each["name"] for each in paths["/v1/route"]["get"]["parameters"]} == {
        "map", "from", "to", "mode", "heading_deg", "language", "format",
    }  # fmt: skip
    assert set(paths["/v1/route"]) == {"get", "post"} and set(paths["/v1/upcoming"]) == {"get"}
