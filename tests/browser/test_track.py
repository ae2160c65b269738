"""The filter of tracks in JavaScript has the same belief as the one in Python, frame by frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from viewfix.geo import moved
from viewfix.pack.app import WEB
from viewfix.track.answer import Answer, answer_of
from viewfix.track.belief import Belief, pruned
from viewfix.track.filter import NO_HINTS, Hints, stepped
from viewfix.track.look import NO_LOOK
from viewfix.track.model import TrackModel
from viewfix.track.modes import MODES
from viewfix.track.observe import sight
from viewfix.track.places import Places
from viewfix.track.state import TrackState
from viewfix.types import Position

from .static_server import served

MODEL = TrackModel(0.6, -1.0, 0.9, 12.0, 25.0, 2.0, (0.0, 0.5, 1.0), (0.0, 0.3, 0.9))
FOUND, REFERENCE, RADIUS_M = 30, 41, 25.0

RUN = """async ({ lats, lons, headings, mode, model, frames }) => {
    const { Places } = await import("/phone/track/places.js");
    const { newTrack, stepped } = await import("/phone/track/filter.js");
    const { calibrated } = await import("/phone/track/model.js");
    const { sight } = await import("/phone/track/observe.js");
    const { answerOf } = await import("/phone/track/answer.js");
    const { offMap, onPlaces, weights } = await import("/phone/track/belief.js");
    const { MODES } = await import("/phone/track/modes.js");
    const places = new Places(Float64Array.from(lats), Float64Array.from(lons), MODES[mode].cellM);
    let state = newTrack(mode);
    const began = performance.now();
    const steps = frames.map(({ at, rows, similarities, reference, hints }) => {
        const found = rows.map((row, i) =>
            ({ place: places.of[row], heading: headings[row], similarity: similarities[i] }));
        const frame = sight(found, Float64Array.from(reference), similarities.slice(0, 20));
        state = stepped(state, frame, at, places, model, hints);
        const answer = answerOf(state.belief, places, MODES[mode], RADIUS_M, frame.resembled);
        const { belief } = state;
        return { answer, said: calibrated(model, answer.probability), places: [...belief.places],
                 on: [...onPlaces(belief)], both: [...weights(belief)], views: [...belief.views],
                 rest: [belief.restOn, belief.restOff], off: offMap(belief) };
    });
    const { belief } = state;
    return { steps, took_ms: performance.now() - began, keys: [...places.keys], spacing: places.spacingM,
             on: [...belief.on], off: [...belief.off] };
}""".replace("RADIUS_M", str(RADIUS_M))


@pytest.fixture(scope="module")
def page(chromium: Browser) -> Iterator[Page]:
    with served(WEB) as folder:
        opened = chromium.new_page()
        opened.goto(folder.url + "package.json")
        yield opened
        opened.close()


@dataclass
class Walk:
    """Photos of a map, and frames of a camera that moves along them, with their hints."""

    lats: np.ndarray
    lons: np.ndarray
    headings: list[float | None]
    frames: list[dict[str, Any]]


def walk(count: int, speed_mps: float, *, start: Position, spacing_m: float, length: int) -> Walk:
    """Frames at irregular times along two streets of so many photos, with a tunnel, and then a kidnap."""
    rng = np.random.default_rng(3)
    streets = [[moved(start, bearing, spacing_m * i) for i in range(length)] for bearing in (80.0, 170.0)]
    spots = streets[0] + streets[1]
    lats, lons = np.array([p.lat for p in spots]), np.array([p.lon for p in spots])
    headings = [None if rng.random() < 0.1 else float(rng.uniform(0, 360)) for _ in spots]
    made: list[dict[str, Any]] = []
    at, along, way = 0.0, 0.0, 0
    for i in range(count):
        gap = 0.0 if i % 61 == 7 else float(rng.choice([0.3, 1.0, 2.5, 8.0, 90.0], p=[0.3, 0.4, 0.2, 0.09, 0.01]))
        at, along = at + gap, (along + speed_mps * gap / spacing_m) % (length - 1)
        if i == int(0.7 * count):  # kidnapped
            along, way = 0.3 * length, 1 - way
        cosines = rng.normal(0.3, 0.05, len(spots))
        if not 0.4 * count <= i < 0.5 * count:  # outside the tunnel
            cosines += 0.3 * np.exp(-((np.arange(len(spots)) - (way * length + along)) ** 2) / 4)
        rows = np.argsort(-cosines, kind="stable")[:FOUND]
        reference = cosines[:: max(len(cosines) // REFERENCE, 1)]
        hints: dict[str, Any] = {}
        if i % 9 == 4:
            near = moved(spots[int(along)], float(rng.uniform(0, 360)), 20.0)
            hints["gps"] = {"lat": near.lat, "lon": near.lon, "radius": 40.0}
        if i % 7 == 3:
            hints["compassDeg"] = float(rng.uniform(0, 360))
        if i % 11 == 5:
            hints["steps"] = int(gap / 0.5)
        made.append(
            {"at": at, "rows": rows.tolist(), "similarities": cosines[rows].tolist(),
             "reference": reference.tolist(), "hints": hints}
        )  # fmt: skip
    return Walk(lats, lons, headings, made)


def in_python(made: Walk, mode: str) -> tuple[Places, list[tuple[TrackState, Answer]]]:
    """The states after each frame, and the answers."""
    places = Places.of(np.arange(len(made.lats)), made.lats, made.lons, MODES[mode].cell_m)
    headings = np.array([np.nan if each is None else each for each in made.headings])
    state, states = TrackState.new("m", MODES[mode]), []
    for frame in made.frames:
        rows = np.array(frame["rows"])
        given = frame["hints"]
        hints = NO_HINTS
        if given:
            gps = given.get("gps")
            at = None if gps is None else Position(gps["lat"], gps["lon"], gps["radius"])
            hints = Hints(at, given.get("compassDeg"), given.get("steps"))
        cosines = np.array(frame["similarities"])
        seen = sight(places.of_row[rows], headings[rows], cosines, np.array(frame["reference"]), cosines[:20])
        state = stepped(state, seen, frame["at"], places, MODEL, hints)
        states.append((state, answer_of(state.belief, places, MODES[mode], RADIUS_M, seen.resembled)))
    return places, states


def both(page: Page, made: Walk, mode: str) -> tuple[Places, list[tuple[TrackState, Answer]], dict[str, Any]]:
    """The same walk in Python and in the browser."""
    places, states = in_python(made, mode)
    found = page.evaluate(
        RUN,
        {"lats": made.lats.tolist(), "lons": made.lons.tolist(), "headings": made.headings, "mode": mode,
         "model": MODEL.to_json(), "frames": made.frames},
    )  # fmt: skip
    assert found["keys"] == places.keys.tolist() and found["spacing"] == pytest.approx(places.spacing_m, rel=1e-9)
    return places, states, found


@pytest.mark.parametrize(
    ("mode", "count", "speed_mps", "spacing_m", "start"),
    [
        ("walk", 500, 1.3, 5.0, Position(60.17, 24.94)),
        ("drive", 60, 9.0, 12.0, Position(-16.5, 179.999)),
        ("train", 60, 22.0, 40.0, Position(0.01, -0.01)),
    ],
)
def test_the_belief_is_that_of_the_core_after_every_frame(
    page: Page, mode: str, count: int, speed_mps: float, spacing_m: float, start: Position
) -> None:
    # Few enough values that none of the largest are cut off: of many that are equal, rounding decides which.
    made = walk(count, speed_mps, start=start, spacing_m=spacing_m, length=12)
    places, states, found = both(page, made, mode)
    apart = [difference(state, mine, len(places)) for (state, _), mine in zip(states, found["steps"], strict=True)]
    print(f"{mode}: largest difference {max(apart):.1e}; {found['took_ms'] / count:.2f} ms a frame")
    assert max(apart) < 1e-4
    for (_, wanted), mine in zip(states, found["steps"], strict=True):
        same_answer(wanted, mine["answer"])
        assert mine["said"] == pytest.approx(MODEL.calibrated(wanted.probability), abs=1e-4)
    last = states[-1][0].belief
    assert found["steps"][-1]["places"] == last.places.tolist()
    for part in ("on", "off"):
        assert np.abs(np.array(found[part]) - getattr(last, part).ravel()).max() < 1e-4
    p_off = np.array([answer.p_off for _, answer in states])
    assert p_off.max() > 0.2 > p_off.min(), "the walk has a tunnel, or the test says little"


@pytest.mark.parametrize("mode", ["walk", "auto"])
def test_on_a_larger_map_the_answers_are_those_of_the_core(page: Page, mode: str) -> None:
    made = walk(60, 1.3, start=Position(60.17, 24.94), spacing_m=5.0, length=150)
    _, states, found = both(page, made, mode)
    for (_, wanted), mine in zip(states, found["steps"], strict=True):
        assert mine["answer"]["probability"] == pytest.approx(wanted.probability, abs=1e-4)
        assert mine["answer"]["pOff"] == pytest.approx(wanted.p_off, abs=1e-4)
    same = [mine["answer"]["place"] == wanted.place for (_, wanted), mine in zip(states, found["steps"], strict=True)]
    assert np.mean(same) > 0.9


def test_the_usual_look_is_that_of_the_core(page: Page) -> None:
    rows = np.random.default_rng(4).normal(0.1, 1, (30, 24)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    look = NO_LOOK
    for row in rows:
        look = look.with_frame(row, 0.7)
    body = """async rows => { const { NO_LOOK, centred, withFrame } = await import("/phone/track/look.js");
        const frames = rows.map(row => Float32Array.from(row));
        const look = frames.reduce((before, frame) => withFrame(before, frame, 0.7), NO_LOOK);
        return [[...look.total], look.weight, [...centred(look, frames[3])], [...centred(NO_LOOK, frames[3])]]; }"""
    total, weight, centred, raw = page.evaluate(body, rows.tolist())
    assert total == pytest.approx(look.total.tolist(), abs=1e-5) and weight == pytest.approx(look.weight)
    assert centred == pytest.approx(look.centred(rows[3]).tolist(), abs=1e-5)
    assert raw == rows[3].tolist()


def test_the_same_small_probabilities_are_given_back(page: Page) -> None:
    rng = np.random.default_rng(5)
    on, off = rng.lognormal(-12, 3, (2, 350, 8, 7))
    total = on.sum() + off.sum()
    views = rng.uniform(0, 1, (350, 8))
    before = Belief(
        np.arange(350), on / total * 0.9, off / total * 0.9, views / views.sum(1, keepdims=True), 0.06, 0.04
    )
    wanted = pruned(before)
    body = """async given => { const { pruned } = await import("/phone/track/belief.js");
        const { on, off, views } = given;
        const places = Int32Array.from(Array(350).keys());
        const made = pruned({ ...given, places, speeds: 7, on: Float64Array.from(on),
                              off: Float64Array.from(off), views: Float64Array.from(views) });
        return [made.places, made.on, made.off, made.views, [made.restOn, made.restOff]].map(each => [...each]); }"""
    given = {"restOn": 0.06, "restOff": 0.04}
    given |= {name: getattr(before, name).ravel().tolist() for name in ("on", "off", "views")}
    places, *parts, rest = page.evaluate(body, given)
    assert places == wanted.places.tolist() and len(places) <= 300
    for mine, name in zip(parts, ("on", "off", "views"), strict=True):
        assert mine == getattr(wanted, name).ravel().tolist()
    assert rest == pytest.approx([wanted.rest_on, wanted.rest_off], abs=1e-12)


def difference(state: TrackState, mine: dict[str, Any], count: int) -> float:
    """The largest difference of a probability; of the views, weighted by that of their place."""
    belief = state.belief
    on, both, views = np.zeros(count), np.zeros(count), np.zeros((count, 8))
    on[belief.places] = belief.on_places
    both[belief.places] = belief.on_places + belief.off.sum(axis=(1, 2))
    views[belief.places] = belief.views * belief.on_places[:, None]
    at = np.array(mine["places"], np.int64)
    on[at] -= mine["on"]
    both[at] -= mine["both"]
    views[at] -= np.array(mine["views"]).reshape(-1, 8) * np.array(mine["on"])[:, None]
    rest = np.array([belief.rest_on, belief.rest_off, belief.p_off]) - [*mine["rest"], mine["off"]]
    return float(max(np.abs(part).max() for part in (on, both, views, rest)))


def same_answer(wanted: Answer, mine: dict[str, Any]) -> None:
    assert mine["probability"] == pytest.approx(wanted.probability, abs=1e-4)
    assert mine["pOff"] == pytest.approx(wanted.p_off, abs=1e-4)
    if wanted.place is None or mine["place"] != wanted.place:  # or two that are equally likely, to the last bits
        return
    assert (mine["lat"], mine["lon"]) == pytest.approx((wanted.lat, wanted.lon), abs=1e-6)
    assert mine["speed"] == pytest.approx(wanted.speed_mps, abs=1e-3)
    for name, value in (("heading", wanted.heading_deg), ("direction", wanted.direction_deg)):
        if value is not None and mine[name] is not None:
            assert abs((mine[name] - value + 180) % 360 - 180) < 0.1
