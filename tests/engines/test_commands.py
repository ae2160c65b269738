"""The same commands with a URL in place of a file: every one of them, over one PostgreSQL and over two."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from viewfix.cli import run
from viewfix.map import Map
from viewfix.models.model import Model
from viewfix.store.store import Store

from .conftest import fresh_name
from .servers import PostgresServer


@pytest.fixture(params=[1, 2], ids=["one server", "two servers"])
def place(request: pytest.FixtureRequest, two_servers: list[PostgresServer]) -> str:
    name = fresh_name()
    return ",".join(server.url(name) for server in two_servers[: request.param])


def test_every_command_takes_a_url(
    place: str, street: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = tmp_path / "photos"
    shutil.copytree(street, photos)
    files = sorted(photos.glob("*.jpg"))
    count = len(files)

    def say(*words: str, code: int = 0) -> str:
        assert run([*words]) == code, capsys.readouterr().err
        return capsys.readouterr().out

    assert f"{count} added, 0 already there" in say("build", place, str(photos), "-q")
    assert f"0 added, {count} already there" in say("build", place, str(photos), "-q")
    assert f"0 added, {count} already there" in say("add", place, str(photos), "-q")
    assert "similarity 1.000" in say("locate", place, str(files[5]), "-v")
    facts = json.loads(say("info", place, "--json"))
    assert facts["photos"] == count and facts["calibration"] and facts["map_bytes"] > 0
    here = facts["area"]
    points = tmp_path / "points.csv"
    points.write_text(f"name,lat,lon\nOld Church,{here['south']},{here['west']}\n")
    assert "1 point of interest" in say("pois", "add", place, str(points), "-q")
    assert "Old Church" in say("pois", "list", place)
    assert "1 point of interest removed" in say("pois", "remove", place)
    assert (tmp_path / "out.geojson").name in say("export", place, str(tmp_path / "out.geojson"))
    assert len(json.loads((tmp_path / "out.geojson").read_text())["features"]) == count
    say("coverage", place, "--geojson", str(tmp_path / "coverage.geojson"), "-q")
    assert say("remove", place, files[5].name) == f"1 removed, {count - 1} left\n"
    assert "not there" in say("remove", place, files[5].name, files[6].name)
    say("remove", place, "no such photo", code=2)


def test_a_map_behind_a_url_can_be_migrated_to_another_model(place: str, street: Path, toy: Model) -> None:
    from viewfix.migrate import migrate

    other = type(toy)("other")  # type: ignore[call-arg]
    Map.build(place, street, model=toy).close()
    outcome = migrate(place, other)
    assert outcome.embedded == len(list(street.glob("*.jpg"))) and not outcome.dropped
    with Map.open(place, model=other) as city:
        fix = city.locate(sorted(street.glob("*.jpg"))[3], verify="off")
        assert fix.candidates[0].similarity > 0.999


def test_a_served_map_may_be_a_url(place: str, street: Path) -> None:
    testclient = pytest.importorskip("fastapi.testclient")
    from viewfix.server.app import create_app

    Map.build(place, street).close()
    with testclient.TestClient(create_app([place])) as client:
        picture = sorted(street.glob("*.jpg"))[3].read_bytes()
        answer = client.post("/v1/locate", content=picture, headers={"content-type": "image/jpeg"})
        assert answer.status_code == 200 and answer.json()["properties"]["found"] is not None
        name = place.rpartition("map=")[2]
        assert [each["name"] for each in client.get("/v1/maps").json()["maps"]] == [name]


def test_a_failed_build_leaves_no_empty_map(place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    assert run(["build", place, str(tmp_path), "-q"]) == 2
    assert "None of the photos" in capsys.readouterr().err
    assert not Store.exists(place)
