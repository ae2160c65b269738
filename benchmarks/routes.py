"""Compare routes with those of valhalla on random pairs of places, and time them.

pip install pyvalhalla==3.9.1          # in an environment of its own, with Python 3.12 or newer
python benchmarks/routes.py --valhalla PATH/TO/THAT/python
"""

from __future__ import annotations

import argparse
import base64
import lzma
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright
from truth import DATA
from valhalla_routes import SHORT, complete, routes

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from browser.conftest import QUIET, executable  # noqa: E402
from browser.static_server import served  # noqa: E402

from viewfix.errors import BadInput  # noqa: E402
from viewfix.pack.app import WEB  # noqa: E402
from viewfix.roads.build import build  # noqa: E402
from viewfix.roads.coding import compress, decompress, encode  # noqa: E402
from viewfix.roads.graph import STEP_DEG, Graph  # noqa: E402
from viewfix.roads.network import Network  # noqa: E402
from viewfix.roads.osm import read_roads  # noqa: E402
from viewfix.roads.router import _route  # noqa: E402
from viewfix.roads.speeds import FASTEST_KMH, MODES, SPEED_KMH, WEIGHT, Mode  # noqa: E402
from viewfix.types import Position  # noqa: E402

EXTRACTS = ("Helsinki", "monaco")
COSTING: dict[Mode, str] = {"walk": "pedestrian", "cycle": "bicycle", "drive": "auto"}


@contextmanager
def shortest() -> Iterator[None]:
    """Make every road as fast and as pleasant as any other, so that the best way is the shortest."""
    speeds, weights, fastest = dict(SPEED_KMH), dict(WEIGHT), dict(FASTEST_KMH)
    try:
        for mode in MODES:
            SPEED_KMH[mode], WEIGHT[mode], FASTEST_KMH[mode] = {"": 5.0}, {}, 5.0
        yield
    finally:
        SPEED_KMH.update(speeds)
        WEIGHT.update(weights)
        FASTEST_KMH.update(fastest)


def pairs(graph: Graph, mode: Mode, count: int, seed: int) -> list[tuple[Position, Position]]:
    """Random pairs of junctions of the largest part of the network, 200 m to 3 km apart."""
    network, rng = Network(graph, mode), random.Random(seed)
    found: list[tuple[Position, Position]] = []
    places = sorted(zip(graph.lats.tolist(), graph.lons.tolist(), strict=True))  # whatever their numbers are
    while len(found) < count:
        ends = [Position(lat * STEP_DEG, lon * STEP_DEG) for lat, lon in rng.sample(places, 2)]
        placed = network.ends_between(ends[0], ends[1])
        if placed is None or placed[0].away_m > 1 or placed[1].away_m > 1:
            continue
        way = network.way(*placed)
        if way is not None and 200 <= sum(map(network.length_of, way)) <= 3000:
            found.append((ends[0], ends[1]))
    return found


Ends = tuple[Position, Position]


def measure(graph: Graph, mode: Mode, asked: Sequence[Ends]) -> tuple[list[float], list[float]]:
    """The length of each route in metres, and the milliseconds that it took."""
    network, lengths, taken_ms = Network(graph, mode), [], []
    for start, end in asked:
        began = time.perf_counter()
        placed = network.ends_between(start, end)
        assert placed is not None
        pieces = network.way(*placed)
        if pieces is None:
            raise BadInput("a pair of one part is not connected")
        route = _route(network, pieces, (start, end), 0.0, "there")
        taken_ms.append(1000 * (time.perf_counter() - began))
        lengths.append(route.distance_m)
    return lengths, taken_ms


def compare(what: str, ours: Sequence[float], theirs: Sequence[float | None]) -> None:
    both = [(a, b) for a, b in zip(ours, theirs, strict=True) if b]
    ratios = np.array([a / b for a, b in both])
    within, share = np.count_nonzero(np.abs(ratios - 1) <= 0.05), sum(a for a, _ in both) / sum(b for _, b in both)
    print(
        f"  {what}: {len(both)} routes, sum {share:.3f} of valhalla's, {within} within 5 %, "
        f"{np.count_nonzero(ratios > 1.05)} longer, median {np.median(np.abs(ratios - 1)):.3f}"
    )


PHONE = """async ([data, asked]) => {
    const bytes = Uint8Array.from(atob(data), letter => letter.charCodeAt(0));
    const [{ readRoads }, { Router }] = await Promise.all(["roads", "route"].map(name => import(`/phone/${name}.js`)));
    const began = performance.now();
    const router = new Router(readRoads(bytes.buffer));
    router.network("walk");
    const ready = performance.now() - began;
    const routes = asked.map(([from, to]) => {
        const start = performance.now();
        const { distance_m } = router.route(from, to, { mode: "walk", heading: 0 });
        return [distance_m, performance.now() - start];
    });
    return { ready, routes }; }"""


def phone(name: str, graph: Graph, asked: Sequence[Ends]) -> None:
    """Time the same routes in Chromium, by the code of the phone app."""
    with served(WEB) as folder, sync_playwright() as play:
        page = play.chromium.launch(executable_path=executable(), args=QUIET).new_page()
        page.goto(folder.url + "package.json")
        places = [[[place.lat, place.lon] for place in ends] for ends in asked]
        found = page.evaluate(PHONE, [base64.b64encode(encode(graph)).decode(), places])
    taken = [ms for metres, ms in found["routes"] if 1000 <= metres <= 2000]
    packed = len(lzma.compress(encode(graph), format=lzma.FORMAT_ALONE))
    print(
        f"  in Chromium: {packed / 1000:.1f} kB in a pack, ready in {found['ready']:.0f} ms; routes of 1 to 2 km: "
        f"median {statistics.median(taken):.1f} ms, 95th percentile {np.quantile(taken, 0.95):.1f} ms"
    )


def against_valhalla(python: Path, pbf: Path, graph: Graph, mode: Mode, asked: Sequence[Ends]) -> None:
    places = [[(place.lat, place.lon) for place in ends] for ends in asked]
    costing = COSTING[mode]

    def theirs(options: dict[str, object]) -> list[float | None]:
        found = routes(python, pbf, [[each, costing, options] for each in places])
        return [None if route is None else route[0] for route in found]

    compare("the way that each prefers", measure(graph, mode, asked)[0], theirs({}))
    with shortest():
        compare("the shortest way", measure(graph, mode, asked)[0], theirs(SHORT[costing]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--valhalla", type=Path, help="the Python that has pyvalhalla")
    parser.add_argument("--phone", action="store_true", help="also time the phone's code in Chromium")
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--modes", nargs="*", default=["walk", "cycle", "drive"])
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name in EXTRACTS:
            one_extract(name, complete(DATA / "osm" / f"{name}.osm.pbf", Path(folder) / f"{name}.osm.pbf"), options)


def one_extract(name: str, pbf: Path, options: argparse.Namespace) -> None:
    began = time.perf_counter()
    data = read_roads(pbf)
    read_s = time.perf_counter() - began
    graph = build(data)
    assert graph is not None
    built_s, stored = time.perf_counter() - began - read_s, compress(graph)
    began = time.perf_counter()
    decompress(stored)
    load_ms = 1000 * (time.perf_counter() - began)
    print(
        f"{name}: {graph.length_m / 1000:.1f} km, {len(graph.lats)} junctions, {len(graph.starts)} pieces, "
        f"stored in {len(stored) / 1000:.1f} kB; "
        f"read in {read_s:.1f} s, built in {built_s:.1f} s, loaded in {load_ms:.1f} ms"
    )
    for mode in options.modes:
        asked = pairs(graph, mode, options.pairs, options.seed)
        lengths, taken_ms = measure(graph, mode, asked)
        middle = [ms for ms, metres in zip(taken_ms, lengths, strict=True) if 1000 <= metres <= 2000]
        print(
            f"{name} {mode}: {len(asked)} routes of {min(lengths):.0f} to {max(lengths):.0f} m; 1 to 2 km "
            f"({len(middle)}): median {statistics.median(middle):.1f} ms, 95th percentile "
            f"{np.quantile(middle, 0.95):.1f} ms"
        )
        if options.phone and mode == "walk":
            phone(name, graph, asked)
        if options.valhalla is not None:
            against_valhalla(options.valhalla, pbf, graph, mode, asked)


if __name__ == "__main__":
    main()
