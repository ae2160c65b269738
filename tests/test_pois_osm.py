"""OpenStreetMap files in any order and dialect: Overpass with and without geometry, JOSM, compressed, damaged."""

import bz2
import gzip
import json
from pathlib import Path

import pytest

from viewfix import pois
from viewfix.cli.nearby import description
from viewfix.errors import BadInput
from viewfix.pois.ingest import reader_of
from viewfix.pois.links import best_link
from viewfix.pois.shapes import point_in_area, point_in_polygon
from viewfix.pois.sights import words_of
from viewfix.store.store import ModelIdentity, Store
from viewfix.types import PointOfInterest, Position, Skipped

pytest.importorskip("shapely")

NODES = "".join(
    f'<node id="{n}" lat="{lat}" lon="{lon}"/>'
    for n, (lat, lon) in enumerate(((60.17, 24.94), (60.17, 24.941), (60.1706, 24.941), (60.1706, 24.94)), start=1)
)
REFS = "".join(f'<nd ref="{n}"/>' for n in (1, 2, 3, 4, 1))
INLINE = (
    '<nd ref="1" lat="60.17" lon="24.94"/><nd ref="2" lat="60.17" lon="24.941"/><nd ref="3" lat="60.1706" '
    'lon="24.941"/><nd ref="4" lat="60.1706" lon="24.94"/><nd ref="1" lat="60.17" lon="24.94"/>'
)
MUSEUM = '<tag k="name" v="Museum"/><tag k="tourism" v="museum"/>'
CASTLE = '<tag k="type" v="multipolygon"/><tag k="name" v="Castle"/><tag k="historic" v="castle"/>'
WAY = f'<way id="10">{REFS}{MUSEUM}</way>'
HALVES = "".join(
    f'<way id="{n}">' + "".join(f'<nd ref="{ref}"/>' for ref in refs) + "</way>"
    for n, refs in ((11, (1, 2, 3)), (12, (3, 4, 1)))
)
MEMBERS = '<member type="way" ref="11" role="outer"/><member type="way" ref="12" role="outer"/>'


def read(path: Path, body: str, name: str = "a.osm") -> dict[str, PointOfInterest | Skipped]:
    text = f'<?xml version="1.0"?><osm version="0.6" generator="Overpass API">{body}</osm>'.encode()
    pack = gzip.compress if name.endswith("gz") else bz2.compress if name.endswith("bz2") else bytes
    (path / name).write_bytes(pack(text))
    file = path / name
    return {item.id: item for item in reader_of(file)(file)}


def middle(item: PointOfInterest | Skipped) -> tuple[float, float]:
    assert isinstance(item, PointOfInterest), item.reason
    return pytest.approx((item.position.lat, item.position.lon), abs=1e-9)


@pytest.mark.parametrize(
    "body",
    [
        NODES + WAY,
        WAY + NODES,
        WAY + f'<way id="10">{REFS}</way>' + NODES + NODES,
        f'<way id="10">{REFS}</way>' + WAY + NODES,
        f'<way id="10"><bounds minlat="60"/>{INLINE}{MUSEUM}</way>',
        f'<way id="10"><center lat="60.1703" lon="24.9405"/>{REFS}{MUSEUM}</way>',
        f'<way id="10"><center lat="60.1703" lon="24.9405"/>{MUSEUM}</way>',
        (NODES + WAY).replace('id="10"', 'id="10" action="modify" visible="true"'),
    ],
)
def test_the_order_of_elements_and_the_form_of_geometry_do_not_matter(body: str, tmp_path: Path) -> None:
    found = read(tmp_path, body)
    assert list(found) == ["way/10"] and middle(found["way/10"]) == (60.1703, 24.9405)


@pytest.mark.parametrize(
    "body",
    [
        f'<relation id="20">{MEMBERS}{CASTLE}</relation>{HALVES}{NODES}',
        f'{NODES}<relation id="20">{MEMBERS}{CASTLE}</relation>{HALVES}',
        f'<relation id="20"><member type="way" ref="9" role="outer">{INLINE}</member>{CASTLE}</relation>',
        f'<relation id="20"><center lat="60.1703" lon="24.9405"/>{MEMBERS}{CASTLE}</relation>',
    ],
)
def test_relations_are_areas_in_any_order_too(body: str, tmp_path: Path) -> None:
    found = read(tmp_path, body)
    assert list(found) == ["relation/20"] and middle(found["relation/20"]) == (60.1703, 24.9405)


def test_josm_writes_negative_ids_and_marks_what_is_deleted(tmp_path: Path) -> None:
    body = (NODES + WAY).replace('id="', 'id="-').replace('ref="', 'ref="-')
    gone = f'<node id="7" action="delete" lat="1" lon="2">{MUSEUM}</node><node id="8" visible="false">{MUSEUM}</node>'
    found = read(tmp_path, body + gone)
    assert list(found) == ["way/-10"] and middle(found["way/-10"]) == (60.1703, 24.9405)


@pytest.mark.parametrize("name", ["a.osm.gz", "a.osm.bz2"])
def test_compressed_files_are_read(name: str, tmp_path: Path) -> None:
    assert list(read(tmp_path, NODES + WAY, name)) == ["way/10"]
    data = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(data[: len(data) // 2])
    with pytest.raises(BadInput, match="could not be read as OpenStreetMap data"):
        list(reader_of(tmp_path / name)(tmp_path / name))


def test_an_invalid_position_skips_only_its_own_element(tmp_path: Path) -> None:
    bad = f'<node id="1" lat="," lon="2">{MUSEUM}</node><node id="5" lat="91" lon="2">{MUSEUM}</node>'
    good = f'<node id="6" lat="1" lon="2">{MUSEUM}</node><node id="x" lat="1" lon="2">{MUSEUM}</node>'
    found = read(tmp_path, bad + good)
    assert [type(item) for item in found.values()] == [Skipped, Skipped, PointOfInterest]
    assert found["node/1"] == Skipped("node/1", "Museum: its lat and lon are not numbers of degrees")


@pytest.mark.parametrize("body", ["<html><body/></html>", "<osm", "", '<osm version="0.6"><node id="1"'])
def test_xml_that_is_not_openstreetmap_is_refused_in_one_line(body: str, tmp_path: Path) -> None:
    (tmp_path / "a.osm").write_text(body)
    with pytest.raises(BadInput, match="a.osm could not be read as OpenStreetMap data") as error:
        list(reader_of(tmp_path / "a.osm")(tmp_path / "a.osm"))
    assert "\n" not in str(error.value)


def test_overpass_json_is_distinguished_from_geojson_and_credited(tmp_path: Path) -> None:
    corners = ((60.17, 24.94), (60.17, 24.941), (60.1706, 24.941), (60.1706, 24.94))
    outline = [{"lat": lat, "lon": lon} for lat, lon in corners]
    tags = {"name": "Museum", "tourism": "museum"}
    elements = [
        {"type": "way", "id": 10, "nodes": [1, 2, 3, 4, 1], "tags": tags},
        {"type": "way", "id": 11, "geometry": [*outline, outline[0]], "tags": tags},
        {"type": "way", "id": 12, "center": {"lat": 60.1703, "lon": 24.9405}, "tags": tags},
        {"type": "relation", "id": 20, "tags": {**tags, "type": "multipolygon"}, "members": [
            {"type": "way", "ref": 11, "role": "outer", "geometry": [*outline, outline[0]]},
        ]},
        *({"type": "node", "id": n, **place} for n, place in enumerate(outline, 1)),
    ]  # fmt: skip
    file = tmp_path / "export.json"
    file.write_text(json.dumps({"version": 0.6, "generator": "Overpass API", "elements": elements}))
    found = {item.id: item for item in reader_of(file)(file)}
    assert list(found) == ["way/10", "way/11", "way/12", "relation/20"]
    assert all(middle(item) == (60.1703, 24.9405) for item in found.values())
    Store.create(tmp_path / "x.map", ModelIdentity("toy", "f" * 64, 2)).close()
    added = pois.add(tmp_path / "x.map", str(tmp_path / "*.json"))
    assert added.credits == ["© OpenStreetMap contributors, ODbL"] and added.added == 1 and added.merged == 3


def test_points_lie_inside_their_areas() -> None:
    square = [(179.9, 10.0), (-179.9, 10.0), (-179.9, 10.2), (179.9, 10.2), (179.9, 10.0)]
    found = point_in_area([square[:3], square[2:]], [])
    assert found is not None and abs(found.lon) == pytest.approx(180) and found.lat == pytest.approx(10.1)
    ring = [(0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 4.0), (0.0, 0.0)]
    hole = [(1.0, 1.0), (3.0, 1.0), (3.0, 3.0), (1.0, 3.0), (1.0, 1.0)]
    found = point_in_area([ring], [hole])
    assert found is not None and not (1 < found.lat < 3 and 1 < found.lon < 3)
    assert point_in_area([ring[:3]], []) is None and point_in_area([], []) is None
    bow_tie = [(0.0, 0.0), (2.0, 2.0), (2.0, 0.0), (0.0, 2.0), (0.0, 0.0)]
    assert isinstance(point_in_polygon([bow_tie]), Position)
    assert point_in_polygon([[(1.0, 2.0)], []]) == Position(2, 1)


# Names, links and kinds


def church(**more: object) -> PointOfInterest:
    links = {"wikipedia": "https://fi.wikipedia.org/wiki/Kirkko", "wikidata": "https://www.wikidata.org/wiki/Q5"}
    names = {"en": "Cathedral", "uk": "Собор"}
    return PointOfInterest("1", "Kirkko", "building=cathedral", Position(1, 2), **{"names": names, "links": links, **more})  # type: ignore[arg-type]  # fmt: skip  # noqa: E501


def test_a_name_falls_back_to_english_and_then_to_what_is_written_there() -> None:
    assert church().named("uk") == "Собор"
    assert church().named("de") == church().named("en_GB") == "Cathedral"
    assert church().named("fi") == "Kirkko", "its article says that this name is Finnish"
    assert church().named(None) == church(names={}).named("de") == "Kirkko"


def test_the_link_is_in_the_language_of_the_name() -> None:
    assert best_link(church(), "uk") == "https://www.wikidata.org/wiki/Special:GoToLinkedPage/ukwiki/Q5"
    assert best_link(church(), "de") == "https://www.wikidata.org/wiki/Special:GoToLinkedPage/enwiki/Q5"
    assert best_link(church(), None) == best_link(church(), "fi") == "https://fi.wikipedia.org/wiki/Kirkko"
    own = {"wikipedia": "https://fi.wikipedia.org/wiki/Kirkko", "website": "https://a.b"}
    assert best_link(church(links=own), "uk") == own["website"], "nothing leads to the Ukrainian article"
    assert best_link(church(links={"wikipedia": own["wikipedia"]}), "en") is None, "not the Finnish article"
    assert best_link(church(links={}), "uk") is None


def test_the_kind_is_printed_if_the_name_does_not_include_it() -> None:
    assert description(church(links={}), None) == "Kirkko, cathedral"
    assert description(church(links={}), "en") == "Cathedral"
    kinds = {
        "amenity=place_of_worship": "place of worship",
        "building=yes": "building",
        "point_of_interest": None,
        "": None,
    }
    assert {kind: words_of(kind) for kind in kinds} == kinds
