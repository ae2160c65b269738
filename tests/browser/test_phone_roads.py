"""The phone finds the same ways as the core, in JavaScript: the same lengths, the same steps, the same refusals."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import SHARED
from playwright.sync_api import Browser, Page
from streets import BLOCKS, GRID, RULES, Way, osm

from viewfix.pack.app import WEB
from viewfix.roads.build import build
from viewfix.roads.coding import encode
from viewfix.roads.graph import Graph
from viewfix.roads.network import Network
from viewfix.roads.osm import read_roads
from viewfix.roads.router import _route
from viewfix.roads.speeds import FASTEST_KMH, MODES, SPEED_KMH, WEIGHT
from viewfix.types import Position

from .static_server import served

pytest.importorskip("shapely")

ROUTES = """async ([data, asked]) => {
    const bytes = Uint8Array.from(atob(data), letter => letter.charCodeAt(0));
    const [{ readRoads }, { Router }] = await Promise.all(["roads", "route"].map(name => import(`/phone/${name}.js`)));
    const router = new Router(readRoads(bytes.buffer));
    return asked.map(([from, to, mode, heading]) => router.route(from, to, { mode, heading })); }"""


@pytest.fixture(scope="module")
def page(chromium: Browser) -> Iterator[Page]:
    with served(WEB) as folder:
        opened = chromium.new_page()
        opened.goto(folder.url + "package.json")
        yield opened
        opened.close()


def graphs(tmp_path: Path) -> dict[str, Graph]:
    """A town with one-way streets, forbidden turns, stairs, a ferry, a bollard and loops; and the real extracts."""
    rng = np.random.default_rng(5)
    places = {n: (float(x), float(y)) for n, (x, y) in enumerate(rng.uniform(0, 400, (60, 2)), 100)}
    ends = [*GRID, *places]
    more: list[Way] = []
    for n in places:
        kind = str(rng.choice(["footway", "steps", "cycleway", "residential", "service", "path"]))
        oneway = {"oneway": "yes"} if rng.random() < 0.3 else {}
        name = {"name": f"Lane {n % 7}"} if rng.random() < 0.4 else {}
        more.append(([int(rng.choice(ends)), n, int(rng.choice(ends))], {"highway": kind, **oneway, **name}))
    more.append(([11, 55], {"route": "ferry", "name": "Harbour Ferry"}))
    file = tmp_path / "town.osm"
    town = osm({**GRID, **places}, [*BLOCKS, *more], {13: {"barrier": "bollard"}}, rules=RULES)
    file.write_text(town, encoding="utf-8")
    files = [file, *(SHARED / "osm" / f"{name}.osm.pbf" for name in ("Helsinki", "monaco"))]
    found = {file.name: build(read_roads(file), "Me") for file in files if file.exists()}
    return {name: graph for name, graph in found.items() if graph is not None}


def test_ways_and_steps_are_those_of_the_core(page: Page, tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    for name, graph in graphs(tmp_path).items():
        lats, lons = graph.lats * 1e-5, graph.lons * 1e-5
        asked: list[list[Any]] = []
        for _ in range(150):
            start, end = rng.integers(0, len(lats), 2)
            near = rng.uniform(-3e-4, 3e-4, 4)
            heading = [None, 0.0, 135.0][int(rng.integers(3))]
            asked.append(
                [[float(lats[start] + near[0]), float(lons[start] + near[1])],
                 [float(lats[end] + near[2]), float(lons[end] + near[3])], str(rng.choice(MODES)), heading]
            )  # fmt: skip
        asked.append([[float(lats[0]), float(lons[0])], [10.0, 10.0], "walk", None])
        found = page.evaluate(ROUTES, [base64.b64encode(encode(graph)).decode(), asked])
        networks = {mode: Network(graph, mode) for mode in MODES}
        reached = ties = 0
        for (start, end, mode, heading), mine in zip(asked, found, strict=True):
            ends = Position(*start), Position(*end)
            placed = networks[mode].ends_between(*ends)
            pieces = None if placed is None else networks[mode].way(*placed)
            assert (mine is None) == (pieces is None), (name, start, end, mode)
            if pieces is None:
                continue
            reached += 1
            theirs = _route(networks[mode], pieces, ends, heading, "there")
            assert mine["distance_m"] == pytest.approx(theirs.distance_m, abs=1e-6), (name, start, end, mode)
            assert mine["duration_s"] == pytest.approx(theirs.duration_s, abs=1e-6)
            if len(mine["line"]) != len(theirs.line) or np.abs(np.array(mine["line"]) - theirs.line).max() > 1e-9:
                ties += 1  # two ways of exactly the same cost, such as the two sides of a square
                continue
            assert [(s["turn"], s["street"], s["surface"], s["side"]) for s in mine["steps"]] == [
                (s.turn, s.street, s.surface, s.side) for s in theirs.steps
            ]
            for step, other in zip(mine["steps"], theirs.steps, strict=True):
                assert step["distance_m"] == pytest.approx(other.distance_m, abs=1e-6)
                assert abs((step["bearing_deg"] - other.bearing_deg + 180) % 360 - 180) < 1e-6
        assert reached > 100 and ties < 0.05 * reached, f"{name}: {reached} ways, {ties} ties"


def test_speeds_are_those_of_the_core(page: Page) -> None:
    found = page.evaluate("import('/phone/speeds.js').then(m => [m.SPEED_KMH, m.WEIGHT, m.FASTEST_KMH])")
    assert found == json.loads(json.dumps([SPEED_KMH, WEIGHT, FASTEST_KMH]))


def test_damaged_roads_never_do_more_than_fail(page: Page, tmp_path: Path) -> None:
    graph = next(iter(graphs(tmp_path).values()))
    plain = encode(graph)
    rng = np.random.default_rng(7)
    changed = []
    for _ in range(150):
        noise = bytearray(plain)
        for place in rng.integers(0, len(plain), 3):
            noise[place] = rng.integers(256)
        changed.append(base64.b64encode(bytes(noise)).decode())
    body = """async all => { const { readRoads } = await import("/phone/roads.js");
        return all.map(data => { try {
            readRoads(Uint8Array.from(atob(data), letter => letter.charCodeAt(0)).buffer); return "read";
        } catch (error) { return error.constructor.name; } }); }"""
    assert set(page.evaluate(body, changed)) <= {"read", "PackError"}
