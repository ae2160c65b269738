"""A map leaves viewfix in formats that other programs read."""

from __future__ import annotations

import csv
import json
from pathlib import Path

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
