"""File names with UTM positions: both hemispheres, wrong zones, cut-off times, folders with an @."""

from datetime import datetime
from pathlib import Path

import pytest
from drawn import saved, scene

from viewfix.geo import distance_m
from viewfix.sources import open_source
from viewfix.sources.utm import from_name
from viewfix.types import Photo, Position, Skipped

# As the data sets of the field write them: padded with zeros, the letter of a band, headings over 360.
TOKYO = "@0386437.04@3950236.06@54@S@035.68950@0139.74491@pano@0@584@000@@@20131105_101112@note@.jpg"
SYDNEY = "@0334900.57@6252288.75@56@H@-33.85680@0151.21530@@@@@@@@@.jpg"


def test_a_name_contains_position_heading_and_time() -> None:
    about = from_name(TOKYO)
    assert about.position is not None
    assert distance_m(about.position, Position(35.6895, 139.74491)) < 100
    assert about.heading_deg == 224.0
    assert about.taken_at == datetime(2013, 11, 5, 10, 11, 12)
    assert about.no_position is None


def name(lat: float, lon: float, letter: str, *, degrees: bool = False, zone: int | None = None) -> str:
    from pyproj import Transformer

    zone = zone or int((lon + 180) // 6) + 1
    east, north = Transformer.from_crs(4326, (32700 if lat < 0 else 32600) + zone, always_xy=True).transform(lon, lat)
    where = f"{lat:.5f}@{lon:.5f}" if degrees else "@"
    return f"@{east:010.2f}@{north:010.2f}@{zone}@{letter}@{where}@@@@@@@@@.jpg"


@pytest.mark.parametrize("degrees", [False, True])
@pytest.mark.parametrize(
    ("lat", "lon", "letter"),
    [
        (35.6812, 139.7671, "S"),  # Tokyo: S is a band of the north
        (40.4406, -79.9959, "T"),  # Pittsburgh
        (60.1699, 24.9384, "V"),  # Helsinki
        (1.3521, 103.8198, "N"),  # Singapore
        (-33.8568, 151.2153, "H"),  # Sydney
        (-0.1807, -78.4678, "M"),  # Quito
        (-54.8019, -68.3030, "F"),  # Ushuaia
        (-33.8568, 151.2153, "S"),  # written by who means the hemisphere by it
        (-23.5505, -46.6333, "s"),
        (60.1699, 24.9384, "N"),
        (-17.7134, 178.0650, "K"),  # Fiji, at the last zone
        (-17.7134, -179.9, "K"),  # and at the first
    ],
)
def test_zones_and_letters_lead_to_the_right_hemisphere(lat: float, lon: float, letter: str, degrees: bool) -> None:
    position = from_name(name(lat, lon, letter, degrees=degrees)).position
    assert position is not None
    assert distance_m(position, Position(lat, lon)) < 0.1


def test_a_textbook_landmark_has_the_right_position() -> None:
    position = from_name("@630084@4833438@17@N@.jpg").position  # the CN Tower, 43 38 33.24 N, 79 23 13.7 W
    assert position is not None
    assert distance_m(position, Position(43 + 38 / 60 + 33.24 / 3600, -(79 + 23 / 60 + 13.7 / 3600))) < 1.0


def test_photos_on_both_sides_of_a_zone_boundary_are_neighbours() -> None:
    west, east = (from_name(name(50.0, lon, "U")).position for lon in (11.9999, 12.0001))
    assert west is not None and east is not None
    assert distance_m(west, east) == pytest.approx(14.3, abs=0.2)


def test_a_name_with_two_positions_is_not_used() -> None:
    wrong = name(50.0, 13.0, "U", degrees=True).replace("@33@", "@32@")
    about = from_name(wrong)
    assert about.position is None
    assert "has two positions, 4" in (about.no_position or "")


@pytest.mark.parametrize(
    "mock", ["@0@1000@@@@@@@@@@@@@.jpg", "@0@1000@33@U@@@@@@@@@@@.jpg", "@nan@inf@33@U@@@.jpg", "@1@2@3"]
)
def test_made_up_positions_are_not_used(mock: str) -> None:
    about = from_name(mock)
    assert about.position is None
    assert about.no_position


def test_degrees_alone_are_enough() -> None:
    assert from_name("@@@@@48.85840@2.29450@.jpg").position == Position(48.8584, 2.2945)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("20131105_101112", datetime(2013, 11, 5, 10, 11, 12)),
        ("20131105_1011", datetime(2013, 11, 5, 10, 11)),
        ("20131105", datetime(2013, 11, 5)),
        ("201311", None),
        ("2013", None),
        ("20139999", None),
        ("", None),
    ],
)
def test_a_time_may_be_cut_off(text: str, moment: datetime | None) -> None:
    assert from_name(TOKYO.replace("20131105_101112", text)).taken_at == moment


def test_a_folder_of_such_names_is_recognised_even_with_an_at_sign_in_its_path(tmp_path: Path) -> None:
    folder = tmp_path / "@home@2024@data" / "database"
    folder.mkdir(parents=True)
    for file in (TOKYO, SYDNEY, "@0@1000@@@@@@@@@@@@@.jpg"):
        (folder / file).write_bytes(saved(scene()))
    items = {item.id: item for item in open_source(folder)}
    assert items.keys() == {TOKYO, SYDNEY, "@0@1000@@@@@@@@@@@@@.jpg"}
    sydney = items[SYDNEY]
    assert isinstance(sydney, Photo)
    assert distance_m(sydney.position, Position(-33.8568, 151.2153)) < 20
    made_up = items["@0@1000@@@@@@@@@@@@@.jpg"]
    assert isinstance(made_up, Skipped)
    assert "its name has neither a UTM zone and letter" in made_up.reason


def test_a_photo_with_another_name_in_such_a_folder_is_read_as_in_any_folder(tmp_path: Path) -> None:
    for file in (TOKYO, SYDNEY, "extra.jpg"):
        (tmp_path / file).write_bytes(saved(scene()))
    extra = next(item for item in open_source(tmp_path) if item.id == "extra.jpg")
    assert isinstance(extra, Skipped)
    assert "it carries no GPS position" in extra.reason
