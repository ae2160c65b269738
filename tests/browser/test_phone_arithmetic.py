"""The phone computes in JavaScript what the core computes in Python: geodesy, votes, probabilities, sights, pixels."""

from __future__ import annotations

import base64
import io
import json
import lzma
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from viewfix.geo import Circle, Plane, bearing_deg, distance_m, moved
from viewfix.geojson import to_feature
from viewfix.links import links_of
from viewfix.locate.confidence import PRIOR, Calibration, Weights
from viewfix.locate.decide import decide
from viewfix.locate.evidence import Evidence, weigh
from viewfix.locate.fuse import fuse
from viewfix.locate.options import QueryOptions
from viewfix.models.preprocessing import Preprocessing
from viewfix.pack.app import WEB
from viewfix.pack.check import SIDE_PX, pattern
from viewfix.pack.compress import compressed
from viewfix.pack.defaults import query_defaults
from viewfix.pack.photos import calibration_of, quantized
from viewfix.pack.points import packed_outline
from viewfix.photos import load
from viewfix.pois.lookup import SPARE
from viewfix.pois.nearby import Reach, choose, score
from viewfix.pois.upcoming import Announcer, Belief, Upcoming, upcoming
from viewfix.store.points import Spots
from viewfix.types import Candidate, Fix, Nearby, Photo, PointOfInterest, Position

from .static_server import served

CALIBRATION = Calibration(
    weights={**PRIOR.weights, "off": Weights(bias=-3.1, similarity=2.2, margin=15.0, agreement=1.3, density=0.2)},
    radius_m=25.0,
    out_of_map={**PRIOR.out_of_map, "off": 0.61},
)


@pytest.fixture(scope="module")
def page(chromium: Browser) -> Iterator[Page]:
    with served(WEB) as folder:
        opened = chromium.new_page()
        opened.goto(folder.url + "package.json")
        yield opened
        opened.close()


HELPERS = """
const text = bytes => { let made = ''; for (const each of bytes) made += String.fromCharCode(each);
    return btoa(made); };
const bytes = text => Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
"""


def call(page: Page, module: str, body: str, *given: Any) -> Any:
    """The value of `body`, a function of the module's exports and of the values given."""
    script = f"given => {{ {HELPERS} return import('/phone/{module}.js').then(m => ({body})(m, ...given)); }}"
    return page.evaluate(script, list(given))


def test_distances_bearings_and_moves_are_those_of_the_core(page: Page) -> None:
    rng = np.random.default_rng(1)
    starts = [Position(float(lat), float(lon)) for lat, lon in rng.uniform((-88, -180), (88, 180), (150, 2))]
    ends = [
        moved(s, float(b), float(10 ** rng.uniform(0, 6.3)))
        for s, b in zip(starts, rng.uniform(0, 360, 150), strict=True)
    ]
    starts.append(Position(10.0, 179.9999))
    ends.append(Position(10.0001, -179.9999))
    pairs = [[{"lat": a.lat, "lon": a.lon}, {"lat": b.lat, "lon": b.lon}] for a, b in zip(starts, ends, strict=True)]
    found = call(page, "geodesy", "(m, pairs) => pairs.map(([a, b]) => m.inverse(a, b))", pairs)
    there = "(m, pairs) => pairs.map(([a, b]) => (w => m.moved(a, w.bearing, w.metres))(m.inverse(a, b)))"
    back = call(page, "geodesy", there, pairs)
    for a, b, way, end in zip(starts, ends, found, back, strict=True):
        assert way["metres"] == pytest.approx(distance_m(a, b), abs=1e-3)
        assert abs((way["bearing"] - bearing_deg(a, b) + 180) % 360 - 180) < 1e-4
        assert distance_m(b, Position(end["lat"], end["lon"])) < 1e-3


def test_a_circle_holds_the_photos_that_it_holds_in_the_core(page: Page) -> None:
    rng = np.random.default_rng(2)
    for lat, lon, radius_m in (
        (52.0, 0.1, 150.0),
        (-33.0, 179.9995, 300.0),
        (89.99, 10.0, 2000.0),
        (0.0, -180.0, 50.0),
    ):
        plane = Plane(Position(lat, lon))
        some = [plane.to_position(*map(float, xy)) for xy in rng.uniform(-2 * radius_m, 2 * radius_m, (200, 2))]
        lats, lons = [p.lat for p in some], [p.lon for p in some]
        wanted = np.flatnonzero(Circle(lat, lon, radius_m).contains(lats, lons)).tolist()
        body = "(m, c, r, lats, lons) => m.within(c, r, Float64Array.from(lats), Float64Array.from(lons))"
        assert call(page, "geodesy", body, {"lat": lat, "lon": lon}, radius_m, lats, lons) == wanted
        assert 0 < len(wanted) < 200


def drawn(rng: np.random.Generator, count: int, spread_m: float, middle: Position) -> list[Candidate]:
    """Random candidates, the most similar first, as a search returns them."""
    similarities = np.sort(rng.uniform(0.2, 0.9, count).astype(np.float32))[::-1]
    plane = Plane(middle)
    at = [plane.to_position(*map(float, xy)) for xy in rng.normal(0, spread_m, (count, 2))]
    headings = [None if rng.random() < 0.2 else float(rng.uniform(0, 360)) for _ in range(count)]
    return [
        Candidate(Photo(f"{i}.jpg", "", at[i], headings[i]), float(similarities[i]))
        for i in range(count)
    ]  # fmt: skip


def as_javascript(candidates: list[Candidate]) -> list[dict[str, Any]]:
    return [
        {"index": i, "similarity": c.similarity, "lat": c.photo.position.lat, "lon": c.photo.position.lon,
         "heading": c.photo.heading_deg}
        for i, c in enumerate(candidates)
    ]  # fmt: skip


def test_votes_and_odds_are_those_of_the_core(page: Page) -> None:
    rng = np.random.default_rng(3)
    cases = []
    for _ in range(120):
        middle = Position(float(rng.uniform(-80, 80)), float(rng.choice([0.1, 179.99999, -60.0])))
        candidates = drawn(rng, int(rng.integers(1, 21)), float(rng.choice([3.0, 30.0, 400.0])), middle)
        elsewhere = drawn(rng, int(rng.integers(0, 6)), 500.0, middle) if rng.random() < 0.5 else []
        cases.append((candidates, elsewhere, int(rng.integers(0, 201))))
    body = """(m, cases, odds, rules) => import('/phone/confidence.js').then(c =>
        cases.map(([some, others, around]) => {
            const consensus = m.fuse(some, others, rules);
            return [consensus, c.answer(odds, consensus, around, `${consensus.best}.jpg`, rules)]; }))"""
    given = [[as_javascript(a), as_javascript(b), n] for a, b, n in cases]
    found = call(page, "fuse", body, given, calibration_of(CALIBRATION), query_defaults())
    seen = set()
    for (candidates, elsewhere, around), (consensus, decided) in zip(cases, found, strict=True):
        wanted = fuse(candidates, elsewhere=elsewhere)
        assert wanted is not None
        evidence = Evidence(tuple(candidates), (weigh(wanted, around, CALIBRATION),), "off")
        fix = decide(evidence, CALIBRATION, QueryOptions(verify="off"))
        assert consensus["best"] == wanted.best
        assert consensus["agreement"] == pytest.approx(wanted.agreement, abs=1e-9)
        assert consensus["rival"] == pytest.approx(wanted.rival, abs=1e-9)
        assert distance_m(Position(consensus["position"]["lat"], consensus["position"]["lon"]), wanted.position) < 1e-3
        assert consensus["heading"] == pytest.approx(wanted.heading_deg, abs=1e-6)
        assert decided["confidence"] == pytest.approx(fix.confidence, abs=1e-9)
        assert decided["found"] == fix.found
        assert decided["reason"] == fix.reason
        assert decided["radius"] == pytest.approx(fix.position.radius_m if fix.position else None, abs=1e-3)
        seen.add(fix.found)
    assert seen == {True, False}


def test_the_numbers_of_the_pack_decide_and_not_those_of_the_app(page: Page) -> None:
    candidates = drawn(np.random.default_rng(12), 12, 3.0, Position(50.0, 20.0))
    body = """(m, some, odds, all) => import('/phone/confidence.js').then(c => all.map(rules =>
        c.answer(odds, m.fuse(some, [], rules), 9, '', rules)))"""
    usual = query_defaults()
    all_rules = [usual, {**usual, "least_confidence": 1.0}, {**usual, "least_confidence": 0.0}, {**usual, "twin": 0.0}]
    found = call(page, "fuse", body, as_javascript(candidates), calibration_of(CALIBRATION), all_rules)
    confidence = found[0]["confidence"]
    assert 0 < confidence < 1
    assert [each["found"] for each in found[1:3]] == [False, True]
    assert found[3]["confidence"] < confidence, "without the margin each of two places has a half"


def test_no_candidates_are_an_answer_too(page: Page) -> None:
    body = "(m, c, rules) => m.answer(c, null, 0, '', rules)"
    decided = call(page, "confidence", body, calibration_of(CALIBRATION), query_defaults())
    fix = decide(Evidence((), (), "off"), CALIBRATION, QueryOptions(verify="off"))
    assert (decided["found"], decided["confidence"], decided["reason"]) == (False, 0, fix.reason)


def test_the_sights_that_are_named_are_those_of_the_core(page: Page) -> None:
    rng = np.random.default_rng(4)
    plane = Plane(Position(50.45, 30.52))
    names = ["Museum", "museum ", "St Mary", "Opera", "Caf\u0065\u0301", "Café", "Ярмарок"]
    points = []
    for number in range(120):
        links = {"wikidata": f"https://www.wikidata.org/wiki/Q{rng.integers(1, 9)}"} if rng.random() < 0.4 else {}
        at = plane.to_position(*map(float, rng.normal(0, 200, 2)))
        points.append(
            PointOfInterest(f"node/{number}", str(rng.choice(names)), "tourism=museum", at, {"uk": "Музей"}, links,
                            float(rng.uniform(0, 10)))
        )  # fmt: skip
    as_json = [
        {"id": p.id, "name": p.name, "kind": p.kind, "position": {"lat": p.position.lat, "lon": p.position.lon},
         "names": dict(p.names), "links": dict(p.links), "notability": p.notability,
         "attribution": None, "licence": None}
        for p in points
    ]  # fmt: skip
    for heading_deg in (None, 0.0, 200.0):
        spots = [plane.to_position(*map(float, xy), 12.0) for xy in rng.normal(0, 300, (12, 2))]
        for at in spots:
            body = "(m, points, at, heading, rules) => m.nearbyOf(m.pointsOf(points), at, heading, rules)"
            here = {"lat": at.lat, "lon": at.lon, "radius": at.radius_m}
            found = call(page, "nearby", body, as_json, here, heading_deg, query_defaults()["nearby"])
            reached = [p for p in points if distance_m(at, p.position) <= Reach().within_m + (at.radius_m or 0)]
            # The core reads so many from a map, too.
            away_m = np.array([distance_m(at, p.position) for p in reached])
            value = score(np.array([p.notability for p in reached]), away_m)
            reached = [reached[n] for n in np.argsort(-value, kind="stable")[: SPARE * Reach().limit]]
            wanted = choose(reached, at, heading_deg, Reach())
            assert [each["id"] for each in found] == [each.point.id for each in wanted]
            assert [each["side"] for each in found] == [each.side for each in wanted]
            for mine, theirs in zip(found, wanted, strict=True):
                assert mine["distance_m"] == pytest.approx(theirs.distance_m, abs=0.0501)
                assert mine["bearing_deg"] == pytest.approx(theirs.bearing_deg, abs=0.0501)


def picture(width: int, height: int, seed: int) -> np.ndarray:
    """A picture with edges, slopes and noise, (height, width, 3) uint8."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = [
        128 + 90 * np.sin(x / rng.uniform(3, 40) + y / rng.uniform(3, 40)) + 30 * (x > width / 2) for _ in range(3)
    ]
    return np.clip(np.stack(waves, -1) + rng.normal(0, 8, (height, width, 3)), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(400, 300), (300, 400), (97, 211), (320, 320), (33, 500), (64, 48), (300, 700)])
def test_pictures_are_resized_to_the_last_bit_as_in_the_core(
    page: Page, size: tuple[int, int], interpolation: str
) -> None:
    rules = Preprocessing("area", 320, 320, interpolation=interpolation)
    pixels = picture(*size, seed=5)
    given = {name: getattr(rules, name) for name in Preprocessing.__slots__}
    body = """(m, rules, width, height, data) => {
        const t = m.tensorOf(rules, { width, height, data: bytes(data) });
        return [t.dims, text(t.data)]; }"""
    dims, data = call(page, "pixels", body, given, *size, base64.b64encode(pixels.tobytes()).decode())
    wanted = rules.apply(pixels)
    assert dims == list(wanted.shape)
    np.testing.assert_array_equal(np.frombuffer(base64.b64decode(data), np.uint8).reshape(wanted.shape), wanted)


def test_pixels_for_a_network_of_floats_are_those_of_the_core(page: Page) -> None:
    rules = Preprocessing("exact", 32, 24, layout="NCHW float32", mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    pixels = picture(70, 50, seed=6)
    given = {name: getattr(rules, name) for name in Preprocessing.__slots__}
    body = """(m, rules, data) => { const t = m.tensorOf(rules, {width: 70, height: 50, data});
        return [t.dims, Array.from(t.data)]; }"""
    dims, data = call(page, "pixels", body, given, pixels.ravel().tolist())
    wanted = rules.apply(pixels)
    assert dims == list(wanted.shape)
    np.testing.assert_allclose(np.array(data).reshape(wanted.shape), wanted, atol=1e-6)


def jpeg(pixels: np.ndarray, orientation: int, **options: Any) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    written = io.BytesIO()
    Image.fromarray(pixels).save(written, "JPEG", exif=exif, **options)
    return written.getvalue()


DECODE = """(m, data, least) => m.pixelsOf(new Blob([bytes(data)]), least)
    .then(p => [p.width, p.height, text(p.data)])"""


def decoded(page: Page, content: bytes, least_px: int) -> np.ndarray:
    width, height, data = call(page, "decode", DECODE, base64.b64encode(content).decode(), least_px)
    return np.frombuffer(base64.b64decode(data), np.uint8).reshape(height, width, 3).astype(int)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_photo_is_decoded_as_in_the_core(page: Page, orientation: int) -> None:
    content = jpeg(picture(203, 117, seed=7), orientation, quality=90)
    np.testing.assert_allclose(decoded(page, content, 320), load(content, least_side_px=320).astype(int), atol=2)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [(651, 333), (1301, 700), (1347, 1291)])
def test_a_large_photo_is_reduced_as_the_core_decodes_it(page: Page, size: tuple[int, int], orientation: int) -> None:
    smooth = np.asarray(Image.fromarray(picture(*size, seed=8)).reduce(2).resize(size), np.uint8)
    content = jpeg(smooth, orientation, quality=92, subsampling=0)
    wanted = load(content, least_side_px=160)
    assert max(wanted.shape) <= max(size) / 2 + 1, "the core decodes it at a half, a quarter or an eighth"
    found = decoded(page, content, 160)
    assert found.shape == wanted.shape
    inner = np.abs(found - wanted)[4:-4, 4:-4]  # a block that the edge cuts holds pixels of no picture
    assert inner.max() <= 3 and inner.mean() < 0.5


def test_a_jpeg_with_much_before_its_size_is_decoded_as_in_the_core(page: Page) -> None:
    content = jpeg(picture(1301, 700, seed=8), 1, quality=92, subsampling=0)
    comment = b"\xff\xfe" + (65533).to_bytes(2, "big") + b"c" * 65531
    content = content[:2] + comment * 9 + content[2:]
    assert decoded(page, content, 160).shape == load(content, least_side_px=160).shape


def test_a_coarse_gps_fix_is_never_a_circle_that_may_exclude_the_truth(page: Page) -> None:
    body = """(m, accuracies) => accuracies.map(accuracy => {
        let tell;
        const geolocation = { watchPosition: ok => ((tell = ok), 1), clearWatch: () => {} };
        Object.defineProperty(navigator, "geolocation", { value: geolocation, configurable: true });
        const gps = new m.Gps(() => {});
        gps.switchOn();
        tell({ coords: { latitude: 60, longitude: 24, accuracy }, timestamp: Date.now() });
        return [gps.state, gps.near()?.radius ?? null]; })"""
    accuracies = [10, 500, 666, 700, 6000, 20_000, -1, None]
    circle = [["on", 150], ["on", 1500], ["on", 1998]] + [["coarse", None]] * 5
    assert call(page, "gps", body, accuracies) == circle


def test_the_age_of_a_gps_fix_counts_from_its_arrival(page: Page) -> None:
    body = """(m, behind) => {
        let tell, later = 0;
        const [date, steady] = [Date.now, performance.now.bind(performance)];
        const geolocation = { watchPosition: ok => ((tell = ok), 1), clearWatch: () => {} };
        Object.defineProperty(navigator, "geolocation", { value: geolocation, configurable: true });
        try {
            return behind.map(ms => {
                const gps = new m.Gps(() => {});
                gps.switchOn();
                tell({ coords: { latitude: 60, longitude: 24, accuracy: 10 }, timestamp: date() - ms });
                const seen = [gps.near() !== null];
                Date.now = () => date() + 30_000;
                seen.push(gps.near() !== null);
                Date.now = () => date() + 61_000; // the device slept: its steady clock may have stood still
                seen.push(gps.state);
                Date.now = () => date() - 3_600_000; // the clock was set back
                performance.now = () => steady() + 61_000;
                seen.push(gps.near());
                [Date.now, performance.now] = [date, steady];
                return seen; });
        } finally { [Date.now, performance.now] = [date, steady]; } }"""
    for seen in call(page, "gps", body, [0, 61_000, 978_307_200_000]):
        assert seen == [True, True, "waiting", None]


def test_the_phone_exports_the_geojson_of_the_core(page: Page) -> None:
    point = PointOfInterest("node/1", "Museum", "tourism=museum", Position(50.001, 20.0), {"uk": "Музей"}, {}, 3.0)
    near = Nearby(point, 12.0, 3.0, "ahead")
    candidate = Candidate(Photo("a.jpg", "", Position(50.0, 20.0), 9.0), 0.8)
    fix = Fix(Position(50.0, 20.0, 9.0), 0.9, (candidate,), "said", 12.0, (near,))
    wanted = to_feature("query.jpg", fix)
    given = json.loads(json.dumps(wanted))
    given["properties"]["candidates"][0] |= {"thumbnail": "../thumbnails/0"}
    given["properties"] |= {"map": "town", "verify": "off", "took_ms": 3}
    for each in given["properties"]["nearby"]:
        each |= {"attribution": None, "licence": None, "notability": 3.0}
    script = """given => import('/shared/geojson.js').then(m => m.toGeoJson(given, 'query.jpg'))"""
    assert page.evaluate(script, given) == wanted


def test_the_links_of_a_place_are_those_of_the_core(page: Page) -> None:
    script = "given => import('/shared/links.js').then(m => Object.entries(m.linksOf(...given)))"
    for lat, lon, heading in [
        (52.2056789, 0.1234565, 0.4),
        (-33.5, -70.0, 359.5),
        (0.0, 180.0, None),
        (-0.0, 1e-7, 12),
    ]:
        assert page.evaluate(script, [lat, lon, heading]) == [
            list(each) for each in links_of(lat, lon, heading).items()
        ]


def test_transparent_pixels_are_white(page: Page) -> None:
    written = io.BytesIO()
    half = np.zeros((40, 60, 4), np.uint8)
    half[:, 30:] = (200, 10, 90, 255)
    Image.fromarray(half, "RGBA").save(written, "PNG")
    np.testing.assert_array_equal(decoded(page, written.getvalue(), 16), load(written.getvalue()))


def test_bytes_that_are_not_a_picture_are_refused(page: Page) -> None:
    body = "(m) => m.pixelsOf(new Blob(['no picture']), 16).then(() => 'decoded', () => 'refused')"
    assert call(page, "decode", body) == "refused"


@pytest.mark.parametrize("kind", ["noise", "text", "zeros", "mixed", "halves"])
def test_the_phone_decompresses_what_python_compresses(page: Page, kind: str) -> None:
    rng = np.random.default_rng(9)
    noise = rng.integers(0, 256, 70_000, np.uint8).tobytes()
    texts = (b"the same words again and again, " * 4000)[:120_001]
    halves = rng.normal(0, 1, 40_000).astype(np.float16).tobytes()
    content = {
        "noise": noise,
        "text": texts,
        "zeros": bytes(100_000),
        "mixed": texts + noise + texts,
        "halves": halves,
    }[kind]
    packed = compressed("a.onnx" if kind == "halves" else "a.js", content)
    if packed is None:
        chain = [{"id": lzma.FILTER_LZMA1, "preset": 6}]
        packed = lzma.compress(content, format=lzma.FORMAT_ALONE, filters=chain)
        packed = packed[:5] + len(content).to_bytes(8, "little") + packed[13:]
    assert (
        base64.b64decode(
            call(page, "lzma", "(m, data) => text(m.unpack(bytes(data)))", base64.b64encode(packed).decode())
        )
        == content
    )


def test_damaged_compressed_bytes_never_hang_the_phone(page: Page) -> None:
    content = b"some words that are said again, " * 300
    packed = compressed("a.js", content)
    assert packed is not None
    rng = np.random.default_rng(10)
    wrong = []
    for _ in range(60):
        broken = bytearray(packed)
        broken[int(rng.integers(13, len(packed)))] ^= int(rng.integers(1, 256))
        wrong.append(base64.b64encode(bytes(broken[: int(rng.integers(20, len(packed) + 1))])).decode())
    body = """(m, all) => all.map(data => {
        try { return m.unpack(bytes(data)).length; } catch (error) { return 'refused'; } })"""
    assert set(call(page, "lzma", body, wrong)) <= {"refused", len(content)}


def test_the_check_picture_is_the_same(page: Page) -> None:
    data = base64.b64decode(call(page, "check", "(m, side) => text(m.pattern(side).data)", SIDE_PX))
    np.testing.assert_array_equal(np.frombuffer(data, np.uint8).reshape(SIDE_PX, SIDE_PX, 3), pattern())


def test_the_scan_of_codes_finds_the_most_similar_photos(page: Page) -> None:
    rng = np.random.default_rng(11)
    dim, count = 512, 6000
    places = rng.standard_normal((count // 10, dim)).repeat(10, axis=0)
    units = places + 1.2 * rng.standard_normal((count, dim))
    units = (units / np.linalg.norm(units, axis=1, keepdims=True)).astype(np.float32)
    queries = units[::300] + 0.05 * rng.standard_normal((20, dim)).astype(np.float32)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    rows, scales = quantized(units)
    body = """(m, dim, rows, scales, middle, queries) => {
        const numbers = values => Float32Array.from(values);
        const index = new m.Index(dim, new Int8Array(bytes(rows).buffer), numbers(scales), numbers(middle));
        return queries.map(query => index.nearest(numbers(query), 10)); }"""
    packed = base64.b64encode(rows.tobytes()).decode()
    found = call(page, "search", body, dim, packed, scales.tolist(), units.mean(axis=0).tolist(), queries.tolist())
    truth = np.argsort(-(queries @ units.T), axis=1)[:, :10]
    hits = [
        len({each["index"] for each in mine} & set(theirs.tolist())) for mine, theirs in zip(found, truth, strict=True)
    ]
    assert np.mean(hits) >= 9.8
    similarities = np.array([[each["similarity"] for each in mine] for mine in found])
    at = np.array([[each["index"] for each in mine] for mine in found])
    np.testing.assert_allclose(similarities, np.einsum("qd,qkd->qk", queries, units[at]), atol=0.003)
    assert math.isclose(similarities[0, 0], 1.0, abs_tol=0.6)


@pytest.mark.parametrize("lat", [0.5, 60.2])
def test_sights_that_come_are_those_of_the_core(page: Page, lat: float) -> None:
    rng = np.random.default_rng(8)
    plane = Plane(Position(lat, 24.9))
    spots = rng.uniform((-300, -300), (300, 900), (120, 2))
    sights = [
        PointOfInterest(str(i), f"Sight {i % 110}", "tourism=museum", plane.to_position(*map(float, xy)),
                        notability=float(rng.choice([0.2, 1.0, 2.0, 3.5])))
        for i, xy in enumerate(spots)
    ]  # fmt: skip
    for i, (x, y) in list(enumerate(spots))[::3]:  # areas and walls, as a pack holds them
        around = rng.uniform(-60, 60, (rng.choice([2, 5]), 2)) + (x, y)
        outline = [plane.to_position(*map(float, xy)) for xy in (*around, around[0])]
        area = replace(sights[i], outline=tuple((p.lat, p.lon) for p in outline))
        steps, at = np.array(packed_outline(area)).reshape(-1, 2) * 1e-5, area.position
        sights[i] = replace(area, outline=tuple((at.lat + lat, at.lon + lon) for lat, lon in steps.tolist()))
    places = [plane.to_position(float(x), float(y)) for x, y in rng.normal(0, 6, (40, 2))]
    weights = rng.uniform(0.5, 1, 40)
    weights *= 0.95 / weights.sum()
    for heading_deg, speed_mps in ((0.0, 10.0), (23.0, 1.4), (200.0, 5.0), (0.0, 0.1)):
        lats, lons = (np.array([getattr(p, name) for p in places]) for name in ("lat", "lon"))
        belief = Belief(lats, lons, weights, np.full(40, heading_deg), np.full(40, speed_mps))
        wanted = upcoming(OnlyPoints(sights), belief)  # type: ignore[arg-type]  # all that is asked of them
        assert wanted or speed_mps < 5
        given = {"lats": lats.tolist(), "lons": lons.tolist(), "weights": weights.tolist(),
                 "heading": heading_deg, "speed": speed_mps}  # fmt: skip
        points = [{**to_feature_point(each), "outline": packed_outline(each)} for each in sights]
        body = """(m, points, belief, rules) => import("/phone/nearby.js").then(
            n => m.upcoming(n.pointsOf(points), belief, rules))"""
        found = call(page, "upcoming", body, points, given, query_defaults()["nearby"])
        assert [(each["id"], each["side"]) for each in found] == [(each.point.id, each.side) for each in wanted]
        for mine, core in zip(found, wanted, strict=True):
            assert (mine["in_s"], mine["distance_m"]) == pytest.approx((core.in_s, core.distance_m), abs=0.02)
            assert mine["probability"] == pytest.approx(core.probability, abs=1e-9)


def test_the_phone_says_a_sight_when_the_core_does(page: Page) -> None:
    rng = np.random.default_rng(9)
    sights = [PointOfInterest(str(i), f"Sight {i}", "a=b", Position(0, 0.1 * i), notability=i % 5) for i in range(30)]
    core, moments, wanted = Announcer(), [], []
    for at_s in range(0, 300, 7):
        coming = [Upcoming(each, float(rng.uniform(0, 60)), "left", 20.0, 0.9)
                  for each in rng.choice(np.array(sights, object), 6, replace=False)]  # fmt: skip
        wanted.append([each.point.id for each in core.now(coming, float(at_s))])
        moments.append([[{**to_feature_point(each.point), "in_s": each.in_s} for each in coming], at_s])
    body = """(m, moments, rules) => { const made = new m.Announcer(rules);
        return moments.map(([coming, at]) => made.now(coming, at).map(each => each.id)); }"""
    assert call(page, "upcoming", body, moments, query_defaults()["nearby"]) == wanted
    assert max(map(len, wanted)) > 1 and sum(map(len, wanted)) > 10


class OnlyPoints:
    """The part of a map's points of interest that is asked for the sights ahead."""

    def __init__(self, made: list[PointOfInterest]) -> None:
        self.made = made

    def spots(self, circle: Circle) -> Spots:
        lats, lons = (np.array([getattr(p.position, name) for p in self.made]) for name in ("lat", "lon"))
        at = np.flatnonzero(circle.contains(lats, lons))
        return Spots(at, lats[at], lons[at], np.array([self.made[i].notability for i in at]))

    def get(self, numbers: np.ndarray) -> list[PointOfInterest]:
        return [self.made[i] for i in numbers]


def to_feature_point(point: PointOfInterest) -> dict[str, Any]:
    """A point of interest as a pack holds it."""
    return {"id": point.id, "name": point.name, "kind": point.kind, "names": {}, "links": {},
            "position": {"lat": point.position.lat, "lon": point.position.lon}, "notability": point.notability,
            "attribution": None, "licence": None}  # fmt: skip
