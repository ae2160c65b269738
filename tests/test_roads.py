"""Roads: reading OpenStreetMap files into a compact graph, and keeping it in a map."""

import base64
import json
import zlib
from pathlib import Path

import numpy as np
import pytest
from conftest import SHARED
from streets import BLOCKS, GRID, RULES, at, empty_map, osm, town

from viewfix import roads
from viewfix.cli import run
from viewfix.errors import BadInput, StorageFailed
from viewfix.pois.osm_elements import Element, Member
from viewfix.roads import varints
from viewfix.roads.access import CYCLE, DRIVE, WALK, access_of, stopped_by
from viewfix.roads.build import build
from viewfix.roads.coding import compress, decode, decompress, encode
from viewfix.roads.components import labels_of
from viewfix.roads.graph import GATE, Graph, Kind
from viewfix.roads.osm import read_roads
from viewfix.roads.turns import rule_of
from viewfix.store.store import Store

pytest.importorskip("shapely")
VERSION_1 = (  # the roads of docs/spec/samples/pack-full, as viewfix wrote them first
    "VkZSRAGlAAAAeyJqdW5jdGlvbnMiOjQsImVkZ2VzIjozLCJraW5kcyI6W1sicmVzaWRlbnRpYWwiLDYzXSxbImZvb3R3YXkiLDNdLFsiZ2F0ZSIsMTVd"
    "XSwibmFtZXMiOlsiIiwiTG9uZyBTdHJlZXQiXSwiYXR0cmlidXRpb24iOiJkcmF3biBmb3IgdGhpcyBzYW1wbGUiLCJsaWNlbmNlIjoiQ0MwLTEuMCJ9"
    "gK3iBABkAICS9AHIAccBAAAAAgECAQABAgEAAMsF7AQAAAEAKBQ="
)
COLUMNS = ("lats", "lons", "starts", "ends", "kinds", "names", "lengths_dm", "shape_counts", "shape_lats", "shape_lons",
           "turns")  # fmt: skip


def graph_of(file: Path) -> Graph:
    graph = build(read_roads(file), "Me", "ODbL")
    assert graph is not None
    return graph


def of_text(path: Path, text: str) -> Graph:
    file = path / "a.osm"
    file.write_text(text, encoding="utf-8")
    return graph_of(file)


@pytest.mark.parametrize(
    ("tags", "mask"),
    [
        ({"highway": "residential"}, WALK | CYCLE | DRIVE),
        ({"highway": "residential", "oneway": "yes"}, WALK | 0b010100),
        ({"highway": "residential", "oneway": "-1", "oneway:bicycle": "no"}, WALK | CYCLE | 0b100000),
        ({"highway": "primary", "junction": "roundabout"}, WALK | 0b010100),
        ({"highway": "footway"}, WALK),
        ({"highway": "footway", "bicycle": "yes"}, WALK | CYCLE),
        ({"highway": "footway", "oneway": "yes"}, WALK),
        ({"highway": "footway", "oneway:foot": "yes"}, 0b000001),
        ({"highway": "steps", "conveying": "backward"}, 0b000010),
        ({"highway": "cycleway", "foot": "no"}, CYCLE),
        ({"highway": "motorway"}, 0b010000),
        ({"highway": "service", "access": "private"}, 0),
        ({"highway": "service", "access": "private", "foot": "yes"}, WALK),
        ({"highway": "living_street", "motor_vehicle": "no"}, WALK | CYCLE),
        ({"highway": "pedestrian", "area": "yes"}, 0),
        ({"highway": "construction"}, 0),
        ({"highway": "pedestrian", "motor_vehicle": "destination", "bicycle": "yes"}, WALK | CYCLE | DRIVE),
        ({"highway": "elevator", "bicycle": "yes"}, WALK),
        ({"route": "ferry"}, WALK),
        ({"route": "ferry", "bicycle": "yes", "motor_vehicle": "yes"}, WALK | CYCLE | DRIVE),
        ({"route": "bus"}, 0),
        ({"railway": "rail"}, 0),
    ],
)
def test_tags_say_who_may_use_a_road_and_which_way(tags: dict[str, str], mask: int) -> None:
    assert access_of(tags) == mask


def test_a_barrier_stops_those_for_whom_it_is_there() -> None:
    assert stopped_by({"highway": "crossing"}) == 0
    assert stopped_by({"barrier": "bollard"}) == DRIVE
    assert stopped_by({"barrier": "gate"}) == 0
    assert stopped_by({"barrier": "gate", "access": "private"}) == WALK | CYCLE | DRIVE
    assert stopped_by({"barrier": "gate", "access": "no", "foot": "yes"}) == CYCLE | DRIVE
    assert stopped_by({"barrier": "kissing_gate"}) == CYCLE | DRIVE


def test_streets_become_junctions_and_edges_with_names(tmp_path: Path) -> None:
    graph = graph_of(town(tmp_path / "town.osm"))
    assert len(graph.lats) == 25 and len(graph.starts) == 40
    assert graph.length_m == pytest.approx(4000, rel=1e-3)
    assert sorted(graph.name_table)[:2] == ["", "East Street 0"]
    assert graph.kind_table == (Kind("residential", WALK | CYCLE | DRIVE),)


def test_a_graph_is_the_same_after_it_was_stored(tmp_path: Path) -> None:
    bend = {90: (400.0, 450.0), 91: (420.0, 480.0), 92: (300.0, 500.0)}
    more = [([55, 90, 91, 92, 54], {"highway": "footway", "name": "Ääni \u2028 path"})]
    graph = of_text(tmp_path, osm({**GRID, **bend}, [*BLOCKS, *more], rules=RULES))
    assert len(graph.turns) > 20
    again = decompress(compress(graph))
    for column in COLUMNS:
        np.testing.assert_array_equal(getattr(again, column), getattr(graph, column), column)
    assert (again.kind_table, again.name_table) == (graph.kind_table, graph.name_table)
    assert again.credit == "Me, ODbL" and "Ääni path" in again.name_table


def test_roads_of_the_first_version_are_still_read() -> None:
    graph = decode(base64.b64decode(VERSION_1))
    assert graph.lengths_dm.tolist() == [715, 620, 0] and graph.name_table == ("", "Long Street")
    assert (graph.shape_lats.tolist(), graph.shape_lons.tolist()) == ([5000020], [2000010])
    again = decode(encode(graph))
    for column in COLUMNS:
        np.testing.assert_array_equal(getattr(again, column), getattr(graph, column), column)


def test_a_rule_for_turns_is_read_only_where_it_is_clear() -> None:
    def rule(modes: int | None, roles: str = "from via to", **tags: str) -> None:
        members = [Member("node" if role == "via" else "way", n, role) for n, role in enumerate(roles.split(), 1)]
        found = rule_of(Element("relation", 1, {"type": "restriction", **tags}, members=members))
        assert (None if found is None else found.modes) == modes, (tags, roles)

    rule(3, restriction="no_left_turn")
    rule(2, restriction="no_left_turn", **{"except": "bicycle; psv"})
    rule(None, restriction="no_left_turn", **{"except": "bicycle;motorcar"})
    rule(2, **{"restriction:motorcar": "only_straight_on"})
    rule(None, **{"restriction:hgv": "no_left_turn"})
    rule(None, restriction="no_left_turn", hour_on="7", hour_off="18")
    rule(None, restriction="give_way")
    rule(None, "from via via to", restriction="no_left_turn")
    rule(None, "from to", restriction="no_left_turn")


def test_a_road_keeps_its_length_when_its_shape_is_simplified(tmp_path: Path) -> None:
    zigzag = {n: (10.0 * n, 1.0 * (n % 2)) for n in range(1, 42)}
    graph = of_text(tmp_path, osm(zigzag, [(list(zigzag), {"highway": "path"})]))
    assert len(graph.shape_lats) < 5
    assert graph.length_m == pytest.approx(40 * np.hypot(10, 1), rel=1e-3)


def test_pieces_of_one_road_are_joined(tmp_path: Path) -> None:
    nodes = {n: (100.0 * n, 0.0) for n in range(1, 6)}
    street = {"highway": "residential", "name": "Long Street"}
    graph = of_text(tmp_path, osm(nodes, [([1, 2, 3], street), ([5, 4, 3], street)]))
    assert len(graph.starts) == 1 and graph.length_m == pytest.approx(400, rel=1e-3)
    graph = of_text(tmp_path, osm(nodes, [([1, 2, 3], {**street, "oneway": "yes"}), ([5, 4, 3], street)]))
    assert WALK in [kind.access for kind in graph.kind_table], "a car could not leave the one-way half again"


def test_a_courtyard_that_connects_to_nothing_is_left_out(tmp_path: Path) -> None:
    island = {90: (150.0, 150.0), 91: (160.0, 150.0)}
    graph = graph_of(town(tmp_path / "a.osm", more=[([90, 91], {"highway": "footway"})], places=island))
    assert [kind.road for kind in graph.kind_table] == ["residential"]


def test_a_bollard_is_a_gate_that_cars_cannot_pass(tmp_path: Path) -> None:
    nodes = {1: (0.0, 0.0), 2: (100.0, 0.0), 3: (200.0, 0.0), 4: (200.0, 200.0), 5: (0.0, 200.0)}
    street = {"highway": "residential"}
    ways = [([1, 2, 3], street), ([3, 4, 5, 1], {**street, "name": "Around"})]
    graph = of_text(tmp_path, osm(nodes, ways, {2: {"barrier": "bollard"}}))
    [gate] = [n for n, kind in enumerate(graph.kinds) if graph.kind_table[kind].road == GATE]
    assert graph.lengths_dm[gate] == 0 and graph.kind_table[graph.kinds[gate]].access == WALK | CYCLE


def test_everything_is_reached_from_everything_in_a_strong_component() -> None:
    labels = labels_of(6, [(0, 1), (1, 2), (2, 0), (2, 3), (3, 4), (4, 3)])
    assert labels[0] == labels[1] == labels[2] != labels[3] == labels[4]
    assert len({labels[0], labels[3], labels[5]}) == 3


def test_numbers_become_bytes_and_numbers_again() -> None:
    values = np.array([0, 1, 127, 128, 16383, 16384, 2**35 - 1, 5], np.int64)
    assert varints.decoded(varints.encoded(values), 0).tolist() == values.tolist()
    signed = np.array([0, -1, 1, -(2**30), 2**30], np.int64)
    assert varints.from_zigzag(varints.to_zigzag(signed)).tolist() == signed.tolist()
    assert varints.decoded(b"\x80", 0) is None and varints.decoded(b"\x80" * 5 + b"\x01", 0) is None


def test_roads_are_added_to_a_map_and_said_by_info(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    city, file = str(empty_map(tmp_path / "a.map")), str(town(tmp_path / "town.osm"))
    assert run(["roads", "add", city, file, "-q"]) == 0
    said = capsys.readouterr().out
    assert "4.0 km of roads" in said and "© OpenStreetMap contributors, ODbL" in said
    assert run(["info", city]) == 0
    assert "roads_km            4.0" in capsys.readouterr().out
    assert run(["roads", "list", city]) == 0
    assert "4.0 km from" in capsys.readouterr().out
    assert run(["roads", "add", city, file, "-q", "--json"]) == 0, "the same file again replaces its roads"
    assert json.loads(capsys.readouterr().out)["edges"] == 40
    with Store.open(city) as store:
        [source] = store.roads.sources()
        assert decompress(store.roads.load(source)).length_m == source.length_m
    assert run(["roads", "remove", city, "--source", "town.osm"]) == 0
    assert "roads of 1 file removed" in capsys.readouterr().out
    assert run(["info", city, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["roads_km"] == 0


def test_roads_far_from_the_photos_are_left_out(tmp_path: Path) -> None:
    far = {90: (400.0, 3000.0), 91: (400.0, 9000.0), 92: (400.0, 9100.0)}
    file = town(tmp_path / "a.osm", more=[([55, 90, 91, 92], {"highway": "path"})], places=far)
    added = roads.add(empty_map(tmp_path / "a.map"), file)
    assert 6500 < added.length_m < 6800, "up to the first node beyond 2 km"
    with pytest.raises(BadInput, match="no roads within 2 km of the photos"):
        roads.add(empty_map(tmp_path / "b.map", at(50_000, 0)), file)


def test_bad_files_are_refused_in_one_line_and_change_nothing(tmp_path: Path) -> None:
    city = empty_map(tmp_path / "a.map")
    roads.add(city, town(tmp_path / "town.osm"))
    bad = {
        "cut.osm": town(tmp_path / "t.osm").read_text()[:2000],
        "none.osm": osm(GRID, [([11, 12], {"building": "yes"})]),
        "closed.osm": osm(GRID, [([11, 12], {"highway": "service", "access": "private"})]),
        "nodes.osm": osm({}, [([11, 12], {"highway": "service"})]),
        "page.osm": "<html></html>",
        "bomb.osm": '<!DOCTYPE b [<!ENTITY a "aa">]><osm>&a;</osm>',
        "table.csv": "name,lat,lon\n",
        "bad.osm.pbf": "nothing",
    }
    for name, text in bad.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(BadInput) as error:
            roads.add(city, tmp_path / name)
        assert name in str(error.value) and "\n" not in str(error.value), error.value
    for name in ("missing.osm", "."):
        with pytest.raises(BadInput):
            roads.add(city, tmp_path / name)
    with pytest.raises(BadInput, match="No files"):
        roads.add(city)
    with pytest.raises(BadInput, match=r"no roads from b.osm. It has those from: .*town.osm"):
        roads.remove(city, "b.osm")
    with Store.open(str(city)) as store:
        assert len(store.roads.sources()) == 1


def test_a_file_with_too_many_roads_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("viewfix.roads.osm.MOST_NODES", 40)
    with pytest.raises(BadInput, match="more than 40 nodes. Cut out the area"):
        read_roads(town(tmp_path / "a.osm"))


def test_damaged_roads_are_refused(tmp_path: Path) -> None:
    graph = graph_of(town(tmp_path / "a.osm"))
    plain = encode(graph)
    start = len(b"VFRD\x01") + 4
    size = int.from_bytes(plain[5:start], "little")
    header = json.loads(plain[start : start + size])

    def with_header(**change: object) -> bytes:
        about = json.dumps({**header, **change}).encode()
        return plain[:5] + len(about).to_bytes(4, "little") + about + plain[start + size :]

    decode(with_header())
    broken = {
        "does not begin": b"VFRE" + plain[4:],
        "longer than the file": plain[:5] + b"\xff\xff\xff\xff" + plain[start:],
        "not JSON": plain[:start] + b"x" + plain[start + 1 :],
        "ends too early": plain[: start + size + 30],
        "more or fewer": plain + b"\x01",
        "junctions is": with_header(junctions=10**9),
        "turns is": with_header(turns=-1),
        "lon_ppm is": with_header(lon_ppm=2e6),
        "kind that does not exist": with_header(kinds=[]),
        "not a class": with_header(kinds=[["<script>", 3]]),
        "access mask": with_header(kinds=[["path", 64]]),
        "names is not": with_header(names=["x"]),
        "attribution is not": with_header(attribution=3),
    }
    for seen, content in broken.items():
        with pytest.raises(BadInput, match=seen):
            decode(content)
    rng = np.random.default_rng(0)
    for _ in range(300):  # whatever the bytes are: an answer or one line, and soon
        noise = bytearray(plain)
        for place in rng.integers(start, len(plain), 3):
            noise[place] = rng.integers(256)
        try:
            decode(bytes(noise))
        except BadInput as error:
            assert "\n" not in str(error)
    with pytest.raises(BadInput, match="decompressed"):
        decompress(b"nothing")
    with pytest.raises(BadInput, match="too large"):
        decompress(zlib.compress(bytes(60 * 2**20)))


def test_roads_that_were_changed_in_the_file_are_noticed(tmp_path: Path) -> None:
    city = empty_map(tmp_path / "a.map")
    roads.add(city, town(tmp_path / "town.osm"))
    with Store.open(str(city), write=True) as store:
        with store.transaction() as connection:  # type: ignore[attr-defined]
            connection.execute("UPDATE roads SET graph = zeroblob(10)")
        [source] = store.roads.sources()
        with pytest.raises(StorageFailed, match="viewfix roads add"):
            store.roads.load(source)


def test_a_road_across_the_180th_meridian_is_one_road(tmp_path: Path) -> None:
    nodes = "".join(f'<node id="{n}" lat="-17" lon="{lon}"/>' for n, lon in enumerate((179.99, 179.999, -179.99), 1))
    way = '<way id="1"><nd ref="1"/><nd ref="2"/><nd ref="3"/><tag k="highway" v="track"/></way>'
    graph = of_text(tmp_path, f"<osm>{nodes}{way}</osm>")
    assert abs(int(graph.lons[0]) - int(graph.lons[1])) == pytest.approx(2000, abs=2)


@pytest.mark.parametrize(("name", "least_km"), [("Helsinki", 85), ("monaco", 400)])
def test_real_extracts_are_read(name: str, least_km: float) -> None:
    file = SHARED / "osm" / f"{name}.osm.pbf"
    if not file.exists():
        pytest.skip("needs the OpenStreetMap extracts of ../shared/data")
    pytest.importorskip("osmium")
    graph = graph_of(file)
    assert graph.length_m / 1000 > least_km and len(compress(graph)) < 70_000
