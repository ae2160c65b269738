"""The answers of the phone to the frames of a moving camera: GPS, old packs, and what is said."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from viewfix.geo import distance_m, moved
from viewfix.pack.app import WEB
from viewfix.pack.defaults import query_defaults
from viewfix.track.model import SHIPPED
from viewfix.types import Position

from .static_server import served

START = Position(50.0, 20.0)
STREET = [moved(START, 0.0, 8.0 * i) for i in range(60)]
FOLLOW = """async ({ street, track, query, points, frames }) => {
    const { Follower } = await import("/phone/follow.js");
    const { pointsOf } = await import("/phone/nearby.js");
    const at = name => Float64Array.from(street, each => each[name]);
    const similarity = (place, index) => Math.exp(-((place - index) ** 2) / 2) * 0.5 + 0.2 + 0.01 * Math.sin(7 * index);
    const all = street.map((_, index) => index);
    const look = place => Float32Array.from(all, each => similarity(place, each));
    const scored = row => all.map(each => ({ index: each, similarity: row[each] }));
    const best = row => scored(row).sort((a, b) => b.similarity - a.similarity);
    const index = { similarity: (row, each) => row[each], shortlist: () => null,
        nearest: (row, wanted) => best(row).slice(0, Math.min(wanted, 20)) };
    const photos = { track, query, index, count: street.length, lats: at("lat"), lons: at("lon"), heading: () => null,
        points: pointsOf(points), id: String, mapName: "street", describe: index => ({ attribution: null }),
        calibration: { bias: 0, similarity: 5, margin: 10, agreement: 1, density: 0, stranger: 0.1, radius_m: 25 } };
    const follower = new Follower(photos, "walk");
    return frames.map(({ place, timeS, near }) => follower.next(look(place), timeS, near));
}"""


@pytest.fixture(scope="module")
def page(chromium: Browser) -> Iterator[Page]:
    with served(WEB) as folder:
        opened = chromium.new_page()
        opened.goto(folder.url + "package.json")
        yield opened
        opened.close()


def follow(page: Page, frames: list[dict[str, Any]], **changed: Any) -> list[dict[str, Any]]:
    """The answers to frames that look like a place of the street, `place`, at 1.6 m a second for each 5 s."""
    street = [{"lat": each.lat, "lon": each.lon} for each in STREET]
    given = {"street": street, "track": SHIPPED.to_json(), "query": query_defaults(), "points": [], "frames": frames}
    answers: list[dict[str, Any]] = page.evaluate(FOLLOW, {**given, **changed})
    return answers


def walk(count: int, near: Position | None = None) -> list[dict[str, Any]]:
    circle = None if near is None else {"lat": near.lat, "lon": near.lon, "radius": 150.0}
    return [{"place": i, "timeS": 1000.0 + 5 * i, "near": circle} for i in range(count)]


def off_m(answer: dict[str, Any], place: int) -> float:
    lon, lat = answer["geometry"]["coordinates"]
    return distance_m(Position(lat, lon), STREET[place])


def test_a_walk_is_followed_northwards(page: Page) -> None:
    last = follow(page, walk(20))[-1]
    assert last["properties"]["found"] and off_m(last, 19) < 15
    assert last["properties"]["direction_deg"] == pytest.approx(0, abs=15) and 1 < last["properties"]["speed_mps"] < 2.5
    assert last["properties"]["p_off"] < 0.1


def test_a_wrong_position_of_gps_never_excludes_the_truth(page: Page) -> None:
    frames = walk(30)
    for i, frame in enumerate(frames):
        wrong = moved(STREET[i], 90.0, 500.0 + i)
        frame["near"] = {"lat": wrong.lat, "lon": wrong.lon, "radius": 150.0}
    answers = follow(page, frames)
    assert all(each["properties"]["found"] for each in answers[5:])
    assert max(off_m(each, i) for i, each in enumerate(answers) if i >= 5) < 30


def test_a_pack_without_a_track_answers_each_frame_alone(page: Page) -> None:
    answers = follow(page, walk(3), track=None)
    assert all("p_off" not in each["properties"] and each["properties"]["found"] for each in answers)


def test_a_sight_is_said_once_shortly_before_it_is_passed(page: Page) -> None:
    at = moved(STREET[25], 90.0, 40.0)
    tower = {"id": "1", "name": "Clock Tower", "kind": "tourism=attraction", "names": {}, "links": {},
             "position": {"lat": at.lat, "lon": at.lon}, "notability": 2.0,
             "attribution": None, "licence": None}  # fmt: skip
    answers = follow(page, walk(35), points=[tower])
    said = [(i, each["side"], each["in_s"]) for i, one in enumerate(answers) for each in one["properties"]["say"]]
    assert len(said) == 1
    number, side, in_s = said[0]
    assert side == "right" and in_s <= 12 and 20 <= number <= 25
    assert [each["name"] for each in answers[19]["properties"]["coming"]] == ["Clock Tower"]
