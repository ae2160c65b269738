"""Routes: the best way along the roads of a map, its steps in words, and what is said if there is none."""

import json
import math
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from streets import GRID, STREETS, Way, at, empty_map, osm, town

from viewfix import Fix, Map, Position, pois, roads
from viewfix.cli import run
from viewfix.errors import BadInput
from viewfix.geo import distance_m
from viewfix.models.model import Model
from viewfix.roads.build import build
from viewfix.roads.guidance import Stretch, steps_of, turn_of
from viewfix.roads.network import Network
from viewfix.roads.osm import read_roads
from viewfix.roads.route import Route
from viewfix.roads.router import Router
from viewfix.roads.speeds import Mode
from viewfix.roads.words import distance, duration
from viewfix.store.store import Store

pytest.importorskip("shapely")


def a_map(path: Path, text: str, name: str = "a") -> Path:
    file = path / f"{name}.osm"
    file.write_text(text, encoding="utf-8")
    city = empty_map(path / f"{name}.map")
    roads.add(city, file)
    return city


def way(city: Path, start: Position, end: Position, mode: Mode = "walk", heading_deg: float | None = None) -> Route:
    with Store.open(str(city)) as store:
        return Router(store).route(start, end, mode=mode, heading_deg=heading_deg)


@pytest.fixture
def city(tmp_path: Path) -> Path:
    return a_map(tmp_path, town(tmp_path / "town.osm").read_text(encoding="utf-8"))


def test_the_way_is_the_shortest_and_its_line_is_as_long(city: Path) -> None:
    route = way(city, at(30, 3), at(200, 270))
    assert route.distance_m == pytest.approx(170 + 270, abs=2)
    line = [Position(*point) for point in route.line]
    assert sum(map(distance_m, line, line[1:])) == pytest.approx(route.distance_m, abs=3)
    assert distance_m(line[0], at(30, 0)) < 2 and distance_m(line[-1], at(200, 270)) < 2
    assert route.duration_s == pytest.approx(route.distance_m / 5.0 * 3.6, rel=0.01)
    assert route.credit == "© OpenStreetMap contributors, ODbL"


@pytest.mark.parametrize("mode", ["walk", "cycle", "drive"])
def test_ways_are_as_short_as_those_of_dijkstra(mode: Mode, tmp_path: Path) -> None:
    """On a town of random one-way streets, against a search without any estimate."""
    rng = np.random.default_rng(3)
    nodes = {n: (float(x), float(y)) for n, (x, y) in enumerate(rng.uniform(0, 1500, (120, 2)), 1)}
    ways: list[Way] = []
    for n, (x, y) in nodes.items():
        near = sorted(nodes, key=lambda m: math.dist(nodes[m], (x, y)))[1:4]
        oneway = {"oneway": "yes"} if rng.random() < 0.3 else {}
        ways += [([n, other], {"highway": "residential", **oneway}) for other in near]
    file = tmp_path / "a.osm"
    file.write_text(osm(nodes, ways))
    graph = build(read_roads(file))
    assert graph is not None
    network = Network(graph, mode)
    for _ in range(60):
        start, end = (at(*rng.uniform(0, 1500, 2)) for _ in range(2))
        ends = network.ends_between(start, end)
        assert ends is not None
        pieces = network.way(*ends)
        assert pieces is not None
        found = sum(network.length_of(piece) * network._search.cost_a_metre(piece.edge) for piece in pieces)
        network._search._estimate = lambda junction, end: 0.0  # type: ignore[method-assign]
        slow = network.way(*ends)
        del network._search._estimate
        assert slow is not None
        wanted = sum(network.length_of(piece) * network._search.cost_a_metre(piece.edge) for piece in slow)
        assert found == pytest.approx(wanted, abs=1e-6)
        for piece in pieces:
            access = graph.kind_table[graph.kinds[piece.edge]].access
            direction = 0b010101 if piece.start_m <= piece.end_m else 0b101010
            allowed = {"walk": 0b11, "cycle": 0b1100, "drive": 0b110000}[mode]
            assert piece.start_m == piece.end_m or access & direction & allowed
        lines = [network.line(piece) for piece in pieces]
        for before, after in zip(lines, lines[1:], strict=False):
            assert before[-1] == pytest.approx(after[0], abs=1e-9)


def test_steps_start_from_where_the_camera_looks(city: Path) -> None:
    route = way(city, at(30, 3), at(200, 70), heading_deg=0.0)
    assert route.instructions[0] == "turn right, 170 m along East Street 0"
    assert route.instructions[1] == "turn left, 70 m along North Street 2"
    assert route.instructions[2].startswith("you are there: 60.17")
    assert way(city, at(30, 3), at(200, 70), heading_deg=80.0).steps[0].turn == "ahead"
    assert way(city, at(30, 3), at(200, 70), heading_deg=275.0).steps[0].turn == "around"
    assert way(city, at(30, 3), at(200, 70)).instructions[0] == "go east, 170 m along East Street 0"
    assert str(route).splitlines()[0].startswith("240 m, 3 min, to ")


def test_the_destination_lies_on_a_side(city: Path) -> None:
    assert way(city, at(0, 20), at(12, 80)).steps[-1].side == "right"
    assert way(city, at(0, 80), at(12, 20)).steps[-1].side == "left"
    assert way(city, at(0, 20), at(0, 80)).steps[-1].side is None


def test_one_street_is_one_step_even_across_crossings(tmp_path: Path) -> None:
    nodes = {1: (0.0, 0.0), 2: (100.0, 0.0), 3: (112.0, 3.0), 4: (200.0, 0.0), 5: (200.0, 300.0)}
    path, street = {"highway": "footway"}, {"highway": "residential", "name": "Long Street"}
    ways: list[Way] = [([1, 2], street), ([2, 3], path), ([3, 4], street), ([4, 5], {**street, "name": "High Street"})]
    route = way(a_map(tmp_path, osm(nodes, ways)), at(10, 0), at(200, 200))
    assert [step.street for step in route.steps] == ["Long Street", "High Street", None]
    assert route.steps[0].distance_m == pytest.approx(190, abs=2)


def test_a_winding_path_does_not_babble(tmp_path: Path) -> None:
    nodes = {n: (20.0 * n, 8.0 * math.sin(n)) for n in range(1, 30)}
    twigs: list[Way] = [([n, 100 + n], {"highway": "footway"}) for n in range(2, 28, 3)]
    ends = {100 + n: (20.0 * n, 60.0) for n in range(2, 28, 3)}
    text = osm({**nodes, **ends}, [(list(nodes), {"highway": "footway"}), *twigs])
    route = way(a_map(tmp_path, text), at(20, 7), at(580, 8 * math.sin(29)))
    assert len(route.steps) == 2, route.instructions


def test_a_real_turn_of_a_nameless_path_is_said(tmp_path: Path) -> None:
    nodes = {1: (0.0, 0.0), 2: (100.0, 0.0), 3: (103.0, 3.0), 4: (103.0, 100.0), 5: (103.0, 102.0)}
    route = way(a_map(tmp_path, osm(nodes, [([1, 2, 3, 4, 5], {"highway": "path"})])), at(0, 0), at(103, 100))
    assert [step.turn for step in route.steps] == [None, "left", "arrive"]
    assert route.instructions[1].endswith("along the path")


def test_stairs_are_named_and_bicycles_avoid_them(tmp_path: Path) -> None:
    nodes = {1: (0.0, 0.0), 2: (60.0, 0.0), 3: (90.0, 0.0), 4: (150.0, 0.0), 5: (60.0, 400.0), 6: (90.0, 400.0)}
    path = {"highway": "cycleway", "foot": "yes"}
    ways: list[Way] = [([1, 2], path), ([2, 3], {"highway": "steps"}), ([3, 4], path), ([2, 5, 6, 3], path)]
    city = a_map(tmp_path, osm(nodes, ways))
    assert "go straight on, 30 m on the stairs" in way(city, at(0, 0), at(150, 0)).instructions
    assert way(city, at(0, 0), at(150, 0), "cycle").distance_m > 900
    with pytest.raises(BadInput, match="no road of this map to drive on|No road to drive on"):
        way(city, at(0, 0), at(150, 0), "drive")


def test_one_way_streets_and_bollards_are_for_cars(tmp_path: Path) -> None:
    nodes = {1: (0.0, 0.0), 2: (300.0, 0.0), 3: (300.0, 200.0), 4: (0.0, 200.0)}
    street = {"highway": "residential"}
    ways: list[Way] = [([1, 2], {**street, "oneway": "yes"}), ([2, 3, 4, 1], street)]
    city = a_map(tmp_path, osm(nodes, ways), "oneway")
    assert way(city, at(250, 0), at(50, 0), "drive").distance_m == pytest.approx(50 + 200 + 300 + 200 + 50, abs=5)
    assert way(city, at(250, 0), at(50, 0), "walk").distance_m == pytest.approx(200, abs=3)
    nodes[5] = (150.0, 0.0)
    ways = [([1, 5, 2], street), ([2, 3, 4, 1], street)]
    city = a_map(tmp_path, osm(nodes, ways, {5: {"barrier": "bollard"}}), "bollard")
    assert way(city, at(100, 0), at(200, 0), "drive").distance_m == pytest.approx(900, abs=5)
    assert way(city, at(100, 0), at(200, 0), "cycle").distance_m == pytest.approx(100, abs=3)


def test_forbidden_turns_are_for_cars_and_bicycles(tmp_path: Path) -> None:
    """At crossing 2, left turns are forbidden except on foot."""
    nodes = {1: (0.0, 0.0), 2: (200.0, 0.0), 3: (400.0, 0.0), 4: (200.0, 200.0), 5: (400.0, 200.0), 6: (0.0, 200.0)}
    street = {"highway": "residential"}
    ways: list[Way] = [([1, 2], street), ([2, 3], street), ([2, 4], street), ([3, 5, 4], street), ([4, 6, 1], street)]
    start, end = at(150, 0), at(200, 50)
    for number, (rule, modes) in enumerate(
        {
            (1, 2, 3, "no_left_turn"): ["cycle", "drive"],
            (1, 2, 2, "only_straight_on"): ["cycle", "drive"],
            (1, 2, 2, "no_straight_on"): [],
            (3, 2, 1, "no_right_turn"): [],
        }.items()
    ):
        city = a_map(tmp_path, osm(nodes, ways, rules=[rule]), f"{number}")
        lengths = {mode: way(city, start, end, mode).distance_m for mode in ("walk", "cycle", "drive")}
        for mode, length in lengths.items():
            assert length == pytest.approx(150 + 200 + 200 + 150 if mode in modes else 100, abs=2), (rule, mode)


def test_a_rule_for_turns_that_leaves_no_way_is_broken(tmp_path: Path) -> None:
    nodes = {1: (0.0, 0.0), 2: (2100.0, 0.0), 3: (2100.0, 200.0)}
    ways: list[Way] = [([1, 2], {"highway": "residential"}), ([2, 3], {"highway": "residential"})]
    ways.append(([2, 9], {"highway": "residential", "name": "A"}))
    city = a_map(
        tmp_path, osm({**nodes, 9: (2150.0, 0.0)}, ways, rules=[(1, 2, 2, "no_left_turn"), (1, 2, 3, "no_exit")])
    )
    assert way(city, at(2000, 0), at(2100, 100), "drive").distance_m == pytest.approx(200, abs=2)


def test_a_ferry_is_a_step_of_its_own(tmp_path: Path) -> None:
    nodes = {1: (0.0, 0.0), 2: (2100.0, 0.0), 3: (2100.0, 800.0), 4: (2100.0, 3000.0), 5: (100.0, 3000.0)}
    road = {"highway": "residential", "name": "Shore Road"}
    ferry = {"route": "ferry", "name": "Harbour Ferry"}
    ways: list[Way] = [([1, 2], road), ([2, 3], ferry), ([3, 4, 5], {**road, "name": "Island Road"})]
    city = a_map(tmp_path, osm(nodes, ways))
    route = way(city, at(2000, 0), at(2100, 900))
    assert [step.surface for step in route.steps] == ["road", "ferry", "road", "road"]
    assert route.instructions[1].endswith("800 m on the ferry Harbour Ferry")
    beside = way(city, at(2000, 0), at(2100, 300))  # not to the middle of the water
    assert beside.line[-1] == pytest.approx((at(2100, 0).lat, at(2100, 0).lon), abs=2e-5)
    with pytest.raises(BadInput, match="cannot be reached"):
        way(city, at(500, 0), at(2100, 1500), "drive")


def test_a_loop_is_left_by_its_nearer_end(tmp_path: Path) -> None:
    nodes = {1: (0.0, 0.0), 2: (100.0, 0.0), 3: (150.0, 50.0), 4: (200.0, 0.0), 5: (150.0, -50.0)}
    ways: list[Way] = [([1, 2], {"highway": "path"}), ([2, 3, 4, 5, 2], {"highway": "path", "name": "Round"})]
    route = way(a_map(tmp_path, osm(nodes, ways)), at(140, 40), at(20, 0))
    assert route.distance_m == pytest.approx(math.hypot(40, 40) + 80, abs=3)
    route = way(a_map(tmp_path, osm(nodes, ways), "b"), at(20, 0), at(140, -40))
    assert route.distance_m == pytest.approx(math.hypot(40, 40) + 80, abs=3)


def test_what_cannot_be_reached_is_said_in_one_line(city: Path, tmp_path: Path) -> None:
    far = {90: (300.0, 1200.0), 91: (300.0, 3600.0)}
    text = osm({**GRID, **far}, [*STREETS, ([90, 91], {"highway": "footway"})])
    islands = a_map(tmp_path, text, "islands")
    with pytest.raises(BadInput, match=r"cannot be reached: .* not connected"):
        way(islands, at(0, 0), at(300, 3000))
    with pytest.raises(BadInput, match=r"is 50\.0 km away, .* Is it in another town\?"):
        way(city, at(0, 0), at(50_000, 0))
    with pytest.raises(BadInput, match=r"within 1 km of the start"):
        way(city, at(50_000, 0), at(0, 0))
    with pytest.raises(BadInput, match=r"has no roads. Add them with: viewfix roads add"):
        way(empty_map(tmp_path / "empty.map"), at(0, 0), at(100, 0))
    with pytest.raises(BadInput, match="mode must be one of walk, cycle, drive; got 'fly'"):
        way(city, at(0, 0), at(100, 0), "fly")  # type: ignore[arg-type]


def test_roads_that_are_replaced_are_used_at_once(city: Path) -> None:
    with Store.open(str(city)) as store:
        router = Router(store)
        assert router.route(at(0, 0), at(400, 400)).distance_m == pytest.approx(800, abs=5)
        file = Path(store.roads.sources()[0].file)
        file.write_text(osm({**GRID}, [*STREETS, ([11, 55], {"highway": "path", "name": "Diagonal"})]))
        roads.add(city, file)
        assert router.route(at(0, 0), at(400, 400)).distance_m == pytest.approx(math.hypot(400, 400), abs=5)


SIGHTS = "name,lat,lon,kind,name:uk\n" + "".join(
    f"{name},{at(x, y).lat},{at(x, y).lon},historic=monument,{ukrainian}\n"
    for name, x, y, ukrainian in (
        ("Sibelius Monument", 210, 60, "Пам'ятник Сібеліусу"), ("Old Café", 300, 12, ""), ("Old Café", 12, 300, ""),
        ("Church of St. John", 100, 100, ""), ("Church of St. Paul", 300, 300, ""),
    )
)  # fmt: skip


@pytest.fixture
def sightseeing(city: Path, tmp_path: Path) -> Path:
    table = tmp_path / "sights.csv"
    table.write_text(SIGHTS, encoding="utf-8")
    pois.add(city, table)
    return city


def test_a_sight_is_found_by_its_name_in_any_language_case_and_accent(sightseeing: Path) -> None:
    with Map.open(sightseeing) as city:
        for name in ("Sibelius Monument", "sibelius  MONUMENT", "Пам'ятник Сібеліусу", "sibelius"):
            route = city.route((at(30, 0).lat, at(30, 0).lon), name)
            assert route.destination == "Sibelius Monument" and route.distance_m == pytest.approx(230, abs=20)
        assert city.route("60.17, 24.94", "sibelius", language="uk").destination == "Пам'ятник Сібеліусу"
        here = Fix(at(290, 0), 0.9, (), "", 90.0)
        assert city.route(here, "old cafe").distance_m < 30, "of two with one name the nearer one"
        assert city.route(here, at(10, 300)).steps[0].turn is not None
        assert city.route("Church of St. John", here).distance_m > 200


def test_unknown_destinations_are_said_with_near_matches(sightseeing: Path, tmp_path: Path) -> None:
    with Map.open(sightseeing) as city:
        start = at(0, 0)
        cases = {
            "Sibelus Monumet": r"no sight called 'Sibelus Monumet' in this map. Did you mean 'Sibelius Monument'\?",
            "church": r"Several sights are called 'church': 'Church of St. John', 'Church of St. Paul'. Use one",
            "qqqqq": r"no sight called 'qqqqq' .* viewfix pois list",
            "": "not the name of a sight",
            "91.5,200": "WGS84",
        }
        for name, message in cases.items():
            with pytest.raises(BadInput, match=message):
                city.route(start, name)
        with pytest.raises(BadInput, match="is not in this map"):
            city.route(Fix(None, 0.1, (), "too dark"), start)
        with pytest.raises(BadInput, match="not a position"):
            city.route((1.0, 2.0, 3.0), start)  # type: ignore[arg-type]
    with (
        Map.open(a_map(tmp_path, osm(GRID, STREETS), "plain")) as city,
        pytest.raises(BadInput, match="no points of interest. Add some with"),
    ):
        city.route(at(0, 0), "Church")


def test_a_route_starts_where_a_photo_was_taken(street: Path, toy: Model, tmp_path: Path) -> None:
    city = Map.build(tmp_path / "city.map", street, model=toy)
    photo = sorted(street.glob("*.jpg"))[3]
    fix = city.locate(photo)
    assert fix.position is not None
    file = tmp_path / "town.osm"
    file.write_text(osm(GRID, STREETS, origin=Position(fix.position.lat - 0.001, fix.position.lon - 0.001)))
    roads.add(city, file)
    route = city.route(photo, (fix.position.lat + 0.001, fix.position.lon))
    assert route.start == fix.position and 50 < route.distance_m < 400
    assert city.route((fix.position.lat + 0.001, fix.position.lon), str(photo)).destination == photo.name


def test_the_command_prints_words_and_writes_gpx_and_geojson(
    sightseeing: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start = f"{at(30, 3).lat},{at(30, 3).lon}"
    asked = ["route", str(sightseeing), start, "--to", "Sibelius Monument", "--heading", "0"]
    assert run([*asked, "-o", str(tmp_path / "a.gpx")]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "230 m, 3 min, to Sibelius Monument"
    assert said[1] == "  turn right, 170 m along East Street 0" and said[-1].startswith("Roads: © OpenStreetMap")
    gpx = ElementTree.fromstring((tmp_path / "a.gpx").read_text(encoding="utf-8"))
    name = "{http://www.topografix.com/GPX/1/1}"
    assert len(gpx.findall(f"{name}rte/{name}rtept")) == 3 and len(gpx.findall(f".//{name}trkpt")) >= 3
    assert run([*asked, "--json", "-o", str(tmp_path / "a.geojson")]) == 0
    feature = json.loads(capsys.readouterr().out)
    assert json.loads((tmp_path / "a.geojson").read_text()) == feature
    assert feature["geometry"]["type"] == "LineString" and feature["properties"]["steps"][0]["turn"] == "right"
    lon, lat = feature["geometry"]["coordinates"][0]
    assert (lat, lon) == pytest.approx((at(30, 0).lat, at(30, 0).lon), abs=1e-5)
    assert run([*asked, "-o", str(tmp_path / "a.txt")]) == 2
    assert "neither .gpx nor .geojson" in capsys.readouterr().err
    assert run([*asked[:4], "nowhere"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("change", "turn"),
    [(0, "ahead"), (24, "ahead"), (40, "slightly right"), (-40, "slightly left"), (90, "right"), (270, "left"),
     (140, "sharp right"), (-140, "sharp left"), (180, "around"), (540, "around")],
)  # fmt: skip
def test_a_turn_is_named_by_its_angle(change: float, turn: str) -> None:
    assert turn_of(change) == turn


def test_distances_and_times_are_as_people_say_them() -> None:
    assert [distance(x) for x in (4.4, 19, 84, 994, 996, 12_345)] == [
        "4 m",
        "19 m",
        "80 m",
        "990 m",
        "1.0 km",
        "12.3 km",
    ]
    assert [duration(x) for x in (5, 240, 3600, 4800)] == ["1 min", "4 min", "1 h 0 min", "1 h 20 min"]


def test_a_way_of_no_length_has_only_its_end() -> None:
    line = ((60.0, 24.0), (60.0, 24.0))
    steps = steps_of([Stretch("", "path", line, 0.0, 0.0)], None, (60.0, 24.0))
    assert steps[-1].turn == "arrive" and len(steps) <= 2


def test_a_route_across_the_180th_meridian(tmp_path: Path) -> None:
    def xml(points: Sequence[tuple[float, float]]) -> str:
        nodes = "".join(f'<node id="{n}" lat="{lat}" lon="{lon}"/>' for n, (lat, lon) in enumerate(points, 1))
        refs = "".join(f'<nd ref="{n}"/>' for n in range(1, len(points) + 1))
        return f'<osm>{nodes}<way id="1">{refs}<tag k="highway" v="track"/></way></osm>'

    file = tmp_path / "a.osm"
    file.write_text(xml([(-17, 179.99), (-17, -179.99)]))
    city = empty_map(tmp_path / "a.map", Position(-17, 180.0))
    roads.add(city, file)
    route = way(city, Position(-17, 179.995), Position(-17, -179.995))
    assert route.distance_m == pytest.approx(1064, rel=0.02)
    assert all(-180 <= lon <= 180 for lon, _ in route.to_geojson()["geometry"]["coordinates"])
