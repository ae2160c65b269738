"""Exports in formats that other programs read."""

from __future__ import annotations

import csv
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from viewfix.store.export import export
from viewfix.store.store import ModelIdentity, Record, Store
from viewfix.types import Camera, Photo, Position, View

TOY = ModelIdentity("toy", "f" * 64, 2)


def made(path: Path, *photos: Photo) -> Store:
    store = Store.create(path, TOY)
    store.put([Record(photo, "hash") for photo in photos], np.ones((len(photos), 2), np.float32))
    return store


@pytest.fixture
def panorama(tmp_path: Path) -> Store:
    views = [
        Photo(f"pano#{yaw}", "/p.jpg", Position(60, 25), view=View(yaw, None, 90), camera=Camera(focal_px=512.5))
        for yaw in (0, 90)
    ]
    return made(tmp_path / "a.map", *views, Photo("plain.jpg", "/plain.jpg", Position(61, 25)))


def test_geojson_holds_the_view_and_the_camera_of_a_photo_as_objects(panorama: Store, tmp_path: Path) -> None:
    with panorama as store:
        export(store, tmp_path / "a.geojson")
    features = json.loads((tmp_path / "a.geojson").read_text())["features"]
    assert [each["properties"].get("view") for each in features] == [
        {"yaw_deg": 0.0, "field_of_view_deg": 90.0},
        {"yaw_deg": 90.0, "field_of_view_deg": 90.0},
        None,
    ]
    assert features[0]["properties"]["camera"] == {"focal_px": 512.5}
    assert "view" not in features[2]["properties"] and "camera" not in features[2]["properties"]


def test_csv_holds_the_view_and_the_camera_of_a_photo_as_json(panorama: Store, tmp_path: Path) -> None:
    with panorama as store:
        export(store, tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["view"] for row in rows] == [
        '{"yaw_deg":0.0,"field_of_view_deg":90.0}',
        '{"yaw_deg":90.0,"field_of_view_deg":90.0}',
        "",
    ]
    assert [row["camera"] for row in rows] == ['{"focal_px":512.5}'] * 2 + [""]


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"]


@pytest.mark.parametrize("escape", [True, False])
def test_text_that_a_spreadsheet_would_run_is_escaped_in_csv(tmp_path: Path, escape: bool) -> None:
    photos = [
        Photo(f"{text}{n}.jpg", f"{text}/source", Position(-33.5, -70.25), attribution=text, licence=f"fine {text}")
        for n, text in enumerate(FORMULAS)
    ]
    with made(tmp_path / "a.map", *photos) as store:
        export(store, tmp_path / "a.csv", escape=escape)
    with (tmp_path / "a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    mark = "'" if escape else ""
    for row, text in zip(rows, FORMULAS, strict=True):
        assert row["attribution"] == mark + text and row["id"].startswith(mark + text)
        assert row["licence"] == f"fine {text}", "only the beginning of a cell is a formula"
        assert (row["lat"], row["lon"]) == ("-33.5", "-70.25"), "numbers stay numbers"


def test_what_a_killed_export_left_is_deleted_by_a_later_one(tmp_path: Path) -> None:
    stale, fresh, other = (tmp_path / name for name in (".a.csv.01.part", ".a.csv.02.part", ".b.csv.01.part"))
    for file in (stale, fresh, other):
        file.write_text("half")
    for file in (stale, other):
        os.utime(file, (0, 0))
    with made(tmp_path / "a.map", Photo("a", "/a", Position(1, 1))) as store:
        export(store, tmp_path / "a.csv")
    assert not stale.exists() and fresh.exists() and other.exists()


@pytest.mark.parametrize(("ending", "element"), [("kml", "Placemark"), ("gpx", "wpt")])
def test_kml_and_gpx_hold_every_photo_at_its_place(ending: str, element: str, tmp_path: Path) -> None:
    odd = "<&\x01>.jpg"
    photos = [
        Photo(odd, "/a.jpg", Position(50.5, -10.25), 90.0, datetime(2024, 5, 1, tzinfo=UTC), "A & B"),
        Photo("b.jpg", "/b.jpg", Position(-1.0, 179.5)),
    ]
    with made(tmp_path / "a.map", *photos) as store:
        [file] = export(store, tmp_path / f"photos.{ending}")
    found = [each for each in ElementTree.parse(file).iter() if each.tag.endswith(f"}}{element}")]
    names = [child.text for each in found for child in each if child.tag.endswith("}name")]
    assert names == ["<&>.jpg", "b.jpg"]
    if ending == "gpx":
        places = [(float(each.get("lat", "nan")), float(each.get("lon", "nan"))) for each in found]
    else:
        texts = [child.text or "" for each in found for child in each.iter() if child.tag.endswith("}coordinates")]
        places = [(float(text.split(",")[1]), float(text.split(",")[0])) for text in texts]
    assert places == [(50.5, -10.25), (-1.0, 179.5)]
