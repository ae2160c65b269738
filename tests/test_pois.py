"""Points of interest: reading files into a map, and naming the sights near a fix with distance and side."""

import csv
import json
import math
import pickle
import signal
import sqlite3
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from conftest import SHARED

from viewfix import Fix, Map, Position, Skipped, pois
from viewfix.cli import run
from viewfix.cli.nearby import line_of, of_locale, plain
from viewfix.errors import BadInput, MapBusy
from viewfix.geo import moved
from viewfix.geojson import credits_of, to_feature, to_nearby
from viewfix.pois import tables
from viewfix.pois.links import links_of, names_of, web_url, wikipedia_url
from viewfix.pois.nearby import Reach, choose, is_same_sight, merged, name_key, seen_from, side_of
from viewfix.pois.shapes import point_in_polygon
from viewfix.pois.sights import kind_of
from viewfix.sources import csv_rows
from viewfix.sources.json_rows import items_of
from viewfix.store.sqlite import schema
from viewfix.store.store import ModelIdentity, Store
from viewfix.types import Nearby, PointOfInterest

OSM = SHARED / "osm"
TOY = ModelIdentity("toy", "f" * 64, 2)
HERE = Position(60.17, 24.95)

TOWN = """<?xml version="1.0"?>
<osm version="0.6">
  <node id="1" lat="60.1700" lon="24.9500"><tag k="tourism" v="museum"/><tag k="name" v="Museo"/>
    <tag k="name:uk" v="Музей"/><tag k="name:sr-Latn" v="Muzej"/><tag k="name:etymology" v="muses"/>
    <tag k="wikidata" v="Q1"/><tag k="wikipedia" v="fi:Museo (talo)"/><tag k="website" v="javascript:alert(1)"/></node>
  <node id="2" lat="60.1700" lon="24.9510"><tag k="tourism" v="hotel"/><tag k="name" v="Hotelli"/></node>
  <node id="3" lat="60.1700" lon="24.9520"><tag k="tourism" v="museum"/></node>
  <node id="4" lat="60.1700" lon="24.9530"><tag k="shop" v="sports"/><tag k="name" v="XXL"/>
    <tag k="wikidata" v="Q9"/><tag k="brand:wikidata" v="Q9"/></node>
  <node id="5" lat="60.1700" lon="24.9540"><tag k="public_transport" v="station"/><tag k="name" v="Asema"/>
    <tag k="railway" v="station"/><tag k="wikidata" v="Q8"/></node>
  <node id="6" lat="60.1720" lon="24.9501"/><node id="7" lat="60.1722" lon="24.9501"/>
  <node id="8" lat="60.1722" lon="24.9505"/><node id="9" lat="60.1720" lon="24.9505"/>
  <node id="10" lat="60.1740" lon="24.9500"/><node id="11" lat="60.1750" lon="24.9500"/>
  <node id="12" lat="60.1750" lon="24.9520"/><node id="13" lat="60.1740" lon="24.9520"/>
  <node id="14" lat="60.1721" lon="24.9503"><tag k="amenity" v="place_of_worship"/><tag k="name" v="KIRKKO"/>
    <tag k="name:de" v="Kirche"/></node>
  <node id="15" lat="60.1760" lon="24.9500"><tag k="historic" v="castle"/><tag k="name" v="Linna"/>
    <tag k="wikidata" v="Q77"/></node>
  <way id="20"><nd ref="6"/><nd ref="7"/><nd ref="8"/><nd ref="9"/><nd ref="6"/>
    <tag k="building" v="cathedral"/><tag k="name" v="Kirkko"/><tag k="wikidata" v="Q5"/></way>
  <way id="21"><nd ref="10"/><nd ref="11"/><nd ref="12"/></way>
  <way id="22"><nd ref="12"/><nd ref="13"/><nd ref="10"/></way>
  <way id="23"><nd ref="10"/><nd ref="13"/><tag k="highway" v="residential"/><tag k="name" v="Katu"/>
    <tag k="wikidata" v="Q6"/></way>
  <way id="24"><nd ref="99"/><nd ref="98"/><tag k="historic" v="citywalls"/><tag k="name" v="Muuri"/></way>
  <way id="25"><nd ref="10"/><nd ref="97"/><tag k="name" v="puoli"/></way>
  <relation id="30"><member type="way" ref="21" role="outer"/><member type="way" ref="22" role="outer"/>
    <tag k="type" v="multipolygon"/><tag k="place" v="square"/><tag k="name" v="Tori"/>
    <tag k="highway" v="pedestrian"/><tag k="wikipedia" v="fi:Tori"/></relation>
  <relation id="31"><member type="way" ref="21" role="outer"/><member type="way" ref="999" role="outer"/>
    <tag k="type" v="multipolygon"/><tag k="historic" v="castle"/><tag k="name" v="Linna"/>
    <tag k="wikidata" v="Q77"/></relation>
  <relation id="32"><tag k="type" v="boundary"/><tag k="boundary" v="administrative"/><tag k="name" v="Kaupunki"/>
    <tag k="wikidata" v="Q7"/></relation>
  <relation id="33"><member type="way" ref="998" role="outer"/><tag k="type" v="multipolygon"/>
    <tag k="historic" v="ruins"/><tag k="name" v="Rauniot"/></relation>
</osm>
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    Store.create(tmp_path / "x.map", TOY).close()
    return tmp_path / "x.map"


@pytest.fixture
def osm_file(tmp_path: Path) -> Path:
    pytest.importorskip("osmium")
    file = tmp_path / "town.osm"
    file.write_text(TOWN, encoding="utf-8")
    return file


def points_of(path: Path) -> dict[str, PointOfInterest]:
    with Store.open(path) as store:
        return {point.id: point for point in store.points.all()}


def table(file: Path, *rows: object) -> Path:
    with file.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out).writerows(rows)
    return file


def point(name: str, at: Position, notability: float = 1.0, **more: object) -> PointOfInterest:
    return PointOfInterest(name, name, "tourism=museum", at, notability=notability, **more)  # type: ignore[arg-type]


def fixed(at: Position | None, heading_deg: float | None = None) -> Fix:
    return Fix(at, 0.9, (), "so", heading_deg=heading_deg)


def one_line(error: pytest.ExceptionInfo[BaseException]) -> str:
    assert "\n" not in str(error.value)
    return str(error.value)


# OpenStreetMap


def test_named_sights_are_kept_and_nothing_else(path: Path, osm_file: Path) -> None:
    added = pois.add(path, osm_file)
    kept = points_of(path)
    assert {each.name for each in kept.values()} == {"Museo", "Kirkko", "Tori", "Linna"}
    assert added.added == len(kept) == 4
    assert added.credits == ["© OpenStreetMap contributors, ODbL"]
    museum = kept["node/1"]
    assert museum.kind == "tourism=museum" and museum.names == {"uk": "Музей", "sr-Latn": "Muzej"}
    assert museum.links == {
        "wikipedia": "https://fi.wikipedia.org/wiki/Museo_(talo)",
        "wikidata": "https://www.wikidata.org/wiki/Q1",
    }
    assert museum.credit == "© OpenStreetMap contributors, ODbL"


def test_a_sight_that_is_mapped_as_node_and_as_building_appears_once(path: Path, osm_file: Path) -> None:
    added = pois.add(path, osm_file)
    church = points_of(path)["way/20"]
    assert church.kind == "building=cathedral" and church.names == {"de": "Kirche"}, "the names of both are kept"
    assert church.position.lat == pytest.approx(60.1721) and church.position.lon == pytest.approx(24.9503)
    assert added.merged == 2
    assert [each.id for each in points_of(path).values() if each.name == "Linna"] == ["node/15"]


def test_a_multipolygon_is_placed_at_its_centre(path: Path, osm_file: Path) -> None:
    pois.add(path, osm_file)
    square = points_of(path)["relation/30"]
    assert (square.position.lat, square.position.lon) == (pytest.approx(60.1745), pytest.approx(24.951))
    assert square.kind == "place=square", "a street, if it were no square"


def test_a_sight_without_a_position_in_the_file_is_skipped_by_name(path: Path, osm_file: Path) -> None:
    added = pois.add(path, osm_file)
    assert {(each.id, each.reason.split(":")[0]) for each in added.skipped} == {
        ("way/24", "Muuri"),
        ("relation/33", "Rauniot"),
    }


def test_an_area_cut_by_the_edge_of_the_file_is_placed_by_its_remaining_part(path: Path, osm_file: Path) -> None:
    osm_file.write_text(TOWN.replace('<tag k="historic" v="castle"/><tag k="name" v="Linna"/>\n    <tag k="wikidata" v="Q77"/></node>', "</node>"))  # fmt: skip  # noqa: E501
    pois.add(path, osm_file)
    assert points_of(path)["relation/31"].position.lat == pytest.approx((60.174 + 60.175 + 60.175) / 3)


def test_a_missing_extra_is_reported_with_the_command_to_install_it(
    path: Path, osm_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "shapely", None)
    assert run(["pois", "add", str(path), str(osm_file)]) == 4
    assert "Locating areas needs shapely" in (said := capsys.readouterr().err) and "pip install 'viewfix[pois]'" in said
    monkeypatch.setitem(sys.modules, "osmium", None)
    monkeypatch.delitem(sys.modules, "osmium.filter", raising=False)
    osm_file.with_suffix(".pbf").write_bytes(b"")
    assert run(["pois", "add", str(path), str(osm_file.with_suffix(".pbf"))]) == 4
    assert "Reading OpenStreetMap files needs osmium" in capsys.readouterr().err


@pytest.mark.parametrize(
    "tags, kind",
    [
        ("tourism=attraction historic=castle", "historic=castle"),
        ("tourism=attraction", "tourism=attraction"),
        ("highway=steps tourism=attraction", "tourism=attraction"),
        ("highway=residential wikidata=Q1", None),
        ("highway=pedestrian place=square wikidata=Q1", "place=square"),
        ("highway=pedestrian place=square", None),
        ("boundary=administrative wikidata=Q1", None),
        ("place=city wikidata=Q1", None),
        ("type=route route=bus wikidata=Q1", None),
        ("railway=station wikidata=Q1", None),
        ("railway=station building=train_station wikidata=Q1", "building=train_station"),
        ("office=company wikidata=Q1", None),
        ("shop=clothes wikidata=Q1", None),
        ("amenity=fast_food wikidata=Q1 brand:wikidata=Q1", None),
        ("amenity=fast_food wikidata=Q1", None),
        ("amenity=restaurant", None),
        ("amenity=restaurant wikidata=Q1", "amenity=restaurant"),
        ("tourism=hotel", None),
        ("tourism=information", None),
        ("tourism=hotel wikipedia=en:Ritz", "tourism=hotel"),
        ("building=yes", None),
        ("building=yes wikipedia=en:Flatiron", "building=yes"),
        ("amenity=theatre", "amenity=theatre"),
        ("man_made=lighthouse", "man_made=lighthouse"),
        ("man_made=tower tower:type=communication", None),
        ("historic=no", None),
        ("historic=boundary_stone", None),
        ("historic=memorial memorial=stolperstein", None),
        ("tourism=viewpoint;yes", "tourism=viewpoint"),
        ("natural=tree", None),
        ("natural=tree wikidata=Q1", "natural=tree"),
        ("natural=peak", "natural=peak"),
    ],
)
def test_sights_are_recognised_by_their_tags(tags: str, kind: str | None) -> None:
    found = kind_of({"name": "It", **dict(tag.split("=", 1) for tag in tags.split())})
    assert (None if found is None else found[0]) == kind
    assert kind_of(dict(tag.split("=", 1) for tag in tags.split())) is None, "without a name it is none"


def test_a_sight_with_an_article_is_better_known() -> None:
    plain_church = {"name": "It", "building": "church"}
    item = {**plain_church, "wikidata": "Q1"}
    article = {**item, "wikipedia": "en:It"}
    translated = {**article, **{f"name:{code}": "It" for code in ("de", "fr", "uk", "fi")}}
    values = [kind_of(tags)[1] for tags in (plain_church, item, article, translated)]  # type: ignore[index]
    assert values == sorted(set(values))
    statue, plaque = ({"name": "It", "historic": "memorial", "memorial": kind} for kind in ("statue", "plaque"))
    assert kind_of(plaque)[1] < kind_of(statue)[1]  # type: ignore[index]


@pytest.mark.parametrize("name", ["broken.osm.pbf", "broken.osm", "empty.osm.pbf", "empty.osm", "cut.osm", "bomb.osm"])
def test_a_file_that_is_not_openstreetmap_is_refused_and_changes_nothing(path: Path, osm_file: Path, name: str) -> None:
    pois.add(path, osm_file)
    before = points_of(path)
    bomb = '<!DOCTYPE o [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><osm version="0.6"><node id="1" lat="1" lon="1">&b;'
    content = {"broken": b"\x00\x01no", "empty": b"", "cut": TOWN[:900].encode(), "bomb": bomb.encode()}
    bad = osm_file.with_name(name)
    bad.write_bytes(content[name.split(".")[0]])
    with pytest.raises(BadInput, match="could not be read as OpenStreetMap data") as error:
        pois.add(path, bad)
    assert name in one_line(error)
    osm_file.write_bytes(bad.read_bytes())
    with pytest.raises(BadInput):
        pois.add(path, osm_file)
    assert points_of(path) == before, "the old ones stay until the new ones are whole"


# Real extracts


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("osmium")
    if not (OSM / "monaco.osm.pbf").exists():
        pytest.skip("the extracts of Monaco and Helsinki are not here")
    path = tmp_path_factory.mktemp("real") / "real.map"
    Store.create(path, TOY).close()
    pois.add(path, OSM / "monaco.osm.pbf", OSM / "Helsinki.osm.pbf")
    return path


@pytest.mark.parametrize(
    "lat, lon, expected",
    [
        (43.7394, 7.4275, ["Monte-Carlo Casino and Opera House"]),
        (43.7311, 7.4202, ["Palais Princier de Monaco", "Cathédrale Notre-Dame-Immaculée"]),
        (43.7306, 7.4256, ["Oceanographic Museum"]),
        (60.1699, 24.9523, ["Helsinki Cathedral", "Helsinki Senate Square", "Alexander II"]),
        (60.1710, 24.9414, ["Helsinki Central Railway Station", "Ateneum"]),
        (60.1675, 24.9525, ["Market Square", "Old Market Hall", "Havis Amanda"]),
    ],
)
def test_sights_of_a_guide_book_are_found(real: Path, lat: float, lon: float, expected: list[str]) -> None:
    with Store.open(real) as store:
        near = pois.with_nearby(store, fixed(Position(lat, lon, 10.0)), Reach()).nearby
    named = [each.point.named("en") for each in near]
    assert named[0] == expected[0] and set(expected) <= set(named), named
    assert len(named) <= 5 and len(set(named)) == len(named)


def test_no_street_stop_or_city_of_a_real_extract_is_a_sight(real: Path) -> None:
    kept = points_of(real)
    keys = {each.kind.partition("=")[0] for each in kept.values()}
    assert not keys & {"highway", "boundary", "route", "railway", "public_transport", "office"}
    assert 250 < len(kept) < 350
    assert all(url.startswith(("http://", "https://")) for each in kept.values() for url in each.links.values())
    assert len({(name_key(each.name), each.links.get("wikidata")) for each in kept.values()}) > 0.97 * len(kept)


def test_a_truncated_extract_changes_nothing(real: Path, tmp_path: Path) -> None:
    path = tmp_path / "copy.map"
    path.write_bytes(real.read_bytes())
    cut = tmp_path / "monaco.osm.pbf"
    cut.write_bytes((OSM / "monaco.osm.pbf").read_bytes()[:900_000])
    with pytest.raises(BadInput, match="unexpected EOF.*Download it again"):
        pois.add(path, cut)
    assert points_of(path) == points_of(real)


# Tables


def test_a_csv_becomes_points_and_a_broken_row_is_skipped(path: Path, tmp_path: Path) -> None:
    file = table(
        tmp_path / "mine.csv",
        ["Name", "Latitude", "lng", "kind", "wikipedia", "wikidata", "website", "name:uk", "id"],
        ["Museum", 60.17, 24.95, "tourism=museum", "en:The Museum", "Q1", "www.museum.fi", "Музей", "m"],
        ["Swapped", 124.95, 60.17],
        ["Nowhere", "nan", 24.95],
        ["Beyond", 91, 24.95],
        ["Nothing", "", ""],
        ["Words", "north", "east"],
        ["", 60.17, 24.95],
        ['=HYPERLINK("http://evil")', "60,18", "24,95", "", "", "", "javascript:alert(1)"],
        ["<script>alert(1)</script>", 60.19, 24.95, "", "javascript:x", "Q1 OR 1", "ftp://a.b"],
        ["Museum again", 60.2, 24.95, "", "", "", "", "", "m"],
        ["one", "two", "three", "4", "5", "6", "7", "8", "9", "too many"],
        ["Last", 60.21, 24.95],
    )
    added = pois.add(path, file, attribution="Me", licence="CC0")
    kept = points_of(path)
    assert [each.name for each in kept.values()] == [
        "Museum", '=HYPERLINK("http://evil")', "<script>alert(1)</script>", "Last",
    ]  # fmt: skip
    museum = kept["m"]
    assert museum.links["website"] == "https://www.museum.fi" and museum.named("uk_UA") == "Музей"
    assert museum.credit == "Me, CC0"
    assert [each.links for each in list(kept.values())[1:]] == [
        {},
        {"wikidata": "https://www.wikidata.org/wiki/Q1"},
        {},
    ]
    assert added.skipped_count == len(added.skipped) == 8
    reasons = " | ".join(each.reason for each in added.skipped)
    assert "swapped" in reasons and "not two numbers" in reasons and "no name" in reasons and "same id" in reasons


def test_a_csv_may_be_utf_16_with_semicolons_and_a_quote_that_never_ends(path: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("lat;lon;name\n60,1;24,9;Säule\n", encoding="utf-16")
    pois.add(path, file)
    assert [each.name for each in points_of(path).values()] == ["Säule"]
    file.write_bytes('lat,lon,name\n1,2,good\n1,2.1,caf\xe9\n1,3,"never\n1,2.2,fine\n'.encode("latin-1"))
    added = pois.add(path, file)
    assert [each.name for each in points_of(path).values()] == ["good", "fine"]
    assert [each.id for each in added.skipped] == ["a.csv/3", "a.csv/4"]
    assert "UTF-8" in added.skipped[0].reason and 'a quote (") that is never closed' in added.skipped[1].reason


def test_a_line_longer_than_any_text_is_skipped(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_rows, "MOST", 1 << 20)
    file = tmp_path / "a.csv"
    file.write_text("lat,lon,name\n1,2,good\n1,3," + "x" * (csv_rows.MOST + 5) + "\n1,4,fine\n")
    added = pois.add(path, file)
    assert [each.name for each in points_of(path).values()] == ["good", "fine"] and added.skipped_count == 1


def test_a_huge_csv_is_read_in_bounded_memory(path: Path, tmp_path: Path) -> None:
    file = table(
        tmp_path / "huge.csv",
        ["lat", "lon", "name"],
        *([f"{50 + n / 1e4:.5f}", f"{n % 170}", f"name {n}"] for n in range(20_000)),
    )
    tracemalloc.start()
    try:
        assert pois.add(path, file).added == 20_000
        assert tracemalloc.get_traced_memory()[1] < 10e6
    finally:
        tracemalloc.stop()


def test_a_thousand_points_with_the_same_name_stay_separate_and_fast(path: Path, tmp_path: Path) -> None:
    """Q1 is a kind of stone, not one stone; points with the same name in a row are similar."""
    rows = [[f"{n * 0.05:.2f}", f"{n % 9}", "stone", "Q1"] for n in range(1500)]
    added = pois.add(path, table(tmp_path / "a.csv", ["lat", "lon", "name", "wikidata"], *rows))
    assert (added.added, added.merged) == (1500, 0)
    parts = [[1.0, f"{179.9999 - n * 0.0001:.4f}", "wall", "Q2"] for n in range(9)] + [[1.0, -179.9999, "wall", "Q2"]]
    added = pois.add(path, table(tmp_path / "b.csv", ["lat", "lon", "name", "wikidata"], *parts))
    assert (added.added, added.merged) == (1, 9)


def test_a_name_as_long_as_a_book_is_skipped(path: Path, tmp_path: Path) -> None:
    rows = [[1, 2, "x" * 600, ""], [1, 3, "y", "z" * 600], [1, 4, "fine", "гарно"]]
    added = pois.add(path, table(tmp_path / "a.csv", ["lat", "lon", "name", "name:uk"], *rows))
    assert [(p.name, p.names) for p in points_of(path).values()] == [("y", {}), ("fine", {"uk": "гарно"})]
    assert len(added.skipped[0].reason) < 300


@pytest.mark.parametrize(
    "name, content, line",
    [
        ("a.csv", "", "is empty"),
        ("a.csv", "lat,lon,name\n", "no named sight"),
        ("a.csv", "lat,name\n1,x\n", "no column lon"),
        ("a.csv", "my thesis", "no column lat, lon, name"),
        ("a.csv", "lat,lon,name\n99,1,x\n", "Nothing in .* could be used .1 skipped.*swapped"),
        ("a.geojson", "", "no GeoJSON features"),
        ("a.geojson", "my thesis", "is not GeoJSON"),
        ("a.geojson", '{"type": "FeatureCollection", "features": []}', "no GeoJSON features"),
        ("a.geojson", '{"type": "FeatureCollection", "features": [{"type": "Feat', "ends too early"),
        ("a.json", '{"a": 1}', "neither a FeatureCollection nor a Feature"),
        ("a.json", "[" * 100_000, "is not GeoJSON"),
        ("a.json", "42", "neither an object nor a list"),
        ("a.txt", "lat,lon,name", "does not have the extension of a file of points"),
        ("a.osm.xz", "", "does not have the extension of a file of points"),
    ],
)
def test_an_unsupported_file_is_refused_in_one_line(
    path: Path, tmp_path: Path, name: str, content: str, line: str
) -> None:
    file = tmp_path / name
    file.write_text(content)
    with pytest.raises(BadInput, match=line) as error:
        pois.add(path, file)
    assert name in one_line(error)
    assert not points_of(path)


def test_a_missing_file_and_a_folder_are_refused(path: Path, tmp_path: Path) -> None:
    for wrong in (tmp_path / "no.csv", tmp_path):
        with pytest.raises(BadInput):
            pois.add(path, wrong)
    with pytest.raises(BadInput, match="No files"):
        pois.add(path)


# GeoJSON


def feature(name: str | None, geometry: object, **properties: object) -> dict[str, object]:
    return {"type": "Feature", "geometry": geometry, "properties": {"name": name, **properties}}


def test_geojson_points_lines_and_areas_are_read(path: Path, tmp_path: Path) -> None:
    ring = [[179.9, 10], [-179.9, 10], [-179.9, 10.2], [179.9, 10.2], [179.9, 10]]
    at = {"type": "Point", "coordinates": [24.95, 60.17, 12.0]}
    collection = {
        "type": "FeatureCollection",
        "name": "mine",
        "crs": None,
        "features": [
            {**feature("Point", at, **{"name:de": "Punkt", "tourism": "museum", "wikidata": "Q5"}), "id": "node/7"},
            feature("Area", {"type": "Polygon", "coordinates": [ring]}, kind="leisure=park"),
            feature("Areas", {"type": "MultiPolygon", "coordinates": [[ring[:3]], [ring]]}, id=77),
            feature("Line", {"type": "LineString", "coordinates": [[0, 0], [0, 1], [0, 2]]}),
            feature(None, at),
            feature("Empty", None),
            feature("Curious", {"type": "Point", "coordinates": ["24", 60]}),
            feature("NaN", {"type": "Point", "coordinates": [math.nan, 60]}),
            feature("Swapped", {"type": "Point", "coordinates": [60.17, 124.95]}),
            feature("Hollow", {"type": "Polygon", "coordinates": []}),
            "no feature",
        ],
        "copyright": "after them",
    }
    file = tmp_path / "a.geojson"
    file.write_text(json.dumps(collection))
    added = pois.add(path, file)
    kept = {each.name: each for each in points_of(path).values()}
    assert set(kept) == {"Point", "Area", "Areas", "Line"} and added.skipped_count == 7
    assert kept["Point"].id == "node/7" and kept["Point"].kind == "tourism=museum" and kept["Areas"].id == "77"
    assert kept["Point"].names == {"de": "Punkt"} and kept["Area"].kind == "leisure=park"
    assert kept["Line"].kind == "point_of_interest" and kept["Line"].position.lat == 1
    assert abs(kept["Area"].position.lon) == pytest.approx(180) and kept["Area"].position.lat == pytest.approx(10.1)


def test_features_may_be_one_per_line_or_in_a_list(path: Path, tmp_path: Path) -> None:
    lines = tmp_path / "a.geojson"
    one = feature("One", {"type": "Point", "coordinates": [1, 2]})
    lines.write_text("".join("\x1e" + json.dumps(one).replace("One", name) + "\n" for name in ("One", "Two")))
    listed = tmp_path / "b.json"
    listed.write_text('[{"name": "Three", "lat": 3, "lon": 4}, {"name": "Four", "latitude": "4"}]')
    added = pois.add(path, lines, listed)
    assert [each.name for each in points_of(path).values()] == ["One", "Two", "Three"] and added.skipped_count == 1


def test_features_with_numbers_that_are_not_json_are_read(tmp_path: Path) -> None:
    items = [feature(f'é{n} \\"x', {"type": "Point", "coordinates": [n, 1.25e1]}, big=10**30) for n in range(40)]
    file = tmp_path / "a.geojson"
    file.write_text(json.dumps({"type": "FeatureCollection", "n": 1234567, "features": items}, indent=1))
    assert list(items_of(file)) == items
    file.write_text(json.dumps({"bbox": [math.nan], "type": "FeatureCollection", "features": items}))
    assert list(items_of(file)) == items
    file.write_text("\ufeff" + "\x1e".join(map(json.dumps, items)), encoding="utf-8")
    assert list(items_of(file)) == items


def test_deep_nesting_is_refused_but_brackets_in_text_are_not(tmp_path: Path) -> None:
    file = tmp_path / "a.geojson"
    texts = [{"name": "[" * 300 + '\\"' * n} for n in range(40)]
    file.write_text(json.dumps(texts))
    assert list(items_of(file)) == texts
    file.write_text('[{"name": "a"}, {"x": ' + "[" * 300)
    with pytest.raises(ValueError, match="nested more than 200 levels deep"):
        list(items_of(file))


def test_one_feature_that_never_ends_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("viewfix.sources.json_rows.LONGEST", 1 << 20)
    file = tmp_path / "a.geojson"
    file.write_text('[{"name": "a"}, {"name": "b", "x": [' + "1," * (3 << 20))
    with pytest.raises(ValueError, match="one item is larger than 1 MB"):
        list(items_of(file))


def test_the_output_of_list_can_be_added_again(
    path: Path, osm_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pois.add(path, osm_file)
    assert run(["pois", "list", str(path), "--json"]) == 0
    copied = tmp_path / "copied.geojson"
    copied.write_text(capsys.readouterr().out)
    before = points_of(path)
    assert pois.remove(path) == len(before) and not points_of(path)
    pois.add(path, copied)
    after = points_of(path)
    assert [(p.id, p.name, p.kind, p.position) for p in after.values()] == [
        (p.id, p.name, p.kind, p.position) for p in before.values()
    ]
    assert [dict(p.names) for p in after.values()] == [dict(p.names) for p in before.values()]
    assert [dict(p.links) for p in after.values()] == [dict(p.links) for p in before.values()]


# Links and names


@pytest.mark.parametrize(
    "given, url",
    [
        ("https://a.org/x?y=1#z", "https://a.org/x?y=1#z"),
        ("HTTP://a.org", "HTTP://a.org"),
        ("www.a.org", "https://www.a.org"),
        ("javascript:alert(1)", None),
        ("JavaScript:alert(1)", None),
        (" javascript:alert(1)", None),
        ("java\nscript:alert(1)", None),
        ("data:text/html,x", None),
        ("https://a.org/King's", "https://a.org/King%27s"),
        ("file:///etc/passwd", None),
        ("//a.org", None),
        ("https://", None),
        ("https://a.org@evil.org", None),
        ('https://a.org/"onclick=', None),
        ("https://a.org/<b>", None),
        ("https://a.org/ b", None),
        ("https://[::1", None),
        ("javascript:x; https://a.org", "https://a.org"),
        ("a.org", None),
        ("https://a.org/" + "x" * 3000, None),
    ],
)
def test_only_web_addresses_become_links(given: str, url: str | None) -> None:
    assert web_url(given) == url


@pytest.mark.parametrize(
    "tags, url",
    [
        ({"wikipedia": "en:Tower Bridge"}, "https://en.wikipedia.org/wiki/Tower_Bridge"),
        ({"wikipedia": "uk:Софія"}, "https://uk.wikipedia.org/wiki/%D0%A1%D0%BE%D1%84%D1%96%D1%8F"),
        ({"wikipedia": 'en:A?b&c"d'}, "https://en.wikipedia.org/wiki/A%3Fb%26c%22d"),
        ({"wikipedia:de": "Turm"}, "https://de.wikipedia.org/wiki/Turm"),
        ({"wikipedia": "https://fr.wikipedia.org/wiki/X"}, "https://fr.wikipedia.org/wiki/X"),
        ({"wikipedia": "https://evil.org/wiki/X"}, None),
        ({"wikipedia": "javascript:alert(1)"}, None),
        ({"wikipedia": "Tower Bridge"}, None),
        ({"wikipedia": "en:"}, None),
        ({}, None),
    ],
)
def test_a_wikipedia_tag_becomes_the_address_of_its_page(tags: dict[str, str], url: str | None) -> None:
    assert wikipedia_url(tags) == url


def test_only_the_codes_of_languages_are_names() -> None:
    tags = {
        f"name:{code}": "x" for code in ("uk", "zh-Hant", "sr-Latn", "etymology", "left", "old", "uk:pronunciation")
    }
    assert set(names_of({**tags, "name": "y", "name:de": " "})) == {"uk", "zh-Hant", "sr-Latn"}
    assert links_of({"wikidata": "Q1;Q2", "url": "http://a.org"}) == {
        "wikidata": "https://www.wikidata.org/wiki/Q1",
        "website": "http://a.org",
    }


def test_a_name_is_returned_in_the_requested_language() -> None:
    it = PointOfInterest("1", "Kirkko", "x", HERE, {"uk": "Церква", "pt-BR": "Igreja", "pt": "Templo"})
    assert it.named("uk") == it.named("uk_UA") == "Церква"
    assert (it.named("pt-br"), it.named("pt-PT")) == ("Igreja", "Templo")
    assert it.named("de") == it.named(None) == it.named("") == "Kirkko"


# Near a fix


@pytest.mark.parametrize(
    "bearing_deg, heading_deg, side",
    [
        (0, 0, "ahead"), (44, 0, "ahead"), (46, 0, "right"), (134, 0, "right"), (136, 0, "behind"), (224, 0, "behind"),
        (226, 0, "left"), (314, 0, "left"), (316, 0, "ahead"), (350, 10, "ahead"), (10, 350, "ahead"),
        (80, 350, "right"), (270, 350, "left"), (170, 350, "behind"), (-10, 720, "ahead"),
    ],
)  # fmt: skip
def test_sides_are_relative_to_the_heading_of_the_photo(bearing_deg: float, heading_deg: float, side: str) -> None:
    assert side_of(bearing_deg, heading_deg) == side


def test_nearby_sights_have_distance_bearing_and_side() -> None:
    east = point("east", moved(HERE, 90, 120))
    [near] = choose([east], HERE, 0.0, Reach())
    assert near.point == east and near.side == "right"
    assert near.distance_m == pytest.approx(120, abs=0.01) and near.bearing_deg == pytest.approx(90, abs=0.01)
    assert choose([east], HERE, None, Reach())[0].side is None


def test_famous_sights_come_before_near_ones_and_near_ones_before_far_ones() -> None:
    cathedral, plaque = point("cathedral", moved(HERE, 0, 250), 8.0), point("plaque", moved(HERE, 0, 10), 0.8)
    near, far = point("near", moved(HERE, 0, 50), 2.0), point("far", moved(HERE, 0, 200), 2.0)
    named = [each.point.name for each in choose([plaque, far, near, cathedral], HERE, None, Reach())]
    assert named == ["cathedral", "near", "plaque", "far"]


def test_no_name_is_listed_twice() -> None:
    gardens = [point("Jardin", moved(HERE, 0, metres)) for metres in (50, 150, 250)]
    assert [near.point for near in choose(gardens, HERE, None, Reach())] == gardens[:1]


def test_the_reach_and_the_radius_of_the_fix_limit_the_sights() -> None:
    many = [point(f"p{n}", moved(HERE, 0, 40.0 * n)) for n in range(1, 20)]
    assert len(choose(many, HERE, None, Reach())) == 5
    assert [n.point.name for n in choose(many, HERE, None, Reach(100, 9))] == ["p1", "p2"]
    wide = Position(HERE.lat, HERE.lon, 61.0)
    assert [n.point.name for n in choose(many, wide, None, Reach(100, 9))] == ["p1", "p2", "p3", "p4"]
    assert choose(many, HERE, None, Reach(100, 0)) == ()
    for wrong in ((-1, 5), (math.nan, 5), (math.inf, 5), (1, -1)):
        with pytest.raises(BadInput):
            Reach(*wrong)


def test_one_sight_from_two_files_is_named_once(path: Path, tmp_path: Path) -> None:
    for name, lat in (("a.csv", 60.17), ("b.csv", 60.1701)):
        pois.add(path, table(tmp_path / name, ["lat", "lon", "name"], [lat, 24.95, "Museum"]))
    with Store.open(path) as store:
        assert len(store.points) == 2
        assert len(pois.with_nearby(store, fixed(HERE), Reach()).nearby) == 1


def test_nearby_points_with_the_same_item_or_name_are_one_sight() -> None:
    q = {"wikidata": "https://www.wikidata.org/wiki/Q1"}
    a, near, far = point("A", HERE, links=q), moved(HERE, 0, 40), moved(HERE, 0, 400)
    assert is_same_sight(a, point("other name", far, links=q))
    assert not is_same_sight(a, point("other name", moved(HERE, 0, 5000), links=q))
    assert (
        is_same_sight(a, point(" a", near))
        and not is_same_sight(a, point("a", far))
        and not is_same_sight(a, point("b", near))
    )
    both = merged(point("A", HERE, 1.0, names={"de": "X", "fr": "Y"}), point("A", near, 2.0, names={"de": "Z"}))
    assert both.position == near and both.names == {"de": "Z", "fr": "Y"}


@pytest.mark.parametrize(
    "lat, lon", [(10.0, 180.0), (10.0, -180.0), (-17.0, 179.9995), (89.9995, 0.0), (-89.9995, 77.0)]
)
def test_sights_are_found_across_the_180th_meridian_and_at_the_poles(
    path: Path, tmp_path: Path, lat: float, lon: float
) -> None:
    at = Position(lat, lon, 5.0)
    places = [moved(at, bearing, 200) for bearing in (0, 90, 180, 270)]
    rows = [[place.lat, place.lon, f"p{n}"] for n, place in enumerate(places)]
    pois.add(path, table(tmp_path / "a.csv", ["lat", "lon", "name"], *rows, [moved(at, 0, 2000).lat, lon, "far"]))
    with Store.open(path) as store:
        near = pois.with_nearby(store, fixed(at, 0.0), Reach()).nearby
    assert {each.point.name: each.side for each in near} == {"p0": "ahead", "p1": "right", "p2": "behind", "p3": "left"}
    assert all(each.distance_m == pytest.approx(200, abs=0.01) for each in near)


def test_a_photo_that_is_not_in_the_map_has_nothing_near(path: Path, osm_file: Path) -> None:
    pois.add(path, osm_file)
    with Store.open(path) as store:
        assert pois.with_nearby(store, fixed(None), Reach()).nearby == ()
        assert pois.with_nearby(store, fixed(Position(0, 0)), Reach()).nearby == ()
        assert len(pois.with_nearby(store, fixed(HERE), Reach(100)).nearby) == 1


def test_a_fix_can_be_pickled_with_its_nearby_sights() -> None:
    near = choose([point("p", moved(HERE, 0, 50), names={"uk": "п"})], HERE, 0.0, Reach())
    fix = Fix(HERE, 0.9, (), "so", 0.0, near)
    assert pickle.loads(pickle.dumps(fix)) == fix and hash(fix) == hash(pickle.loads(pickle.dumps(fix)))


# In the map


def test_a_file_added_again_replaces_what_came_from_it_and_only_that(path: Path, tmp_path: Path) -> None:
    head = ["lat", "lon", "name"]
    a, b = table(tmp_path / "a.csv", head, [1, 1, "A"], [2, 2, "B"]), table(tmp_path / "b.csv", head, [3, 3, "C"])
    pois.add(path, a, b)
    table(a, head, [4, 4, "D"])
    assert pois.add(path, a).added == 1
    assert [each.name for each in points_of(path).values()] == ["C", "D"]
    with Store.open(path) as store:
        assert [(Path(s.file).name, s.points) for s in store.points.sources()] == [("b.csv", 1), ("a.csv", 1)]
        assert store.info()["points_of_interest"] == 2
    assert pois.remove(path, a) == 1 and len(points_of(path)) == 1
    with pytest.raises(BadInput, match="no points of interest from .*a.csv.*b.csv"):
        pois.remove(path, a)
    b.unlink()
    assert pois.remove(path, "b.csv") == 1 and not points_of(path), "by its name, when the file is gone"
    assert pois.remove(path) == 0
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT count(*) FROM point_places").fetchone() == (0,)
    connection.close()


KILLED = """
import os, signal, sys
from viewfix import pois
from viewfix.pois import ingest
def reader(path):
    for number, item in enumerate(ingest.tables.read_csv(path)):
        if number == 3000:
            os.kill(os.getpid(), signal.SIGKILL)
        yield item
ingest.READERS[".csv"] = reader
pois.add(sys.argv[1], sys.argv[2])
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_a_kill_in_the_middle_leaves_the_old_points(path: Path, tmp_path: Path) -> None:
    file = table(tmp_path / "a.csv", ["lat", "lon", "name"], [1, 1, "old"])
    pois.add(path, file)
    before = points_of(path)
    table(file, ["lat", "lon", "name"], *([1, n / 100, f"new {n}"] for n in range(5000)))
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path), str(file)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert points_of(path) == before
    assert pois.add(path, file).added == 5000


def test_a_failure_in_the_middle_leaves_the_old_points(path: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.geojson"
    good = json.dumps(feature("old", {"type": "Point", "coordinates": [1, 1]}))
    file.write_text(good)
    pois.add(path, file)
    file.write_text(good.replace("old", "new") + "\n{")
    with pytest.raises(BadInput, match="after 1 features"):
        pois.add(path, file)
    assert [each.name for each in points_of(path).values()] == ["old"]


def test_two_processes_cannot_write_points_at_once(path: Path, osm_file: Path) -> None:
    with Store.open(path, write=True), pytest.raises(MapBusy):
        pois.add(path, osm_file)


def test_a_map_of_the_second_schema_gets_the_tables_for_points(path: Path, tmp_path: Path, monkeypatch) -> None:
    old = tmp_path / "old.map"
    with monkeypatch.context() as patched:
        patched.setattr(schema, "STEPS", schema.STEPS[:2])
        patched.setattr("viewfix.store.sqlite.info._COUNTS", "SELECT 0, 0, 0")
        Store.create(old, TOY).close()
    with Store.open(old) as store:
        assert store.info()["schema_version"] == 2 and not len(store.points)
    with Store.open(old, write=True) as store:
        assert store.info()["schema_version"] == len(schema.STEPS) and not len(store.points)
    assert pois.add(old, table(tmp_path / "a.csv", ["lat", "lon", "name"], [1, 1, "A"])).added == 1


# The whole way


@pytest.fixture
def with_sights(city: Map, tmp_path: Path) -> Map:
    photo = next(iter(city.photos()))
    rows = [
        [*_at(moved(photo.position, 0, 60)), "Turm", "Вежа", "en:Tower", "tourism=museum"],
        [*_at(moved(photo.position, 90, 200)), "Tor", "", "", "historic=city_gate"],
        [*_at(moved(photo.position, 90, 2000)), "Fern", "", "", ""],
    ]
    file = table(tmp_path / "sights.csv", ["lat", "lon", "name", "name:uk", "wikipedia", "kind"], *rows)
    added = pois.add(city, file, attribution="A. Nobody")
    assert added.near_photos == 3
    return city


def _at(place: Position) -> tuple[float, float]:
    return place.lat, place.lon


def test_locate_names_what_is_near(with_sights: Map, street: Path) -> None:
    photo = next(iter(with_sights.photos()))
    fix = with_sights.locate(photo.source, least_confidence=0.0)
    assert fix.found and {near.point.name for near in fix.nearby} == {"Turm", "Tor"}
    assert with_sights.locate(photo.source, least_confidence=0.0, nearby=Reach(limit=1)).nearby[0].point.name == "Turm"
    here = with_sights.locate(photo.source, least_confidence=0.0, nearby=Reach(0, 5))
    assert here.position is not None and here.position.radius_m is not None
    assert all(near.distance_m <= here.position.radius_m for near in here.nearby), "the radius of the fix alone counts"
    assert with_sights.locate(photo.source, least_confidence=1.0).nearby == ()
    said = to_feature("q", fix)["properties"]
    assert said["nearby"] == [to_nearby(near) for near in fix.nearby]
    assert "A. Nobody" in said["attribution"] == credits_of(fix)


def test_the_json_has_the_shape_that_the_pages_read() -> None:
    it = point("It", moved(HERE, 90, 120), names={"uk": "Воно"}, links={"wikipedia": "https://a.b"})
    told = to_nearby(seen_from(HERE, 0.0, it))
    assert told == {
        "id": "It", "name": "It", "names": {"uk": "Воно"}, "kind": "tourism=museum",
        "position": {"lat": it.position.lat, "lon": it.position.lon},
        "distance_m": 120.0, "bearing_deg": 90.0, "side": "right", "links": {"wikipedia": "https://a.b"},
    }  # fmt: skip
    assert to_nearby(Nearby(it, 1.0, 359.99, None))["bearing_deg"] == 0.0
    json.dumps(told, allow_nan=False)


def test_points_survive_changes_to_the_photos(with_sights: Map, street: Path) -> None:
    with_sights.remove([next(iter(with_sights.photos())).id])
    assert with_sights.info()["points_of_interest"] == 3


def test_the_command_line_adds_lists_names_and_removes(
    real_map: Path, street: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "home.map"
    path.write_bytes(real_map.read_bytes())
    with Store.open(path) as store:
        photo = next(store.all_photos())
    tower = moved(photo.position, 0, 60)
    rows = [[*_at(tower), "Turm\x1b[2J", "Вежа", "en:Tower"], [*_at(moved(tower, 0, 1)), "", "", ""]]
    file = table(tmp_path / "s.csv", ["lat", "lon", "name", "name:uk", "wikipedia"], *rows)
    assert run(["pois", "add", str(path), str(file), "--attribution", "Me", "-q"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == ["1 point of interest, 1 skipped", "Me"] and "skipped s.csv/3: it has no name" in err
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    assert run(["locate", str(path), photo.source]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].endswith(" m: Turm\ufffd[2J (https://en.wikipedia.org/wiki/Tower)")
    assert lines[1].split(",")[0].strip() in ("ahead", "on your right", "behind you", "on your left")
    assert lines[-1] == "Points of interest: Me"
    monkeypatch.setenv("LC_ALL", "uk_UA.UTF-8")
    assert run(["locate", str(path), photo.source]) == 0
    assert ": Вежа (https" in capsys.readouterr().out
    assert run(["locate", str(path), photo.source, "--language", "de", "--nearby", "1"]) == 0
    assert ": Turm" in capsys.readouterr().out
    assert run(["locate", str(path), photo.source, "--nearby", "0"]) == 0
    assert "Turm" not in capsys.readouterr().out
    assert run(["locate", str(path), photo.source, "--json"]) == 0
    [near] = json.loads(capsys.readouterr().out)["properties"]["nearby"]
    assert near["names"] == {"uk": "Вежа"} and near["links"] == {"wikipedia": "https://en.wikipedia.org/wiki/Tower"}
    assert run(["pois", "list", str(path), "--near", f"{tower.lat},{tower.lon}", "--radius-m", "10"]) == 0
    assert ", 0 m: " in capsys.readouterr().out.splitlines()[0]
    assert run(["pois", "list", str(path)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"1 point from {file}: Me"
    assert run(["info", str(path)]) == 0
    assert "points_of_interest  1" in capsys.readouterr().out
    assert run(["export", str(path), str(tmp_path / "out.csv")]) == 0
    assert run(["pois", "remove", str(path), "--source", str(file)]) == 0
    assert "1 point of interest removed" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments, line",
    [
        (["pois", "list", "MAP", "--near", "here"], "is not a position"),
        (["pois", "list", "MAP", "--near", "99,0"], "swapped"),
        (["pois", "list", "MAP", "--radius-m", "5"], "--radius-m needs a place"),
        (["pois", "remove", "MAP", "--source", "no.csv"], "has no points of interest from no.csv. "),
        (["pois", "add", "MAP", "no.csv"], "There is nothing at no.csv"),
        (["pois", "list", "MAP", "--language", "<b>"], "not the code of a language"),
    ],
)
def test_wrong_arguments_are_one_clear_line(
    path: Path, arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([str(path) if word == "MAP" else word for word in arguments]) == 2
    err = capsys.readouterr().err
    assert line in err and err.count("\n") == 1


def test_points_far_from_all_photos_raise_a_question(
    city: Map, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at = next(iter(city.photos())).position
    file = table(tmp_path / "a.csv", ["lon", "lat", "name"], [at.lat, at.lon, "swapped, and both in range"])
    assert run(["pois", "add", str(city.path), str(file)]) == 0
    assert "latitude and longitude swapped?" in capsys.readouterr().err


def test_the_language_is_that_of_the_locale() -> None:
    assert of_locale({"LANG": "uk_UA.UTF-8"}) == "uk_UA"
    assert of_locale({"LC_ALL": "de_DE@euro", "LANG": "uk"}) == "de_DE"
    assert of_locale({"LANG": "C.UTF-8"}) is of_locale({"LC_ALL": "POSIX"}) is of_locale({}) is None
    assert of_locale({"LC_ALL": "", "LANG": "fr"}) == "fr"


def test_a_line_says_where_in_words() -> None:
    it = point("It", HERE)
    assert line_of(Nearby(it, 123.0, 10.0, "right"), None) == "on your right, 120 m: It, museum"
    assert line_of(Nearby(it, 1340.0, 350.0, None), None) == "north, 1.3 km: It, museum"
    assert line_of(Nearby(it, 8.4, 200.0, None), None) == "south, 8 m: It, museum"
    assert plain("a\x07\u202eb") == "a\ufffd\ufffdb"


def test_an_area_is_represented_by_a_point_inside_it() -> None:
    horseshoe = [(0, 0), (3, 0), (3, 3), (2, 3), (2, 1), (1, 1), (1, 3), (0, 3), (0, 0)]
    at = point_in_polygon([horseshoe])
    assert 0 < at.lat < 1 or at.lon < 1 or at.lon > 2
    ring = point_in_polygon([[(0, 0), (4, 0), (4, 4), (0, 4)], [(1, 1), (3, 1), (3, 3), (1, 3)]])
    assert not (1 < ring.lat < 3 and 1 < ring.lon < 3)
    assert point_in_polygon([[(1, 1), (1, 1)]]) == Position(1, 1)
    assert isinstance(tables.from_cells({"name": "x"}, "1", "2", "w"), PointOfInterest)
    assert isinstance(tables.from_cells({"name": "x"}, None, "2", "w"), Skipped)
