"""Sights ahead: said in time, on the right side, once, and only when it is sure."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from streets import at, empty_map
from tracks import looks, made_map, seen, street

from viewfix import Map, pois
from viewfix.cli import run
from viewfix.errors import BadInput
from viewfix.geo import moved
from viewfix.pois import Ahead, Announcer, Belief, Upcoming
from viewfix.pois.osm import read_osm
from viewfix.pois.upcoming import USUAL_AHEAD
from viewfix.types import PointOfInterest, Position


def sight(name: str, x_m: float, y_m: float, kind: str = "tourism=museum", notability: float = 2.0) -> PointOfInterest:
    return PointOfInterest(name, name, kind, at(x_m, y_m), notability=notability)


def a_map(path: Path, sights: Sequence[PointOfInterest]) -> Path:
    city = empty_map(path / "a.map")
    features = [
        {
            "type": "Feature", "id": each.id,
            "geometry": {"type": "Point", "coordinates": [each.position.lon, each.position.lat]},
            "properties": {"name": each.name, "kind": each.kind, "notability": each.notability},
        }
        for each in sights
    ]  # fmt: skip
    file = path / "sights.geojson"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    pois.add(city, file)
    return city


def coming(city: Path, belief: Belief, ahead: Ahead = USUAL_AHEAD) -> list[tuple[str, float, str, float]]:
    with Map.open(city) as opened:
        return [(e.point.name, round(e.in_s), e.side, round(e.distance_m)) for e in opened.upcoming(belief, ahead)]


NORTH = [sight("Left", -54, 570), sight("Ahead", 3, 260), sight("Right", 40, 100), sight("Behind", 5, -50),
         sight("Too far", 400, 200), sight("Too late", 0, 900)]  # fmt: skip


def test_sights_come_by_time_and_on_a_side(tmp_path: Path) -> None:
    city = a_map(tmp_path, NORTH)
    belief = Belief.at(at(0, 0), 0.0, 10.0)
    assert coming(city, belief) == [("Right", 10, "right", 40), ("Ahead", 26, "ahead", 3), ("Left", 57, "left", 54)]
    assert [each[0] for each in coming(city, belief, Ahead(horizon_s=20))] == ["Right"]
    assert coming(city, Belief.at(at(0, 0), 180.0, 10.0)) == [("Behind", 5, "ahead", 5)]
    backwards = Belief.at(at(0, 0), 0.0, -10.0)
    assert coming(city, backwards) == [("Behind", 5, "ahead", 5)], "a negative speed is a train that pushes back"
    assert coming(city, Belief.at(at(0, 0), 0.0, 0.1)) == [], "nothing comes to those who stand"


def test_a_sight_is_said_only_if_its_side_is_sure(tmp_path: Path) -> None:
    city = a_map(tmp_path, [sight("Church", 30, 200)])
    places = [at(0, 0), at(60, 0)]  # two parallel streets: the church is between them

    def belief(first: float, second: float) -> Belief:
        lats, lons = (np.array([getattr(p, name) for p in places]) for name in ("lat", "lon"))
        return Belief(lats, lons, np.array([first, second]), np.zeros(2), np.full(2, 5.0))

    assert coming(city, belief(0.5, 0.5)) == []
    assert coming(city, belief(0.85, 0.15)) == [("Church", 40, "right", 30)]
    assert coming(city, belief(0.1, 0.9)) == [("Church", 40, "left", 30)]
    assert coming(city, belief(0.7, 0.0)) == [], "it may be off the map"
    with Map.open(city) as opened:
        [one] = opened.upcoming(belief(0.85, 0.1))
    assert one.probability == pytest.approx(0.85)


def test_an_unsure_direction_says_nothing(tmp_path: Path) -> None:
    city = a_map(tmp_path, [sight("Church", 30, 200)])
    here = at(0, 0)
    n = 8
    around = Belief(np.full(n, here.lat), np.full(n, here.lon), np.full(n, 1 / n), np.arange(n) * 45.0, np.full(n, 5.0))
    assert coming(city, around) == []


def test_an_area_comes_with_its_nearest_edge(tmp_path: Path) -> None:
    pytest.importorskip("shapely")
    corners = [(20, 100), (220, 100), (220, 500), (20, 500), (20, 100)]
    nodes = "".join(f'<node id="{n}" lat="{at(*c).lat}" lon="{at(*c).lon}"/>' for n, c in enumerate(corners[:4], 1))
    tags = '<tag k="leisure" v="park"/><tag k="name" v="Park"/><tag k="wikidata" v="Q5"/>'
    refs = "".join(f'<nd ref="{n}"/>' for n in (1, 2, 3, 4, 1))
    file = tmp_path / "park.osm"
    file.write_text(f'<osm>{nodes}<way id="1">{refs}{tags}</way></osm>')
    [park] = read_osm(file)
    assert isinstance(park, PointOfInterest) and len(park.outline) == 5 and park.outline[0] == park.outline[-1]
    city = empty_map(tmp_path / "a.map")
    pois.add(city, file)
    assert coming(city, Belief.at(at(0, 0), 0.0, 10.0)) == [("Park", 10, "right", 20)]
    assert coming(city, Belief.at(at(120, 0), 0.0, 10.0)) == [("Park", 10, "ahead", 0)]
    assert coming(city, Belief.at(at(120, 300), 0.0, 10.0)) == [], "one is in it already"


def test_kinds_and_plaques_are_filtered(tmp_path: Path) -> None:
    city = a_map(
        tmp_path,
        [
            sight("Castle", 20, 100, "historic=castle"),
            sight("Museum", 20, 120),
            sight("Cross", 20, 140, "historic=wayside_cross"),
        ],
    )
    belief = Belief.at(at(0, 0), 0.0, 10.0)
    assert [each[0] for each in coming(city, belief)] == ["Castle", "Museum"]
    assert [each[0] for each in coming(city, belief, Ahead(kinds=("historic",)))] == ["Castle"]
    assert [each[0] for each in coming(city, belief, Ahead(kinds=("tourism=museum",)))] == ["Museum"]
    assert [each[0] for each in coming(city, belief, Ahead(limit=1))] == ["Castle"]


def test_no_sight_comes_twice(tmp_path: Path) -> None:
    city = a_map(tmp_path, [sight("Church", 20, 100)])
    other = tmp_path / "more.csv"
    other.write_text(f"name,lat,lon,kind\nCHURCH,{at(22, 110).lat},{at(22, 110).lon},historic=church\n")
    pois.add(city, other)
    assert len(coming(city, Belief.at(at(0, 0), 0.0, 10.0))) == 1


def test_a_speaker_says_each_sight_once_in_time_and_not_too_much() -> None:
    speaker = Announcer(lead_s=12, per_minute=2)

    def one(name: str, in_s: float, notability: float = 2.0) -> Upcoming:
        return Upcoming(sight(name, 0, 0, notability=notability), in_s, "left", 20.0, 0.9)

    assert speaker.now([one("A", 30)], 0) == ()
    assert [e.point.name for e in speaker.now([one("A", 10), one("B", 40)], 20)] == ["A"]
    assert speaker.now([one("A", 5), one("B", 35)], 25) == ()
    due = [one("Plaque", 3, 0.5), one("B", 9), one("C", 4, 1.0)]
    assert [e.point.name for e in speaker.now(due, 50)] == ["B"], "two in a minute: the best known"
    assert [e.point.name for e in speaker.now([one("D", 1)], 85)] == ["D"], "a minute later there is room again"
    assert speaker.now([one("B", 1)], 500) == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": [0.9, 0.9]}, "sum to at most 1"),
        ({"weights": [-0.1, 0.9]}, "0 or more"),
        ({"lats": [91.0, 60.0]}, "WGS84"),
        ({"speeds_mps": [999.0, 1.0]}, "at most 140 m/s"),
        ({"headings_deg": [np.nan, 1.0]}, "headings_deg must be 2 finite numbers"),
        ({"headings_deg": [1.0]}, "headings_deg must be 2"),
    ],
)
def test_a_belief_that_cannot_be_is_refused(change: dict[str, list[float]], message: str) -> None:
    values = {"lats": [60.0, 60.0], "lons": [24.0, 24.0], "weights": [0.5, 0.5], "headings_deg": [0.0, 0.0],
              "speeds_mps": [1.0, 1.0], **change}  # fmt: skip
    with pytest.raises(BadInput, match=message):
        Belief(**{name: np.array(value) for name, value in values.items()})
    with pytest.raises(BadInput, match="horizon_s must be from 1 to 600"):
        Ahead(horizon_s=0)


def test_names_and_links_are_in_one_language(tmp_path: Path) -> None:
    links = {"wikipedia": "https://fi.wikipedia.org/wiki/Kirkko", "wikidata": "https://www.wikidata.org/wiki/Q5"}
    point = PointOfInterest("1", "Kirkko", "a=b", Position(60, 24), {"en": "Church"}, links, 2.0)
    one = Upcoming(point, 5, "left", 10, 0.9)
    assert one.named("de") == ("Church", "https://www.wikidata.org/wiki/Special:GoToLinkedPage/enwiki/Q5")
    assert one.named(None) == ("Kirkko", links["wikipedia"])


def test_the_command_names_what_comes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    city, here = str(a_map(tmp_path, NORTH)), f"{at(0, 0).lat},{at(0, 0).lon}"
    assert run(["upcoming", city, here, "--speed", "36", "--heading", "0"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said == ["in 10 s, on your right, 40 m: Right, museum", "in 26 s, ahead: Ahead, museum",
                    "in 57 s, on your left, 54 m: Left, museum"]  # fmt: skip
    assert run(["upcoming", city, here, "--speed", "36", "--heading", "0", "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[0])["side"] == "right"
    assert run(["upcoming", city, here, "--speed", "36"]) == 2
    assert "--heading DEG" in capsys.readouterr().err


def test_a_track_names_the_sights_that_come_once_it_is_sure(tmp_path: Path) -> None:
    spots, rows = street(60, 6.0), looks(60)
    city = made_map(tmp_path / "street.map", spots, rows)
    mill, inn = moved(spots[55], 0, 30), moved(spots[10], 180, 20)
    table = tmp_path / "sights.csv"
    table.write_text(
        f"name,lat,lon,kind\nMill,{mill.lat},{mill.lon},historic=mill\nInn,{inn.lat},{inn.lon},historic=inn\n"
    )
    pois.add(city, table)
    with Map.open(city) as opened, opened.track(mode="walk") as track:
        assert track.upcoming() == ()
        for n in range(41):
            track.add(seen(rows[n], 1.0, n), at=4.0 * n)
        [one] = track.upcoming(horizon_s=120)
        assert (one.point.name, one.side) == ("Mill", "left") and one.distance_m == pytest.approx(30, abs=12)
        assert one.in_s == pytest.approx(15 * 6 / 1.5, rel=0.4)
        assert track.upcoming(10) == () and track.upcoming(120, kinds=("tourism",)) == ()
