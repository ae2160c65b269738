"""What a map can be expected to find: the estimate from left-out photos, its words, and where it is shown."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from viewfix import Map, Photo, Position
from viewfix.cli import run
from viewfix.embed.describe import content_hash
from viewfix.locate.confidence import PRIOR, Calibration
from viewfix.locate.expectation import Expectation, in_words, per_hundred
from viewfix.locate.expected_share import FAR_M, LeftOut, expect, share_of_new
from viewfix.pack.photos import calibration_of
from viewfix.store.records import Record
from viewfix.store.store import ModelIdentity, Store

GOOD = Expectation(0.9, 0.85, 300, 9.0, (52.2, 0.11, 52.21, 0.12))
SPARSE = replace(GOOD, share_found=0.31, spacing_m=22.4)
ALBUM = replace(GOOD, share_found=0.03, share_found_by_similarity=0.02, spacing_m=90.2)
STEP_DEG = 0.00009  # 10 m of latitude


def test_a_dense_map_is_told_what_it_finds_and_nothing_else() -> None:
    assert in_words(GOOD, "home.map") == ["about 90 in 100 new photos of these streets would be found"]


def test_a_sparse_map_is_told_where_to_take_more_photos() -> None:
    assert in_words(SPARSE, "my home.map") == [
        "about 31 in 100 new photos of these streets would be found; the map is sparse (one photo every 22 m): "
        "viewfix coverage 'my home.map' shows where to take more"
    ]


def test_an_album_is_told_to_fetch_street_level_pictures_of_its_own_area() -> None:
    first, command = in_words(ALBUM, "home.map")
    assert first.startswith("about 3 in 100") and "one photo every 90 m" in first
    assert command == (
        "  viewfix fetch panoramax:52.2000,0.1100,52.2100,0.1200 -o streets && viewfix add home.map streets"
    )


def test_photos_without_neighbours_are_called_sparse_too() -> None:
    assert "hardly any photo is within 200 m of another" in in_words(replace(ALBUM, spacing_m=None), "a.map")[0]


def test_a_map_whose_photos_are_close_is_not_called_sparse() -> None:
    [line] = in_words(replace(SPARSE, spacing_m=5.0), "a.map")
    assert "sparse" not in line and "viewfix coverage a.map" in line


@pytest.mark.parametrize(("share", "number"), [(0.0, 0), (0.001, 1), (0.5, 50), (0.999, 99), (1.0, 100)])
def test_only_none_is_zero_and_only_all_is_a_hundred(share: float, number: int) -> None:
    assert per_hundred(share) == number


def test_a_stored_expectation_is_read_back_and_a_damaged_one_is_unknown() -> None:
    calibration = replace(PRIOR, expectation=ALBUM)
    stored = json.loads(json.dumps(calibration.to_json()))
    assert Calibration.from_json(stored).expectation == ALBUM
    assert stored["expectation"]["advice"] == "fetch"
    for damaged in (None, {}, [], {**ALBUM.to_json(), "box": [1, 2]}, {**ALBUM.to_json(), "share_found": "many"},
                    {**ALBUM.to_json(), "box": [91, 0, 92, 1]}):  # fmt: skip
        assert Calibration.from_json({**stored, "expectation": damaged}).expectation is None


def test_new_photos_are_nearer_than_left_out_ones_and_are_found_more_often() -> None:
    apart_m = np.repeat([4.0, 8.0, 12.0, 30.0], 50)
    found = np.repeat([1.0, 0.7, 0.4, 0.0], 50)
    share = share_of_new(found, apart_m, np.ones(200))
    assert found.mean() < share < found.mean() + 0.15


def test_a_map_that_finds_nothing_expects_little_however_close_its_photos_are() -> None:
    assert share_of_new(np.zeros(200), np.full(200, 6.0), np.ones(200)) < 0.08


def test_a_verified_photo_stands_for_those_that_were_not_verified() -> None:
    found, apart_m = np.array([1.0, 0.0] * 50), np.full(100, 9.0)
    more = share_of_new(found, apart_m, np.array([3.0, 1.0] * 50))
    assert more > share_of_new(found, apart_m, np.ones(100)) + 0.15


@pytest.fixture
def line(tmp_path: Path):
    """A map of 20 photos along a line, 10 m apart, looking north and south in turn, at the 180th meridian."""
    photos = [
        Photo(f"{n}.jpg", f"/nowhere/{n}.jpg", Position(STEP_DEG * n, lon), heading_deg=180.0 * (n % 2))
        for n, lon in enumerate([180.0, -179.999995] * 10)
    ]
    units = np.eye(20, 48, dtype=np.float32)
    with Store.create(tmp_path / "line.map", ModelIdentity("toy", "0" * 64, 48)) as store:
        store.put([Record(each, content_hash(each.id.encode())) for each in photos], units, [])
        yield store, photos


def test_the_spacing_and_the_box_are_those_of_the_photos(line) -> None:
    store, photos = line
    found = expect(store, [LeftOut(each, True, True, 1.0) for each in photos], 5.0)
    assert found is not None and found.left_out == 20
    assert found.spacing_m == pytest.approx(10, abs=1.5)
    south, west, north, east = found.box
    assert south < 0 and north > 19 * STEP_DEG and west > 179.99 and east < -179.99
    far = [replace(each, position=Position(50.0, 20.0 + n)) for n, each in enumerate(photos)]
    assert expect(store, [LeftOut(each, False, False, 1.0) for each in far], 5.0).spacing_m is None
    assert expect(store, [LeftOut(each, False, False, 1.0) for each in photos[:7]], 5.0) is None
    assert FAR_M == 200


def test_the_commands_the_facts_and_the_pack_say_the_same(city: Map, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(city.path)
    expected = city.calibration.expectation
    assert expected is not None
    [first, *_] = in_words(expected, path)
    capsys.readouterr()
    assert run(["info", path]) == 0
    assert first in capsys.readouterr().out
    assert run(["info", path, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["expectation"] == expected.to_json() == city.info()["expectation"]
    assert calibration_of(city.calibration)["share_found"] == expected.share_found_by_similarity
