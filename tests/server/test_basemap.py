"""The base map that is stored with a map: listed, served in parts, cached, guarded by keys, and left out if damaged."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiles

from viewfix.server.keys import Keys, new_key

from .client import Open


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A base map beside the map that `opened` serves."""
    path = tmp_path / "town.map.pmtiles"
    tiles.write(path, 50.0, 20.0)
    return path


def test_a_map_names_its_base_map_and_serves_it_in_parts_that_can_be_cached(opened: Open, file: Path) -> None:
    client = opened()
    [about] = client.get("/v1/maps").json()["maps"]
    assert about["basemap"]["kind"] == "pmtiles"
    address = about["basemap"]["url"]
    part = client.get(address, headers={"Range": "bytes=0-6"})
    assert (part.status_code, part.content) == (206, b"PMTiles")
    assert part.headers["content-range"] == f"bytes 0-6/{file.stat().st_size}"
    assert "immutable" in part.headers["cache-control"]
    again = client.get(address, headers={"If-None-Match": part.headers["etag"]})
    assert again.status_code == 304
    assert client.get(address, headers={"Range": "bytes=99999999-"}).status_code == 416
    whole = client.get("/v1/maps/town/basemap.pmtiles")
    assert whole.content == file.read_bytes() and whole.headers["cache-control"] == "private, no-cache"


def test_a_base_map_that_is_replaced_gets_another_address(opened: Open, file: Path) -> None:
    client = opened()
    [before] = client.get("/v1/maps").json()["maps"]
    tiles.write(file, 51.0, 21.0, b"more")
    [after] = client.get("/v1/maps").json()["maps"]
    assert before["basemap"]["url"] != after["basemap"]["url"]


def test_a_base_map_needs_the_key_of_the_map_and_does_not_use_up_requests(
    opened: Open, file: Path, tmp_path: Path
) -> None:
    key = {"X-API-Key": new_key(tmp_path / "keys.toml", "reader")}
    client = opened(keys=Keys(tmp_path / "keys.toml"), per_minute=2)
    assert client.get("/v1/maps/town/basemap.pmtiles").status_code == 401
    for _ in range(5):
        assert client.get("/v1/maps/town/basemap.pmtiles", headers=key).status_code == 200
    assert client.get("/v1/maps", headers=key).status_code == 200


@pytest.mark.parametrize("content", [b"", b"no tiles at all", b"PMTiles\x03" + b"\xff" * 200])
def test_a_damaged_base_map_is_left_out_and_the_map_answers(opened: Open, file: Path, content: bytes) -> None:
    file.write_bytes(content)
    client = opened()
    [about] = client.get("/v1/maps").json()["maps"]
    assert about["basemap"] is None
    missing = client.get("/v1/maps/town/basemap.pmtiles")
    assert missing.status_code == 404 and "has no base map" in missing.json()["error"]["message"]


def test_the_base_map_of_the_operator_replaces_those_of_the_maps(opened: Open, file: Path) -> None:
    client = opened(basemap={"kind": "raster", "url": "https://tiles.example/{z}/{x}/{y}.png"})
    [about] = client.get("/v1/maps").json()["maps"]
    assert about["basemap"] is None and client.get("/v1/basemap").json()["style"]["kind"] == "raster"
