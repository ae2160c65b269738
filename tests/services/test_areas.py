"""Specs and areas: what is understood, and what is refused with one clear line."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from viewfix import BadInput, Position
from viewfix.cli import run
from viewfix.geo import Box
from viewfix.sources.services.area import box_area, quarters, tiles
from viewfix.sources.services.open import is_service, open_service
from viewfix.sources.services.options import ServiceOptions


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("panoramax:60.1,24.9,60.2,25.0", True),
        ("PANORAMAX+https://example.org/api:60.1,24.9,60.2,25.0", True),
        ("google:1,2,3,4", True),
        ("photos", False),
        ("C:\\photos", False),
        ("panoramax", False),
        ("https://example.org/1,2,3,4", False),
        ("s3://panoramax:8/photos.csv", False),
    ],
)
def test_a_spec_of_a_service_is_told_from_a_path(text: str, expected: bool) -> None:
    assert is_service(text) is expected


def test_the_address_of_an_instance_may_have_a_port_and_may_lack_its_path() -> None:
    assert open_service("panoramax+http://127.0.0.1:5051/api:1,2,3,4").service.api == "http://127.0.0.1:5051/api"
    assert open_service("panoramax+https://example.org:1,2,3,4").service.api == "https://example.org/api"
    assert open_service("panoramax:1,2,3,4").service.api == "https://api.panoramax.xyz/api"


@pytest.mark.parametrize(
    ("spec", "options", "message"),
    [
        ("panoramax:here", {}, "'here' is not an area. Write panoramax:WHERE, where WHERE is SOUTH,WEST"),
        ("panoramax:1,2,3", {}, "'1,2,3' is not an area"),
        ("panoramax:1,2,1,4", {}, "The box 1,2,1,4 is empty: south and north are equal."),
        ("panoramax:1,2,3,2", {}, "The box 1,2,3,2 is empty: west and east are equal."),
        ("panoramax:3,2,1,4", {}, "The south of the box (3.0) is above its north (1.0)."),
        ("panoramax:1,2,95,4", {}, "(95.0, 4.0) is not a WGS84 (lat, lon) in degrees."),
        ("panoramax:1,nan,2,4", {}, "is not a WGS84 (lat, lon) in degrees."),
        ("panoramax:60.1,24.9", {}, "is a point. Set how far around it to look, in metres: --radius 200"),
        ("panoramax:1,2,3,4", {"radius_m": 5.0}, "--radius goes with a point"),
        ("panoramax:no.geojson", {}, "There is no file at no.geojson."),
        ("google:1,2,3,4", {}, "viewfix does not make maps of Google Street View: Google's terms forbid"),
        ("streetview:1,2,3,4", {}, "viewfix does not make maps of Google Street View"),
    ],
)
def test_a_wrong_spec_is_refused_in_one_line(spec: str, options: dict[str, float], message: str) -> None:
    with pytest.raises(BadInput) as refusal:
        open_service(spec, ServiceOptions(**options))
    assert message in str(refusal.value) and "\n" not in str(refusal.value)


def test_a_box_as_large_as_a_country_is_refused_with_what_it_would_take(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["fetch", "panoramax:41,-5,51,9", "-o", "unused"]) == 2
    said = capsys.readouterr().err
    assert "km², as large as a country. It would take about 90 million pictures" in said and "TB" in said
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MAPILLARY_ACCESS_TOKEN", "MLY|1|2")
        assert run(["fetch", "mapillary:41,-5,51,9", "-o", "unused"]) == 2
    assert "at least 8,750,000 requests, 14.6 h at the 10,000 a minute" in capsys.readouterr().err
    assert not Path("unused").exists()


def test_a_box_over_the_180th_meridian_becomes_two() -> None:
    area = box_area(-17.0, 179.9, -16.9, -179.9)
    assert area.boxes == (Box(-17.0, 179.9, -16.9, 180.0), Box(-17.0, -180.0, -16.9, -179.9))
    assert area.contains(Position(-16.95, 179.95)) and area.contains(Position(-16.95, -179.95))
    assert not area.contains(Position(-16.95, 0.0)) and area.km2 == pytest.approx(237, rel=0.01)
    assert box_area(1.0, 180.0, 2.0, -179.0).boxes == (Box(1.0, -180.0, 2.0, -179.0),)


def test_quarters_and_tiles_cover_a_box_without_gaps() -> None:
    box = Box(60.0, 24.0, 60.012, 24.01)
    for parts in (list(quarters(box)), list(tiles(box, 0.004))):
        assert sum((p.north - p.south) * (p.east - p.west) for p in parts) == pytest.approx(0.012 * 0.01)
        assert {min(p.south for p in parts), max(p.north for p in parts)} == {60.0, 60.012}
        assert {min(p.west for p in parts), max(p.east for p in parts)} == {24.0, 24.01}
    assert len(list(tiles(box, 0.004))) == 9


def geojson(file: Path, *rings: list[list[float]], kind: str = "Polygon") -> str:
    coordinates = list(rings) if kind == "Polygon" else [[ring] for ring in rings]
    file.write_text(json.dumps({"type": "Feature", "geometry": {"type": kind, "coordinates": coordinates}}))
    return f"panoramax:{file}"


def test_a_polygon_with_a_hole_contains_what_lies_in_it(tmp_path: Path) -> None:
    outline = [[0, 0], [4, 0], [4, 4], [0, 4], [0, 0]]
    hole = [[1, 1], [3, 1], [3, 3], [1, 3], [1, 1]]
    area = open_service(geojson(tmp_path / "a.geojson", outline, hole)).area
    assert area.contains(Position(0.5, 2)) and not area.contains(Position(2, 2)) and not area.contains(Position(5, 2))
    two = [[10, 0], [11, 0], [11, 1], [10, 0]]
    area = open_service(geojson(tmp_path / "b.geojson", outline, two, kind="MultiPolygon")).area
    assert len(area.boxes) == 2 and area.contains(Position(0.5, 10.9)) and not area.contains(Position(0.9, 10.1))


@pytest.mark.parametrize(
    "content",
    [
        "not JSON",
        "{}",
        '{"type": "Point", "coordinates": [1, 2]}',
        '{"type": "Polygon", "coordinates": [[[1, 2], [3, 4]]]}',
        '{"type": "Polygon", "coordinates": [[[500000, 6000000], [1, 2], [3, 4], [1, 2]]]}',
        '{"type": "Polygon", "coordinates": {"a": [NaN]}}',
    ],
)
def test_a_file_without_a_polygon_in_degrees_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "area.geojson"
    file.write_text(content)
    with pytest.raises(BadInput, match=r"area\.geojson"):
        open_service(f"panoramax:{file}")


def test_options_out_of_range_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BadInput, match="begins on 2024-05-02 but ends on 2024-05-01"):
        ServiceOptions(since=date(2024, 5, 2), until=date(2024, 5, 1))
    for wrong in ({"spacing_m": 0.0}, {"spacing_m": float("inf")}, {"radius_m": -1.0}, {"max_photos": 0}):
        with pytest.raises(BadInput, match=next(iter(wrong))):
            ServiceOptions(**wrong)
    assert run(["fetch", "panoramax:1,2,3,4", "-o", "unused", "--from", "yesterday"]) == 2
    assert "'yesterday' is not a date. Write it as 2024-05-01" in capsys.readouterr().err
    assert run(["build", "x.map", "photos", "--max-photos", "3"]) == 2
    assert "and photos is not one" in capsys.readouterr().err
    assert run(["fetch", "photos", "-o", "unused"]) == 2
    assert "photos is not a service" in capsys.readouterr().err
    assert run(["fetch", "panoramax:1,2,3,4"]) == 2
    assert "There is no folder for the pictures. Add one: -o FOLDER" in capsys.readouterr().err
