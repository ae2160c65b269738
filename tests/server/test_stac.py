"""STAC: answers that other viewers of street-level pictures can use, checked against the schemas of STAC 1.0.0."""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from starlette.testclient import TestClient
from vt2pbf import parse_from_string

from viewfix import Camera, Map, Photo, Position, View
from viewfix.geo import distance_m
from viewfix.server import overview
from viewfix.server.overview import Overview
from viewfix.server.stac import tiles
from viewfix.server.stac.area import area_of
from viewfix.server.stac.ids import item_id, photo_id
from viewfix.server.stac.items import Site, spdx, to_item
from viewfix.server.stac.tiles import TileAddress, TileContent
from viewfix.store.records import Version

from .client import Open, problem

ROOT = "/v1/stac"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
SITE = Site("http://host/", "all")
MADE_AT = datetime(2026, 6, 1, tzinfo=UTC)


def check_link(link: dict[str, Any]) -> None:
    """The link object of STAC."""
    assert isinstance(link["rel"], str) and link["rel"]
    assert urlsplit(link["href"]).scheme in ("http", "https"), "viewers take absolute addresses only"
    assert "/" in link.get("type", "a/b")


def check_item(item: dict[str, Any]) -> None:
    """What item-spec/json-schema of STAC 1.0.0 and the two extensions require, rule by rule."""
    assert {"type", "stac_version", "id", "geometry", "bbox", "properties", "links", "assets"} <= item.keys()
    assert item["type"] == "Feature" and item["stac_version"] == "1.0.0"
    assert isinstance(item["id"], str) and re.fullmatch(r"[A-Za-z0-9._~-]+", item["id"])
    lon, lat = item["geometry"]["coordinates"]
    assert item["geometry"]["type"] == "Point" and -180 <= lon <= 180 and -90 <= lat <= 90
    assert item["bbox"] == [lon, lat, lon, lat]
    properties = item["properties"]
    if properties["datetime"] is None:
        assert TIME.fullmatch(properties["start_datetime"]) and TIME.fullmatch(properties["end_datetime"])
    else:
        assert TIME.fullmatch(properties["datetime"])
    assert re.fullmatch(r"[A-Za-z0-9.+-]+", properties["license"])
    for provider in properties["providers"]:
        assert provider["name"] and set(provider["roles"]) <= {"producer", "licensor", "processor", "host"}
    for link in item["links"]:
        check_link(link)
    relations = [link["rel"] for link in item["links"]]
    assert "self" in relations and "collection" in relations and isinstance(item["collection"], str)
    for asset in item["assets"].values():
        assert urlsplit(asset["href"]).scheme in ("http", "https") and asset["type"] == "image/jpeg"
        assert asset["roles"] and all(isinstance(role, str) for role in asset["roles"])
    assert len(item["stac_extensions"]) == len(set(item["stac_extensions"]))
    assert 0 <= properties.get("view:azimuth", 0) < 360
    interior = properties.get("pers:interior_orientation", {})
    assert 0 < interior.get("field_of_view", 1) <= 360
    assert len(interior.get("sensor_array_dimensions", [1, 1])) == 2


def check_collection(found: dict[str, Any]) -> None:
    """What collection-spec/json-schema of STAC 1.0.0 requires."""
    assert {"type", "stac_version", "id", "description", "license", "extent", "links"} <= found.keys()
    assert found["type"] == "Collection" and found["stac_version"] == "1.0.0" and found["description"]
    [box] = found["extent"]["spatial"]["bbox"]
    assert len(box) == 4 and -90 <= box[1] <= box[3] <= 90
    [interval] = found["extent"]["temporal"]["interval"]
    assert len(interval) == 2 and any(interval)
    for link in found["links"]:
        check_link(link)


def all_pages(service: TestClient, address: str) -> list[list[dict[str, Any]]]:
    """Follow the links to the next page."""
    pages = []
    while address:
        answer = service.get(address)
        assert answer.status_code == 200, answer.text
        pages.append(answer.json()["features"])
        address = next((link["href"] for link in answer.json()["links"] if link["rel"] == "next"), "")
    return pages


def test_the_landing_page_names_what_a_viewer_looks_for(service: TestClient) -> None:
    page = service.get(ROOT).json()
    assert page["type"] == "Catalog" and page["stac_version"].startswith("1.") and page["id"] and page["description"]
    assert "https://api.stacspec.org/v1.0.0/item-search" in page["conformsTo"]
    for link in page["links"]:
        check_link(link)
    wanted = {("search", "application/geo+json"), ("data", "application/json")}
    assert wanted <= {(link["rel"], link["type"]) for link in page["links"]}
    for link in page["links"]:
        if link.get("method", "GET") == "GET" and "stac" in link["href"] and link["rel"] != "xyz":
            assert service.get(link["href"]).status_code == 200, link
    [box] = page["extent"]["spatial"]["bbox"]
    assert len(box) == 4


def test_maps_are_collections(service: TestClient, licensed: Any) -> None:
    found = service.get(f"{ROOT}/collections").json()
    [one] = found["collections"]
    check_collection(one)
    assert one["id"] == "town" and service.get(f"{ROOT}/collections/town").json() == one
    assert service.get(f"{ROOT}/conformance").json()["conformsTo"]
    assert problem(service.get(f"{ROOT}/collections/other"))[:2] == (404, "no_such_map")


def test_every_photo_is_an_item_and_pages_repeat_none(service: TestClient, licensed: Any) -> None:
    with Map.open(licensed) as city:
        expected = [item_id(photo.id) for photo in city.photos()]
    for address in (f"{ROOT}/search?limit=7", f"{ROOT}/collections/town/items?limit=7"):
        pages = all_pages(service, address)
        assert [len(page) for page in pages[:-1]] == [7] * (len(pages) - 1)
        items = [item for page in pages for item in page]
        assert [item["id"] for item in items] == expected
        for item in items:
            check_item(item)


def test_only_pictures_that_may_be_shown_are_assets_and_they_load(service: TestClient, opened: Open) -> None:
    items = service.get(f"{ROOT}/search?limit=100").json()["features"]
    licensed = [item for item in items if item["properties"]["license"] == "CC-BY-4.0"]
    assert 0 < len(licensed) < len(items)
    for item in items:
        assert bool(item["assets"]) == (item in licensed)
    assert licensed[0]["providers"] == [{"name": "Ada", "roles": ["producer"]}]
    roles = {role for asset in licensed[0]["assets"].values() for role in asset["roles"]}
    assert roles == {"data", "visual", "thumbnail"}
    for asset in licensed[0]["assets"].values():
        answer = service.get(asset["href"])
        assert answer.status_code == 200 and answer.content.startswith(b"\xff\xd8")
    everything = opened(thumbnails="all").get(f"{ROOT}/search?limit=100").json()["features"]
    assert all(item["assets"] for item in everything)


def test_an_item_links_to_the_photos_around_it(service: TestClient) -> None:
    first = service.get(f"{ROOT}/search?limit=1").json()["features"][0]
    item = service.get(f"{ROOT}/collections/town/items/{first['id']}").json()
    check_item(item)
    assert item["properties"]["view:azimuth"] == first["properties"]["view:azimuth"]
    around = [link for link in item["links"] if link["rel"] in ("next", "prev", "related")]
    assert {"next", "related"} <= {link["rel"] for link in around}
    for link in around:
        assert link["type"] == "application/geo+json" and link["geometry"]["type"] == "Point"
        assert service.get(link["href"]).json()["id"] == link["id"]
    assert service.get(f"{ROOT}/search?ids={item['id']}").json()["features"] == [item]
    assert problem(service.get(f"{ROOT}/collections/town/items/nothing"))[:2] == (404, "no_such_photo")


def test_a_search_by_box_area_id_and_collection_finds_the_same_photo(service: TestClient) -> None:
    item = service.get(f"{ROOT}/search?limit=1").json()["features"][0]
    lon, lat = item["geometry"]["coordinates"]
    west, south, east, north = lon - 1e-6, lat - 1e-6, lon + 1e-6, lat + 1e-6
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    area = {"type": "Polygon", "coordinates": [ring]}
    by_box = service.get(f"{ROOT}/search?bbox={west},{south},{east},{north}&limit=50").json()["features"]
    assert item in by_box and all(each["geometry"] == item["geometry"] for each in by_box)
    assert (
        service.get(f"{ROOT}/search", params={"intersects": json.dumps(area), "limit": 50}).json()["features"] == by_box
    )
    for body in (
        {"intersects": area, "limit": 50},
        {"bbox": [west, south, east, north], "limit": 50},
        {"bbox": [west, south, 0, east, north, 100], "limit": 50, "collections": ["town"]},
    ):
        assert service.post(f"{ROOT}/search", json=body).json()["features"] == by_box
    found = service.post(f"{ROOT}/search", json={"ids": [item["id"], "nothing"], "collections": ["town"]}).json()
    assert [each["id"] for each in found["features"]] == [item["id"]]


def test_a_search_by_post_continues_with_the_body_of_its_link(service: TestClient) -> None:
    first = service.post(f"{ROOT}/search", json={"limit": 2}).json()
    [link] = [link for link in first["links"] if link["rel"] == "next"]
    second = service.post(link["href"], json=link["body"]).json()
    assert not {f["id"] for f in first["features"]} & {f["id"] for f in second["features"]}


def test_a_search_by_time_finds_the_photos_of_that_time(service: TestClient) -> None:
    item = service.get(f"{ROOT}/search?limit=1").json()["features"][0]
    when = item["properties"]["datetime"]
    for interval, is_found in (
        (when, True),
        (f"{when}/..", True),
        (f"../{when}", True),
        ("1900-01-01/1950-01-01", False),
    ):
        found = service.get(f"{ROOT}/search", params={"datetime": interval, "limit": 100}).json()["features"]
        assert (item in found) == is_found, interval


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("search?bbox=1,2,3", "bad_parameter"),
        ("search?bbox=1,2,x,4", "bad_parameter"),
        ("search?bbox=1,50,2,40", "bad_bbox"),
        ("search?bbox=1,2,3,4&intersects={}", "bad_parameter"),
        ("search?intersects={}", "bad_area"),
        ('search?intersects={"type":"LineString","coordinates":[[1,2],[3,4]]}', "bad_area"),
        ('search?intersects={"type":"Polygon","coordinates":[[[1,2],[3,4]]]}', "bad_area"),
        ("search?intersects=" + "[" * 5000, "bad_area"),
        ("search?datetime=yesterday", "bad_datetime"),
        ("search?datetime=../..", "bad_datetime"),
        ("search?datetime=2026-01-02T00:00:00Z/2026-01-01T00:00:00Z", "bad_datetime"),
        ("search?limit=0", "bad_parameter"),
        ("search?token=-1", "bad_parameter"),
        ("search?filter=x", "unknown_parameter"),
        ("search?collections=other", "no_such_map"),
    ],
)
def test_a_search_that_makes_no_sense_is_one_clear_line(service: TestClient, address: str, code: str) -> None:
    status, found, _ = problem(service.get(f"{ROOT}/{address}"))
    assert found == code or (address.startswith("search?bbox=1,2") and found in ("bad_bbox", "bad_parameter"))
    assert status in (400, 404, 422)


def test_a_body_with_an_unknown_field_is_refused(service: TestClient) -> None:
    assert problem(service.post(f"{ROOT}/search", json={"box": [1, 2, 3, 4]}))[1] == "bad_parameter"


# Single photos


def photo(**facts: Any) -> Photo:
    return Photo(**{"id": "a/b c.jpg", "source": "/x", "position": Position(50.0, 20.0)} | facts)


@pytest.mark.parametrize("key", ["plain-1.jpg", "a/b c.jpg", "ä#?&%2F", "~tilde", "\udcff", "", "-x", "a" * 500])
def test_ids_survive_an_address(key: str) -> None:
    coded = item_id(key)
    assert photo_id(coded) == key and re.fullmatch(r"[A-Za-z0-9._~-]+", coded)


def test_ids_that_are_not_of_ours_are_no_error() -> None:
    for strange in ("~", "~!!!!", "~////", "~" + "A" * 9):
        assert isinstance(photo_id(strange), str)


def test_times_get_a_zone_and_unknown_ones_an_interval() -> None:
    for when, said in (
        (datetime(2026, 1, 2, 3, 4, 5), "2026-01-02T03:04:05Z"),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2))), "2026-01-02T01:04:05Z"),
    ):
        item = to_item(photo(taken_at=when), "town", MADE_AT, SITE)
        check_item(item)
        assert item["properties"]["datetime"] == said
    item = to_item(photo(), "town", MADE_AT, SITE)
    check_item(item)
    assert item["properties"]["end_datetime"] == "2026-06-01T00:00:00Z"


def test_the_camera_becomes_perspective_imagery() -> None:
    camera = Camera(focal_px=500.0, width_px=1000, height_px=750, pitch_deg=-3.0, roll_deg=1.0)
    properties = to_item(photo(camera=camera, heading_deg=360.0), "town", MADE_AT, SITE)["properties"]
    assert properties["pers:interior_orientation"] == {"field_of_view": 90, "sensor_array_dimensions": [1000, 750]}
    assert properties["view:azimuth"] == 0.0 and properties["pers:pitch"] == -3.0 and properties["pers:roll"] == 1.0
    view = View(yaw_deg=90.0, pitch_deg=5.0, field_of_view_deg=80.0)
    properties = to_item(photo(view=view), "town", MADE_AT, SITE)["properties"]
    assert properties["pers:interior_orientation"] == {"field_of_view": 80} and properties["pers:pitch"] == 5.0


@pytest.mark.parametrize(
    ("licence", "named"),
    [
        ("CC BY-SA 4.0", "CC-BY-SA-4.0"),
        ("cc-by-2.0", "CC-BY-2.0"),
        ("CC BY-NC-ND 4.0", "CC-BY-NC-ND-4.0"),
        ("https://creativecommons.org/licenses/by-sa/4.0/", "CC-BY-SA-4.0"),
        ("https://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"),
        ("CC0", "CC0-1.0"),
        ("All rights reserved", "proprietary"),
        (None, "proprietary"),
    ],
)
def test_licences_are_named_as_spdx_does(licence: str | None, named: str) -> None:
    assert spdx(licence) == named


def test_an_area_may_have_a_hole_and_several_parts() -> None:
    def square(west: float, south: float, side: float) -> list[list[float]]:
        east, north = west + side, south + side
        return [[west, south], [east, south], [east, north], [west, north], [west, south]]

    area = {"type": "MultiPolygon", "coordinates": [[square(0, 0, 10), square(4, 4, 2)], [square(20, 20, 1)]]}
    box, inside = area_of(area)
    assert (box.west, box.south, box.east, box.north) == (0, 0, 21, 21)
    assert inside(Position(1, 1)) and inside(Position(20.5, 20.5))
    assert not inside(Position(5, 5)) and not inside(Position(15, 15))
    assert area_of({"type": "Point", "coordinates": [2, 1]})[1](Position(1, 2))


# Vector tiles


def tile_of(lat: float, lon: float, z: int) -> tuple[int, int]:
    """The tile of a position, by the usual formula."""
    down = (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2
    return int((lon + 180) / 360 * 2**z), int(down * 2**z)


def layers_of(content: bytes) -> dict[str, list[dict[str, Any]]]:
    """The tags of the features of a tile, by layer, with their geometry."""
    found = {}
    for layer in parse_from_string(content).tile_pbf.layers:
        assert layer.version == 2 and layer.extent == 4096
        values = [getattr(value, value.ListFields()[0][0].name) for value in layer.values]
        found[layer.name] = [
            dict(zip((layer.keys[k] for k in f.tags[::2]), (values[v] for v in f.tags[1::2]), strict=True))
            | {"geometry": list(f.geometry)}
            for f in layer.features
        ]
    return found


def test_a_tile_has_every_photo_where_it_was_taken(service: TestClient, licensed: Path) -> None:
    with Map.open(licensed) as city:
        photos = {item_id(photo.id): photo for photo in city.photos()}
    at = next(iter(photos.values())).position
    x, y = tile_of(at.lat, at.lon, 15)
    answer = service.get(f"{ROOT}/tiles/15/{x}/{y}.mvt")
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/vnd.mapbox-vector-tile"
    layers = layers_of(answer.content)
    assert {"grid", "pictures"} <= layers.keys()
    assert sum(cell["nb_pictures"] for cell in layers["grid"]) <= len(photos)
    for dot in layers["pictures"]:
        photo = photos[dot["id"]]
        assert dot["heading"] == pytest.approx(photo.heading_deg, abs=0.1) and dot["type"] == "flat"
        assert json.loads(dot["sequences"]) == [dot["first_sequence"]] == ["town"]
        command, east, south = dot["geometry"]
        east, south = ((value >> 1) ^ -(value & 1) for value in (east, south))
        lon = (x + east / 4096) / 2**15 * 360 - 180
        lat = math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * (y + south / 4096) / 2**15))))
        assert command == 9 and distance_m(Position(lat, lon), photo.position) < 0.5
    [item] = service.get(f"{ROOT}/search?ids={layers['pictures'][0]['id']}").json()["features"]
    assert item["id"] == layers["pictures"][0]["id"]


def test_a_tile_from_afar_has_a_grid_and_one_elsewhere_is_empty(service: TestClient, licensed: Path) -> None:
    with Map.open(licensed) as city:
        at, count = next(iter(city.photos())).position, len(city)
    x, y = tile_of(at.lat, at.lon, 6)
    layers = layers_of(service.get(f"{ROOT}/tiles/6/{x}/{y}.mvt").content)
    assert "pictures" not in layers
    assert sum(cell["nb_pictures"] for cell in layers["grid"]) == count
    assert all(0 < cell["coef"] <= 1 for cell in layers["grid"])
    assert service.get(f"{ROOT}/tiles/6/{x}/{(y + 20) % 64}.mvt").content == b""
    assert layers_of(service.get(f"{ROOT}/tiles/0/0/0.mvt").content)["grid"]


@pytest.mark.parametrize("tile", ["0/1/0", "16/0/0", "3/0/8", "3/9999999/0"])
def test_a_tile_that_does_not_exist_is_one_clear_line(service: TestClient, tile: str) -> None:
    status, code, line = problem(service.get(f"{ROOT}/tiles/{tile}.mvt"))
    assert (status, code) == (404, "no_such_tile") and tile in line
    assert service.get(f"{ROOT}/tiles/-1/0/0.mvt").status_code == 422


def test_photos_that_follow_each_other_are_a_line_and_a_panorama_is_one_dot() -> None:
    street = [
        photo(id=str(n), position=Position(50.0 + n * 1e-4, 20.0), taken_at=MADE_AT + timedelta(seconds=20 * n))
        for n in range(4)
    ]
    later = photo(id="later", position=Position(50.0004, 20.0), taken_at=MADE_AT + timedelta(hours=1))
    undated = photo(id="undated", position=Position(50.0005, 20.0))
    views = [
        photo(id=f"pano#{yaw}", source="pano", position=Position(50.001, 20.001), view=View(yaw_deg=yaw))
        for yaw in (0.0, 90.0, 180.0)
    ]
    content = TileContent(TileAddress.of(15, *tile_of(50.0, 20.0, 15)))
    content.add(Rows([*street, later, undated, *views]), "town", Overview())  # type: ignore[arg-type]
    layers = layers_of(content.to_bytes())
    assert [each["id"] for each in layers["pictures"]] == ["0", "1", "2", "3", "later", "undated", item_id("pano#0.0")]
    [path] = layers["sequences"]
    assert path["id"] == "town"
    assert path["geometry"][0] == 9 and path["geometry"][3] == 3 << 3 | 2, "one line of four points"
    assert len(path["geometry"]) == 1 + 2 + 1 + 3 * 2


class Rows:
    """As much of a store as a tile needs."""

    def __init__(self, photos: list[Photo]) -> None:
        self._photos = photos
        self.read = 0

    def __len__(self) -> int:
        return len(self._photos)

    def rows_in(self, box: Any, limit: int) -> Any:
        return np.arange(1, min(limit, len(self._photos)) + 1)

    def photos(self, rows: Any) -> list[Photo]:
        self.read += len(rows)
        return [self._photos[row - 1] for row in rows]

    @property
    def version(self) -> Version:
        return Version("m", len(self._photos), 0)


def test_a_tile_of_a_large_map_costs_a_bounded_number_of_photos(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "COUNTED", 50)
    monkeypatch.setattr(tiles, "MOST_PICTURES", 20)
    monkeypatch.setattr(overview, "SAMPLE", 40)
    x, y = tile_of(50.0, 20.0, 15)
    for count, most in ((49, 49), (500, 40 + 20)):
        store = Rows([photo(id=str(n), position=Position(50.0, 20.0 + n * 1e-6)) for n in range(count)])
        content = TileContent(TileAddress.of(15, x, y))
        content.add(store, "town", Overview())  # type: ignore[arg-type]
        assert store.read <= most
        assert 10 <= len(content.pictures) <= 20
        assert sum(cell["tags"]["nb_pictures"] for cell in content.grid) == pytest.approx(count, rel=0.2)


def test_the_style_names_the_layers_that_the_viewer_looks_for(service: TestClient) -> None:
    links = {link["rel"]: link for link in service.get(ROOT).json()["links"]}
    style = service.get(links["xyz-style"]["href"]).json()
    assert style["sources"]["geovisio"]["tiles"] == [links["xyz"]["href"]]
    assert [layer["id"] for layer in style["layers"]] == ["geovisio_grid", "geovisio_sequences", "geovisio_pictures"]
    address = links["xyz"]["href"].format(z=0, x=0, y=0)
    assert service.get(address).status_code == 200
