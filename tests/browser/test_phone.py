"""The phone app: installed once, it answers without a network as the core does; updates arrive whole or not at all."""

from __future__ import annotations

import functools
import hashlib
import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tiles
from axe_playwright_python.sync_playwright import Axe
from conftest import SHARED
from PIL import Image
from playwright.sync_api import Browser, expect

from viewfix import Map, pois
from viewfix.demo.town import Town, write_views
from viewfix.geo import distance_m, moved
from viewfix.pack import Packed, PackOptions, app, build, read_pack
from viewfix.pack.bundle import bundled
from viewfix.pois.links import best_link
from viewfix.types import PointOfInterest, Position

from .conftest import QUIET, executable
from .phones import READY_MS, Phone, ask, engine, opened, ready
from .static_server import Folder, served

pytestmark = pytest.mark.skipif(
    not (app.VENDOR / "made-from.sha256").exists(), reason="viewfix was built without the libraries of its pages"
)
CAMBRIDGE = SHARED / "cambridge" / "test"


@pytest.fixture(scope="module")
def town_map(street: Path, real_map: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The drawn street, with two sights in it."""
    path = tmp_path_factory.mktemp("phone") / "town.map"
    shutil.copy(real_map, path)
    with Map.open(path) as city:
        at = next(city.photos()).position
    clock, inn = moved(at, 45, 30), moved(at, 200, 60)
    table = path.parent / "sights.csv"
    table.write_text(
        "id,name,name:uk,kind,lat,lon,wikipedia\n"
        f"1,Clock Tower,Годинникова вежа,tourism=attraction,{clock.lat},{clock.lon},https://en.wikipedia.org/wiki/Clock\n"
        f"2,Old Inn,Старий заїзд,historic=building,{inn.lat},{inn.lon},\n"
    )
    pois.add(path, table)
    return path


@pytest.fixture(scope="module", autouse=True)
def compressed_once() -> Iterator[None]:
    """The engine and the model take seven seconds to compress, and are the same in every pack."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "compressed", functools.cache(build.compressed))
        yield


@pytest.fixture(scope="module")
def packs(town_map: Path) -> tuple[Path, Path]:
    """Two versions of one pack, the second without one photo and with another title."""
    first, second = town_map.parent / "first", town_map.parent / "second"
    with Map.open(town_map) as city:
        city.pack(first, PackOptions(title="Little Town", thumbnails_px=96, rule="all"))
    shutil.copy(town_map, town_map.parent / "later.map")
    with Map.open(town_map.parent / "later.map") as city:
        city.remove([list(city.photos())[-1].id])
        city.pack(second, PackOptions(title="Larger Town", thumbnails_px=96, rule="all"))
    return first, second


@pytest.fixture
def folder(packs: tuple[Path, Path]) -> Iterator[Folder]:
    with served(packs[0]) as serving:
        yield serving


@pytest.fixture(scope="module")
def queries(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Views of the street from other points at other hours, and two of another town, as JPEGs."""
    town, elsewhere, made = Town.tiny(), Town.elsewhere(0), tmp_path_factory.mktemp("queries")
    files = write_views(town, town.query_views(6), made, width_px=640, height_px=480, tell_position=False)
    strange = made / "strange"
    files += write_views(elsewhere, elsewhere.query_views(2), strange, width_px=640, height_px=480, tell_position=False)
    return sorted(files)


def close(phone: Phone) -> None:
    assert [line for line in phone.said if "GL Driver" not in line] == [], "the console has no errors"
    phone.context.close()


def test_after_the_first_load_photos_are_found_with_the_network_cut(
    chromium: Browser, folder: Folder, street: Path, town_map: Path
) -> None:
    phone = opened(chromium, folder)
    expect(phone.page.locator(".status")).to_contain_text("Ready without a network")
    assert phone.page.evaluate("crossOriginIsolated"), "threads, although the server sends no headers"
    folder.gone = True
    phone.context.set_offline(True)
    phone.page.reload()
    ready(phone.page)
    asked = len(folder.asked)
    photo = sorted(street.iterdir())[3]
    phone.show(photo)
    expect(phone.page.locator(".verdict-title")).to_be_visible()
    with Map.open(town_map) as city:
        wanted = city.locate(photo, verify="off").candidates[0].photo.id
    expect(phone.page.locator(".about-candidate")).to_contain_text(f"file {wanted}")
    expect(phone.page.locator(".pair img").nth(1)).to_have_js_property("complete", True)
    assert phone.page.evaluate("document.querySelectorAll('.pair img')[1].naturalWidth") == 96
    assert set(folder.asked[asked:]) <= {"pack.json", "sw.js"}, "only the check for an update, which fails"
    expect(phone.page.locator(".status")).to_contain_text("Ready without a network")
    phone.context.close()


def test_the_phone_answers_drawn_photos_as_the_core_does(
    chromium: Browser, folder: Folder, queries: list[Path], town_map: Path
) -> None:
    phone = opened(chromium, folder)
    assert engine(phone.page)["likeness"] > 0.999
    with Map.open(town_map) as city:
        compare_all(phone, city, queries, least_same=len(queries) - 1)
        near = next(city.photos()).position
        for query in queries[:2]:
            core = city.locate(query, verify="off", near=(near.lat, near.lon, 40.0))
            circle = {"lat": near.lat, "lon": near.lon, "radius": 40.0}
            mine = ask(phone.page, query.read_bytes(), near=circle)["answer"]["properties"]
            assert {each["id"] for each in mine["candidates"]} == {c.photo.id for c in core.candidates}
            assert mine["confidence"] == pytest.approx(core.confidence, abs=0.1)
    close(phone)


def compare_all(phone: Phone, city: Map, files: list[Path], *, least_same: int) -> None:
    """Compare every answer of the phone with the core's."""
    same, found, equal, apart_m, apart_p = [], [], [], [], []
    for file in files:
        core = city.locate(file, verify="off")
        answer = ask(phone.page, file.read_bytes())["answer"]
        mine = answer["properties"]
        same.append(mine["candidates"][0]["id"] == core.candidates[0].photo.id)
        apart_p.append(abs(mine["confidence"] - core.confidence))
        equal.append(mine["found"] == core.found)
        # Where the probability lies on the line itself, a thousandth decides.
        found.append(mine["found"] == core.found or abs(core.confidence - 0.5) < 0.1)
        if mine["found"] and core.position is not None:
            lon, lat = answer["geometry"]["coordinates"]
            apart_m.append(distance_m(Position(lat, lon), core.position))
    apart_m = sorted(apart_m) or [0.0]
    told = f"same {sum(same)}, found or not as the core {sum(equal)} of {len(files)}; apart {apart_m[-1]:.1f} m"
    print(told, f"{np.median(apart_m):.2f} m in the middle; probability {max(apart_p):.3f}")
    assert sum(same) >= least_same, told
    assert all(found), told
    # A vote that is nearly even may go to the house beside.
    assert np.median(apart_m) < 0.5 and np.quantile(apart_m, 0.95) < 5 and apart_m[-1] < 25, told


@pytest.mark.skipif(not CAMBRIDGE.is_dir(), reason="the street-level photos are not here")
def test_a_hundred_real_photos_have_the_same_best_candidate_as_in_the_core(
    chromium: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("viewfix.map.geometry.available", lambda: False)  # calibrated without verification: seconds
    every = sorted((CAMBRIDGE / "queries").iterdir())
    files = [every[i] for i in np.linspace(0, len(every) - 1, 100).astype(int)]
    with Map.build(tmp_path / "cambridge.map", CAMBRIDGE / "map") as city:
        city.pack(tmp_path / "pocket")
        with served(tmp_path / "pocket") as serving:
            phone = opened(chromium, serving)
            engine(phone.page)
            compare_all(phone, city, files, least_same=98)
            close(phone)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_app_is_accessible(
    chromium: Browser, folder: Folder, street: Path, queries: list[Path], scheme: str
) -> None:
    phone = opened(chromium, folder, color_scheme=scheme)
    axe = Axe()

    def check(what: str) -> None:
        phone.page.wait_for_timeout(300)
        serious = [v for v in axe.run(phone.page).response["violations"] if v["impact"] in ("serious", "critical")]
        assert serious == [], (what, [(v["id"], [n["html"] for n in v["nodes"]]) for v in serious])
        wide = phone.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 360, f"{what} is wider than the screen: {wide}"

    check("the first screen")
    phone.show(sorted(street.iterdir())[3])
    check("an answer")
    phone.page.get_by_role("button", name="Settings").click()
    check("the settings")
    phone.page.get_by_label("Language").select_option("uk")
    expect(phone.page.locator("#settings-title")).to_have_text("Налаштування")
    phone.page.keyboard.press("Escape")
    expect(phone.page.locator(".status")).to_contain_text("Готово без мережі")
    phone.page.locator("#choose").focus()
    phone.page.set_input_files("#choose", next(q for q in queries if "strange" in str(q)))
    phone.page.locator(".verdict.not-found").wait_for(timeout=READY_MS)
    check("not in this map")
    close(phone)


def test_sights_are_named_in_the_readers_language(chromium: Browser, folder: Folder, street: Path) -> None:
    phone = opened(chromium, folder, locale="uk-UA")
    phone.show(sorted(street.iterdir())[0])
    expect(phone.page.locator(".sights")).to_contain_text("Годинникова вежа")
    link = phone.page.locator(".sights a").first
    assert (link.get_attribute("href") or "").startswith("https://en.wikipedia.org/")
    phone.page.locator(".sight").first.click()
    close(phone)


def test_names_and_links_of_sights_are_those_of_the_core(chromium: Browser, folder: Folder) -> None:
    phone = opened(chromium, folder, locale="de-DE")
    script = """async ([names, links]) => {
        const base = `v-${document.documentElement.dataset.version}/shared`;
        const { named } = await import(new URL(`${base}/language.js`, location.href));
        const { answerView } = await import(new URL(`${base}/answer.js`, location.href));
        const sight = { id: "1", name: "Міська вежа", names, kind: "", position: { lat: 50, lon: 20 }, links,
            distance_m: 9, bearing_deg: 0, side: null };
        const properties = { found: true, confidence: 0.9, radius_m: 9, heading_deg: null, reason: "", map: "",
            attribution: [], candidates: [], nearby: [sight] };
        const answer = { type: "Feature", geometry: { type: "Point", coordinates: [20, 50] }, properties };
        return [named(sight), answerView(answer).element.querySelector("a.sight-link")?.href ?? null]; }"""
    uk, item = "https://uk.wikipedia.org/wiki/T", "https://www.wikidata.org/wiki/Q1"
    for names, links in (
        ({"de": "Stadtturm", "en": "Town Tower"}, {"wikipedia": uk}),
        ({"de": "Stadtturm", "en": "Town Tower"}, {"wikipedia": uk, "wikidata": item}),
        ({"en": "Town Tower"}, {"wikipedia": uk, "wikidata": item}),
        ({"en": "Town Tower"}, {"wikipedia": "https://de.wikipedia.org/wiki/T"}),
        ({"fr": "Tour"}, {"website": "https://a.example/", "wikidata": item}),
        ({}, {"wikidata": item}),
        ({}, {}),
    ):
        point = PointOfInterest("1", "Міська вежа", "", Position(50.0, 20.0), names, links)
        wanted = (point.named("de"), best_link(point, "de"))
        assert phone.page.evaluate(script, [names, links]) == list(wanted)
    hostile = {"wikipedia": "javascript:alert(1)", "website": "https://a.example/"}
    assert phone.page.evaluate(script, [{}, hostile]) == ["Міська вежа", "https://a.example/"]
    close(phone)


def test_an_answer_can_be_shared_and_saved_also_when_the_photo_is_not_in_the_map(
    chromium: Browser, folder: Folder, street: Path, queries: list[Path]
) -> None:
    phone = opened(chromium, folder, accept_downloads=True)
    phone.page.evaluate("navigator.share = async shared => { globalThis.shared = shared; }")
    for photo, found in ((sorted(street.iterdir())[3], True), (next(q for q in queries if "strange" in str(q)), False)):
        phone.page.set_input_files("#choose", photo)
        phone.page.locator(".verdict:not(.not-found)" if found else ".verdict.not-found").wait_for(timeout=READY_MS)
        phone.page.get_by_role("button", name="Share").click()
        shared = phone.page.evaluate("globalThis.shared")
        assert ("#at=" in shared["url"]) == found
        assert shared["title"] == "Little Town" and shared["text"]
        with phone.page.expect_download() as download:
            phone.page.get_by_role("button", name="Save as GeoJSON").click()
        assert download.value.suggested_filename == f"{photo.stem}.geojson"
        saved = json.loads(download.value.path().read_text("utf-8"))
        assert saved["properties"]["query"] == photo.name
        assert saved["properties"]["found"] == found and (saved["geometry"] is not None) == found
        if found:
            link = shared["url"]
    other = opened(chromium, folder)
    other.page.goto(link)
    expect(other.page.locator(".kicker")).to_have_text("Shared with you", timeout=READY_MS)
    close(other)
    close(phone)


def test_a_photo_that_is_not_in_the_map_brings_the_whole_map_into_view(
    chromium: Browser, folder: Folder, street: Path, queries: list[Path]
) -> None:
    phone = opened(chromium, folder, reduced_motion="reduce")
    scale = "document.querySelector('.map-foot').innerText"
    phone.page.wait_for_timeout(1000)
    whole = phone.page.evaluate(scale)
    phone.show(sorted(street.iterdir())[3])
    expect(phone.page.locator(".map-foot")).not_to_have_text(whole, use_inner_text=True, timeout=READY_MS)
    phone.page.set_input_files("#choose", next(q for q in queries if "strange" in str(q)))
    phone.page.locator(".verdict.not-found").wait_for(timeout=READY_MS)
    expect(phone.page.locator(".map-foot")).to_have_text(whole, use_inner_text=True, timeout=READY_MS)
    close(phone)


def test_a_pack_opened_as_a_file_says_what_to_do(chromium: Browser, packs: tuple[Path, Path]) -> None:
    context = chromium.new_context()
    page = context.new_page()
    page.goto((packs[0] / "index.html").as_uri())
    expect(page.locator("#start-help p").first).to_be_visible(timeout=READY_MS)
    expect(page.locator("#start-help")).to_contain_text("python -m http.server")
    context.close()


def before(pack_folder: Path, target: Path) -> None:
    """A pack with the data of the version before: no numbers of a query in its photos."""
    shutil.copytree(pack_folder, target)
    listed = json.loads((target / "pack.json").read_text("utf-8"))
    folder = target / f"v-{listed['version']}"
    content = read_pack(target)
    about = {name: value for name, value in content.photos.about.items() if name != "query"}
    old = bundled(about, content.photos.arrays)
    (folder / "photos.bin.lzma").unlink(missing_ok=True)
    (folder / "photos.bin").write_bytes(old)
    entry = next(entry for entry in listed["files"] if entry["path"] == "photos.bin")
    entry.pop("file", None)
    entry |= {"bytes": len(old), "download": len(old), "sha256": hashlib.sha256(old).hexdigest()}
    (target / "pack.json").write_text(json.dumps(listed), "utf-8")


def test_a_pack_of_the_version_before_opens_and_is_updated(
    chromium: Browser, folder: Folder, packs: tuple[Path, Path], street: Path, town_map: Path, tmp_path: Path
) -> None:
    before(packs[0], tmp_path / "old")
    folder.path = tmp_path / "old"
    phone = opened(chromium, folder)
    photo = sorted(street.iterdir())[3]
    phone.show(photo)
    with Map.open(town_map) as city:
        wanted = city.locate(photo, verify="off").candidates[0].photo.id
    expect(phone.page.locator(".about-candidate")).to_contain_text(f"file {wanted}")
    folder.path = packs[1]
    look_for_update(phone)
    expect(phone.page.locator("dialog .soft")).to_contain_text("A new map is ready", timeout=READY_MS)
    assert offline_title(phone) == "Larger Town"
    phone.context.close()


def test_a_damaged_pack_is_told_on_the_first_screen_and_gives_way_to_a_good_one(
    chromium: Browser, folder: Folder, packs: tuple[Path, Path], tmp_path: Path
) -> None:
    before(packs[0], tmp_path / "bad")
    listed = json.loads((tmp_path / "bad" / "pack.json").read_text("utf-8"))
    file = tmp_path / "bad" / f"v-{listed['version']}" / "photos.bin"
    content = bytearray(file.read_bytes())
    content[:4] = b"HTML"
    file.write_bytes(content)
    entry = next(entry for entry in listed["files"] if entry["path"] == "photos.bin")
    entry["sha256"] = hashlib.sha256(content).hexdigest()
    (tmp_path / "bad" / "pack.json").write_text(json.dumps(listed), "utf-8")
    folder.path = tmp_path / "bad"
    phone = opened(chromium, folder, wait=False)
    expect(phone.page.locator("#start-says")).to_contain_text("This map cannot be opened", timeout=READY_MS)
    folder.path = packs[1]
    phone.page.reload()
    ready(phone.page)
    assert phone.page.locator(".head h1").inner_text() == "Larger Town"
    phone.context.close()


def test_a_file_that_is_not_a_picture_gets_a_kind_message(chromium: Browser, folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "diary.jpg").write_text("no picture")
    phone = opened(chromium, folder)
    phone.page.set_input_files("#choose", tmp_path / "diary.jpg")
    expect(phone.page.get_by_role("alert")).to_contain_text("cannot read that picture", timeout=READY_MS)
    close(phone)


def test_a_broken_first_load_installs_nothing_and_can_be_tried_again(chromium: Browser, folder: Folder) -> None:
    folder.tamper = lambda path, content: content[:-1] + b"!" if path.endswith("model.onnx.lzma") else content
    phone = opened(chromium, folder, wait=False)
    expect(phone.page.locator("#start-says")).to_contain_text("A file arrived damaged", timeout=READY_MS)
    folder.tamper = lambda path, content: None if path.endswith("photos.bin.lzma") else content
    phone.page.get_by_role("button", name="Try again").click()
    expect(phone.page.locator("#start-says")).to_contain_text("The download stopped", timeout=READY_MS)
    folder.tamper = None
    folder.asked.clear()
    phone.page.get_by_role("button", name="Try again").click()
    ready(phone.page)
    assert not any("model.onnx" in path for path in folder.asked), "what had arrived is not fetched again"
    phone.context.close()


def look_for_update(phone: Phone) -> None:
    phone.page.get_by_role("button", name="Settings").click()
    phone.page.get_by_role("button", name="Check for an update").click()


def offline_title(phone: Phone) -> str:
    """The title of the version that starts without a network."""
    phone.context.set_offline(True)
    phone.page.reload()
    ready(phone.page)
    phone.context.set_offline(False)
    return phone.page.locator(".head h1").inner_text()


def test_an_update_arrives_whole_or_not_at_all(
    chromium: Browser, folder: Folder, packs: tuple[Path, Path], street: Path
) -> None:
    phone = opened(chromium, folder)
    status = phone.page.locator("dialog .soft")
    damage = {
        "a file is damaged": lambda path, content: b"?" + content[1:] if "photos.bin" in path else content,
        "a file breaks off": lambda path, content: None if "photos.bin" in path else content,
        "the list is damaged": lambda path, content: content[:-9] if path == "pack.json" else content,
    }
    for what, tamper in damage.items():
        folder.tamper = tamper
        folder.path = packs[1]
        look_for_update(phone)
        expect(status).to_contain_text("The one you have still works", timeout=READY_MS)
        folder.path = packs[0]  # the app looks for an update itself once it is online: not with the next fault half-way
        assert offline_title(phone) == "Little Town", what
        phone.show(sorted(street.iterdir())[3])
        expect(phone.page.locator(".verdict-title")).to_be_visible()
    folder.tamper, folder.path = None, packs[1]
    folder.asked.clear()
    look_for_update(phone)
    expect(status).to_contain_text("A new map is ready", timeout=READY_MS)
    assert not any("ort-wasm" in path or "model.onnx" in path for path in folder.asked), "only what changed is fetched"
    assert phone.page.locator(".head h1").inner_text() == "Little Town", "the open page continues with its version"
    phone.show(sorted(street.iterdir())[4])
    assert offline_title(phone) == "Larger Town"
    kept = "caches.keys().then(names => names.filter(name => /[0-9a-f]{16}$/.test(name)).length)"
    phone.page.wait_for_timeout(500)
    assert phone.page.evaluate(kept) == 1, "the old version is deleted"
    phone.context.close()


def test_an_update_that_is_killed_leaves_the_old_version(
    chromium: Browser, folder: Folder, packs: tuple[Path, Path]
) -> None:
    phone = opened(chromium, folder)
    half_way, killed = threading.Event(), threading.Event()

    def hold(path: str, content: bytes) -> bytes:
        if "photos.bin" in path:
            half_way.set()
            killed.wait(60)
        return content

    folder.tamper = hold
    folder.path = packs[1]
    look_for_update(phone)
    while not half_way.is_set():
        phone.page.wait_for_timeout(20)
    phone.page.close()
    killed.set()
    folder.gone = True
    page = phone.context.new_page()
    page.goto(folder.url)
    ready(page)
    assert page.locator(".head h1").inner_text() == "Little Town"
    phone.context.close()


def test_without_the_headers_the_app_runs_with_one_thread(chromium: Browser, folder: Folder, street: Path) -> None:
    plain = b"return response; "
    folder.tamper = lambda path, content: (
        content.replace(b"if (response.status === 0", plain + b"if (response.status === 0")
        if path == "sw.js"
        else content
    )
    phone = opened(chromium, folder)
    assert not phone.page.evaluate("crossOriginIsolated")
    phone.page.get_by_role("button", name="Settings").click()
    expect(phone.page.locator(".about")).to_contain_text("wasm, 1 thread")
    phone.page.keyboard.press("Escape")
    phone.show(sorted(street.iterdir())[3])
    phone.context.close()


@pytest.fixture(scope="module")
def film(street: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the camera sees: one place for some seconds, then another."""
    path = tmp_path_factory.mktemp("film") / "walk.mjpeg"
    frames = []
    for photo in (sorted(street.iterdir())[3], sorted(street.iterdir())[-3]):
        small = path.with_name("frame.jpg")
        Image.open(photo).convert("RGB").resize((640, 480)).save(small, quality=92)
        frames += [small.read_bytes()] * 90
    path.write_bytes(b"".join(frames))
    return path


def test_the_live_camera_moves_the_fix_on_the_map(
    chromium: Browser, folder: Folder, film: Path, street: Path, town_map: Path
) -> None:
    arguments = [
        *QUIET,
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
    ]
    with Map.open(town_map) as city:
        at = city.locate(sorted(street.iterdir())[3], verify="off").position
        assert at is not None
    browser = chromium.browser_type.launch(executable_path=executable(), args=arguments)
    try:
        here = {"latitude": at.lat, "longitude": at.lon, "accuracy": 20}
        settings = {"permissions": ["camera", "geolocation"], "geolocation": here}
        phone = opened(browser, folder, **settings)
        phone.page.get_by_role("button", name="Live camera").click()
        expect(phone.page.locator(".preview video")).to_be_visible()
        marker = phone.page.locator(".fix-marker")
        marker.wait_for(timeout=READY_MS)
        expect(phone.page.locator(".live-card .likely")).to_contain_text("likely to be within")
        before = marker.get_attribute("style")
        for _ in range(100):
            if marker.get_attribute("style") != before:
                break
            phone.page.wait_for_timeout(300)
        assert marker.get_attribute("style") != before, "the fix moves as the camera does"
        phone.page.get_by_label("Use GPS").check()
        expect(phone.page.locator(".gps small")).to_contain_text("150", timeout=READY_MS)
        phone.page.get_by_label("Use GPS").uncheck()
        expect(phone.page.locator(".gps small")).to_be_empty()
        phone.page.get_by_role("button", name="Stop camera").click()
        expect(phone.page.locator(".preview")).to_be_hidden()
        close(phone)
    finally:
        browser.close()


END = """() => { for (const track of document.querySelector("video").srcObject.getVideoTracks()) {
    track.stop();
    track.dispatchEvent(new Event("ended")); } }"""


@pytest.fixture
def filmed(chromium: Browser, film: Path) -> Iterator[Browser]:
    """A browser whose camera shows the film."""
    arguments = [
        *QUIET,
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
    ]
    browser = chromium.browser_type.launch(executable_path=executable(), args=arguments)
    yield browser
    browser.close()


@pytest.mark.parametrize("told", [True, False], ids=["with an event", "without an event"])
def test_a_camera_that_was_taken_away_ends_the_live_view(filmed: Browser, folder: Folder, told: bool) -> None:
    phone = opened(filmed, folder, permissions=["camera"])
    phone.page.get_by_role("button", name="Live camera").click()
    phone.page.locator(".live-card .likely").wait_for(timeout=READY_MS)
    phone.page.evaluate(END if told else END.replace('track.dispatchEvent(new Event("ended"));', ""))
    expect(phone.page.locator(".content")).to_contain_text("The camera has stopped", timeout=READY_MS)
    expect(phone.page.locator(".preview")).to_be_hidden()
    phone.page.get_by_role("button", name="Live camera").click()
    expect(phone.page.locator(".preview video")).to_be_visible()
    phone.page.locator(".live-card .likely").wait_for(timeout=READY_MS)
    close(phone)


def test_a_frozen_frame_is_never_asked_about(filmed: Browser, folder: Folder) -> None:
    phone = opened(filmed, folder, permissions=["camera"])
    phone.page.evaluate("""() => { globalThis.framesSeen = 0;
        const made = globalThis.createImageBitmap;
        globalThis.createImageBitmap = (...given) => { globalThis.framesSeen++; return made(...given); }; }""")
    phone.page.get_by_role("button", name="Live camera").click()
    phone.page.locator(".live-card .likely").wait_for(timeout=READY_MS)
    phone.page.evaluate("document.querySelector('video').srcObject.getVideoTracks()[0].enabled = false")
    phone.page.evaluate("document.querySelector('video').pause()")
    counts = [0]
    for _ in range(10):  # what was shown before the pause may still be on its way
        counts.append(phone.page.evaluate("globalThis.framesSeen"))
        if counts[-1] == counts[-2]:
            break
        phone.page.wait_for_timeout(4000)
    assert counts[-1] == counts[-2] > 0, f"frames are still asked about: {counts}"
    close(phone)


def test_a_phone_without_a_camera_says_so(chromium: Browser, folder: Folder) -> None:
    phone = opened(chromium, folder)
    phone.page.get_by_role("button", name="Live camera").click()
    expect(phone.page.locator(".content")).to_contain_text("The camera cannot be used", timeout=READY_MS)
    close(phone)


def test_ranges_of_a_base_map_are_read_from_the_installed_version(
    chromium: Browser, town_map: Path, tmp_path: Path
) -> None:
    tiles.write(tmp_path / "town.pmtiles", 50.0, 20.0, np.random.default_rng(0).bytes(2_300_000))
    content = (tmp_path / "town.pmtiles").read_bytes()
    with Map.open(town_map) as city:
        made: Packed = city.pack(tmp_path / "pocket", PackOptions(basemap=tmp_path / "town.pmtiles"))
    with served(tmp_path / "pocket") as serving:
        phone = opened(chromium, serving)
        phone.context.set_offline(True)
        body = """([version, Range]) => fetch(`v-${version}/basemap.pmtiles`, { headers: { Range } }).then(async r =>
            [r.status, r.headers.get('content-range'), Array.from(new Uint8Array(await r.arrayBuffer()))])"""
        for first, last in ((0, 99), (1_048_000, 1_049_000), (2_300_000, 2_300_007)):
            status, told, found = phone.page.evaluate(body, [made.version, f"bytes={first}-{last}"])
            assert (status, told) == (206, f"bytes {first}-{last}/{len(content)}")
            assert bytes(found) == content[first : last + 1]
        phone.context.close()
