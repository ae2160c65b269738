"""The page in a real Chromium: what users do, what it tells them, and what hostile input cannot do."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, FileChooser, Page, Route, expect

from . import serving

pytest.importorskip("fastapi", reason="the page is served by the extra [server]")

WEB = Path(__file__).parents[2] / "viewfix" / "web"
pytestmark = pytest.mark.skipif(
    not (WEB / "vendor" / "made-from.sha256").exists(),
    reason="viewfix/web/vendor is empty: npm could not be asked when viewfix was installed",
)

expect.set_options(timeout=15_000)  # of a machine that does much else at the same time
HOSTILE = "<img src=x onerror=\"window.harmed='yes'\"><script>window.harmed='yes'</script>"
WIDER = """() => [document.documentElement, ...document.querySelectorAll(".panel, .content, .content *, dialog[open]")]
    .filter(each => each instanceof HTMLElement && !each.matches(".strip, .unseen")
                    && getComputedStyle(each).display !== "inline" && each.scrollWidth > each.clientWidth + 1)
    .map(each => each.outerHTML.slice(0, 80))"""
ANSWER: dict[str, Any] = {  # one that shows all there is to show
    "type": "Feature",
    "geometry": {"type": "Point", "coordinates": [20.0005, 50.0001]},
    "properties": {
        "found": True,
        "confidence": 0.943,
        "radius_m": 8.1,
        "heading_deg": 130.0,
        "reason": "87 local features agree with 00.jpg",
        "map": "street",
        "verify": "fast",
        "took_ms": 93,
        "attribution": ["A. Photographer"],
        "candidates": [
            {
                "id": "00.jpg",
                "similarity": 0.91,
                "inliers": 87,
                "position": {"lat": 50.0001, "lon": 20.0005, "radius_m": None},
                "heading_deg": 120,
                "taken_at": "2026-06-01T10:00:00+00:00",
                "attribution": "A. Photographer",
                "licence": "CC BY 4.0",
                "thumbnail": None,
            }
        ]
        * 2,
        "nearby": [
            {
                "id": "way/5",
                "name": "Town Museum",
                "names": {"uk": "Міський музей"},
                "kind": "tourism=museum",
                "position": {"lat": 50.0006, "lon": 20.0009},
                "distance_m": 120,
                "bearing_deg": 33,
                "side": "ahead",
                "links": {"wikipedia": "https://en.wikipedia.org/wiki/Museum"},
            }
        ],
    },
}


def answer(**changed: Any) -> dict[str, Any]:
    """A copy of ANSWER with other properties."""
    made: dict[str, Any] = json.loads(json.dumps(ANSWER))
    made["properties"].update(changed)
    if not made["properties"]["found"]:
        made["geometry"] = None
    return made


@pytest.fixture(scope="module")
def address(real_map: Path) -> Iterator[str]:
    """A real server of a real map."""
    with serving.running(real_map) as found:
        yield found


@pytest.fixture(scope="module")
def query(street: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photo of the mapped street, saved again without its position and with other pixels."""
    file = tmp_path_factory.mktemp("query") / "holiday.jpg"
    Image.open(sorted(street.glob("*.jpg"))[5]).resize((240, 180)).save(file, quality=80)
    return file


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("stranger") / "beach.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (120, 160, 3)).astype(np.uint8)).save(file)
    return file


class Visit:
    """One user of the page. Requests to other hosts fail and are recorded."""

    def __init__(self, context: BrowserContext, address: str, has_map: bool) -> None:
        self.context, self.address = context, address
        self.elsewhere: list[str] = []
        self.complaints: list[str] = []
        context.route(lambda url: not url.startswith((address, "blob:", "data:")), self._refuse)
        if not has_map:
            context.route("**/vendor/maplibre-gl.mjs", lambda route: route.abort())
        self.page = context.new_page()
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _refuse(self, route: Route) -> None:
        self.elsewhere.append(route.request.url)
        route.abort()

    def _note(self, message: ConsoleMessage) -> None:
        expected = "GPU stall" in message.text or "Failed to load resource" in message.text
        if message.type in ("error", "warning") and not expected:
            self.complaints.append(message.text)

    def open(self, fragment: str = "") -> Page:
        self.page.goto(self.address + fragment)
        expect(self.page.locator("#content h2")).to_be_visible()
        return self.page

    def locate(self, photo: Path) -> Page:
        self.page.set_input_files("#choose-photo", photo)
        expect(self.page.locator(".answer, .failure")).to_be_visible(timeout=20_000)
        return self.page

    def will_answer(self, body: dict[str, Any] | None = None, *, status: int = 200, **headers: str) -> None:
        """Set what the server answers to photos from now on."""
        told = json.dumps(body if body is not None else ANSWER)
        self.page.route(
            "**/v1/locate?*",
            lambda route: route.fulfill(status=status, body=told, content_type="application/json", headers=headers),
        )


@pytest.fixture
def visit(chromium: Browser, address: str) -> Iterator[Callable[..., Visit]]:
    made: list[Visit] = []

    def begin(width: int = 800, height: int = 600, *, has_map: bool = True, **settings: Any) -> Visit:
        # Without a map where it plays no part: here it is drawn by the processor, and is most of a test's time.
        settings = {
            "locale": "en-US",
            "reduced_motion": "reduce",
            "viewport": {"width": width, "height": height},
            **settings,
        }
        made.append(Visit(chromium.new_context(**settings), address, has_map))
        return made[-1]

    yield begin
    for each in made:
        each.context.close()
        assert not each.elsewhere, f"the page asked another host for {each.elsewhere}"
        assert not each.complaints, f"the browser complained: {each.complaints}"


def test_a_chosen_photo_is_found_with_everything_the_answer_rests_on(visit: Callable[..., Visit], query: Path) -> None:
    reader = visit()
    page = reader.open()
    expect(page.locator(".about-map")).to_contain_text("photos in this map")
    reader.locate(query)
    expect(page.locator(".verdict-title")).to_have_text(re.compile("here|guess"))
    expect(page.locator(".likely")).to_have_text(re.compile(r"\d+% likely to be within \d+ m of this point"))
    expect(page.locator(".pair img")).to_have_count(2)
    page.wait_for_function("[...document.querySelectorAll('.pair img')].every(i => i.complete && i.naturalWidth > 0)")
    expect(page.locator(".fix-marker")).to_be_visible()
    assert page.evaluate("document.activeElement.className") == "verdict-title"
    expect(page.locator("#said")).to_contain_text("likely to be within")


def test_points_that_agree_are_drawn_over_both_pictures(visit: Callable[..., Visit], query: Path) -> None:
    reader = visit(360, 740)
    page = reader.open()
    reader.locate(query)
    page.get_by_role("button", name="Show matching points").click()
    expect(page.locator("#inliers-said")).to_contain_text(
        re.compile(r"\d+ points? (lies|lie) in the same arrangement in both pictures"), timeout=20_000
    )
    colours = page.evaluate(
        """() => { const canvas = document.getElementById("inliers-canvas");
                   const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
                   return new Set(new Uint32Array(data.buffer)).size }"""
    )
    assert colours > 100, "pictures are drawn, not an empty field"
    page.keyboard.press("Escape")
    expect(page.locator("#inliers")).not_to_be_visible()


def test_a_photo_from_elsewhere_is_not_in_the_map(visit: Callable[..., Visit], stranger: Path) -> None:
    reader = visit()
    page = reader.open()
    page.locator("#open-settings").click()
    page.get_by_label("How closely to compare").select_option("fast")
    page.keyboard.press("Escape")
    reader.locate(stranger)
    expect(page.locator(".verdict-title")).to_have_text("Not in this map")
    expect(page.locator(".advice li")).to_have_count(3)
    expect(page.locator(".fix-marker")).to_have_count(0)
    page.get_by_role("button", name="Compare more closely").click()
    expect(page.locator(".advice li")).to_have_count(2, timeout=20_000)  # there is nothing closer to offer


def test_a_fix_that_is_known_before_the_map_is_drawn_is_drawn_with_it(visit: Callable[..., Visit]) -> None:
    page = visit().open()
    drawn = page.evaluate(
        """async (answer) => { const {FixMap} = await import("/shared/fixmap.js");
             const place = document.createElement("div");
             place.style.cssText = "position:fixed;inset:0;z-index:99";
             document.body.append(place);
             const made = await FixMap.make(place, {basemap: null, dark: false, language: "en"});
             made.showAnswer(answer);
             made.lookAtAnswer();
             await made.setLook({dark: true, language: "en"});
             await new Promise(go => made.map.once("idle", go));
             const layers = ["viewfix-circle", "viewfix-candidate", "viewfix-sight"];
             return layers.map(layer => made.map.queryRenderedFeatures({layers: [layer]}).length > 0) }""",
        ANSWER,
    )
    assert drawn == [True, True, True]


@pytest.mark.parametrize("way", ["drop", "paste"])
def test_a_photo_can_be_dropped_or_pasted_anywhere(visit: Callable[..., Visit], query: Path, way: str) -> None:
    reader = visit()
    page = reader.open()
    reader.will_answer()
    page.evaluate(
        """async ([way, bytes]) => {
            const held = new DataTransfer();
            held.items.add(new File([new Uint8Array(bytes)], "holiday.jpg", {type: "image/jpeg"}));
            const how = {bubbles: true, cancelable: true, clipboardData: held, dataTransfer: held};
            if (way === "paste") document.body.dispatchEvent(new ClipboardEvent("paste", how));
            else for (const kind of ["dragenter", "dragover", "drop"])
                document.body.dispatchEvent(new DragEvent(kind, how));
        }""",
        [way, list(query.read_bytes())],
    )
    expect(page.locator(".verdict-title")).to_have_text("Very likely here")
    expect(page.locator("#dropping")).to_be_hidden()


def test_sights_are_described_as_seen_from_the_photo(visit: Callable[..., Visit], query: Path) -> None:
    reader = visit()
    page = reader.open()
    reader.will_answer()
    reader.locate(query)
    expect(page.locator(".sight-name")).to_have_text("Town Museum")
    expect(page.locator(".sight-where")).to_have_text("museum · ahead, 120 m")
    expect(page.locator(".sight-link")).to_have_attribute("href", "https://en.wikipedia.org/wiki/Museum")
    expect(page.locator(".credits")).to_contain_text("A. Photographer")
    expect(page.locator(".about-candidate")).to_contain_text("CC BY 4.0")


def test_an_answer_links_to_its_place_in_other_maps(visit: Callable[..., Visit], query: Path) -> None:
    reader = visit()
    page = reader.open()
    reader.will_answer()
    reader.locate(query)
    link = page.get_by_role("link", name="Street View, opens in a new tab")
    wanted = "https://www.google.com/maps/@?api=1&map_action=pano&viewpoint=50.000100,20.000500&heading=130"
    expect(link).to_have_attribute("href", wanted)
    expect(link).to_have_attribute("rel", "noopener noreferrer")
    expect(page.locator(".link-out")).to_have_count(7)
    expect(page.get_by_text("A map app")).to_be_hidden()  # a computer with a mouse has none


def test_a_link_shows_the_fix_to_another_user_without_the_photo(visit: Callable[..., Visit], query: Path) -> None:
    reader = visit(permissions=["clipboard-read", "clipboard-write"])
    page = reader.open()
    reader.will_answer()
    reader.locate(query)
    page.get_by_role("button", name="Share").click()
    expect(page.locator("#toast")).to_contain_text("The link is copied")
    link = page.evaluate("navigator.clipboard.readText()")
    assert link == reader.address + "#at=50.000100,20.000500&radius=8.1&confidence=0.94&heading=130&map=street"

    other = visit()
    sent: list[str] = []
    other.page.on("request", lambda request: sent.append(request.method))
    seen = other.open(link.removeprefix(other.address))
    expect(seen.locator(".kicker")).to_have_text("Shared with you")
    expect(seen.locator(".likely")).to_have_text("94% likely to be within 8 m of this point")
    expect(seen.locator(".facts")).to_contain_text("Looking south-east (130°)")
    expect(seen.locator(".fix-marker")).to_be_visible()
    assert set(sent) == {"GET"}


def test_a_hostile_link_is_refused_in_one_line(visit: Callable[..., Visit]) -> None:
    refused = "This link does not contain a place that can be shown."
    page = visit().open(f"#at=50,20&map={HOSTILE}{HOSTILE}")
    expect(page.locator("#toast")).to_have_text(refused)
    for fragment in (
        "at=<img src=x onerror=window.harmed=1>,20",
        "at=50,20&radius=1e9",
        "at=50,20&radius=-5",
        "at=91,20",
        "at=50,180.5",
        "at=NaN,Infinity",
        "at=0x10,20",
        "at=50",
        "at=50,20,30",
        "at=50,20&confidence=7",
        "at=50,20&heading=javascript:alert(1)",
        "at=50,20&" + "x=1&" * 400,
        "javascript:alert(1)",
    ):
        page.evaluate("document.getElementById('toast').textContent = ''")
        page.evaluate("fragment => { location.hash = fragment }", fragment)
        expect(page.locator("#toast"), fragment).to_have_text(refused)
    expect(page.locator(".fix-marker")).to_have_count(0)
    assert page.evaluate("window.harmed") is None


def test_a_link_that_names_an_unknown_map_shows_its_place_but_not_the_name(visit: Callable[..., Visit]) -> None:
    page = visit().open(f"#at=50,20&map={HOSTILE[:80]}")
    expect(page.locator(".coordinates")).to_have_text("50.000000, 20.000000")
    assert page.evaluate("window.harmed") is None
    assert "onerror" not in page.locator("body").inner_text()


def test_strings_of_the_server_are_text_and_never_markup(visit: Callable[..., Visit], query: Path) -> None:
    reader = visit()
    hostile = answer(attribution=[HOSTILE], reason=HOSTILE, map=HOSTILE)
    hostile["properties"]["candidates"][0] |= {"id": HOSTILE, "attribution": HOSTILE, "licence": HOSTILE}
    hostile["properties"]["candidates"][1] |= {"thumbnail": "https://elsewhere.example/spy.jpg"}
    hostile["properties"]["nearby"][0] |= {
        "name": HOSTILE,
        "kind": f"tourism={HOSTILE}",
        "links": {"wikipedia": "javascript:window.harmed='yes'", "website": "data:text/html,harm"},
    }
    reader.page.route("**/v1/basemap", lambda route: route.fulfill(json={"style": None, "attribution": HOSTILE}))
    photo = {"id": HOSTILE, "heading_deg": 90, "thumbnail": None}
    bounds = reader.page.request.get(reader.address + "v1/maps").json()["maps"][0]["bounds"]
    middle = {"type": "Point", "coordinates": [(bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2]}
    photos = {"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": middle, "properties": photo}]}
    reader.page.route("**/v1/maps/*/photos?*", lambda route: route.fulfill(json=photos))
    page = reader.open()
    for _ in range(50):  # until the photo is drawn, in the middle of what the panel leaves free
        page.mouse.click((412 + 800) / 2, 300)
        if page.locator(".popup").count():
            break
        page.wait_for_timeout(200)
    expect(page.locator(".popup")).to_have_text(HOSTILE)
    reader.will_answer(hostile)
    reader.locate(query)
    expect(page.locator(".sight-name")).to_have_text(HOSTILE)
    expect(page.locator(".sight-link")).to_have_count(0)
    expect(page.locator(".credits")).to_contain_text("onerror")
    page.locator(".thumb").nth(1).click()
    expect(page.locator(".stage .no-picture")).to_be_visible()
    page.locator(".reason summary").click()
    assert page.locator("img[src='x'], .content script").count() == 0
    assert page.evaluate("window.harmed") is None


def test_attribution_of_tiles_keeps_its_links_and_loses_everything_else(visit: Callable[..., Visit]) -> None:
    page = visit(has_map=False).open()
    made = page.evaluate(
        """async (hostile) => { const {credits} = await import("/shared/credits.js");
             const place = document.createElement("p");
             place.append(credits(['&copy; <a href="https://example.org/c" onclick="x()">Makers</a>', hostile,
                                   '<a href="javascript:alert(1)">bad</a>']));
             document.body.append(place); return place.innerHTML }""",
        HOSTILE,
    )
    link = '<a href="https://example.org/c" target="_blank" rel="noopener noreferrer">Makers</a>'
    assert made == f"© {link} · window.harmed='yes' · bad"
    assert "<img" not in made and "<script" not in made and "javascript:" not in made
    assert page.evaluate("window.harmed") is None


def test_the_language_follows_the_browser_and_can_be_changed(visit: Callable[..., Visit], query: Path) -> None:
    reader = visit(locale="de-AT")
    page = reader.open()
    expect(page.locator("#content h2")).to_have_text("Wo ist dieses Foto entstanden?")
    reader.will_answer()
    reader.locate(query)
    expect(page.locator(".likely")).to_have_text("Zu 94 % höchstens 8 m von diesem Punkt entfernt")
    page.get_by_role("button", name="Einstellungen").click()
    page.locator("#choose-language").select_option("uk")
    page.keyboard.press("Escape")
    expect(page.locator(".sight-name")).to_have_text("Міський музей")
    expect(page.locator(".sight-where")).to_have_text("музей · попереду, 120 м")
    assert page.evaluate("document.documentElement.lang") == "uk"
    page.reload()
    expect(page.locator("#content h2")).to_have_text("Де зроблено це фото?")


def test_plural_forms_are_those_of_the_language(visit: Callable[..., Visit]) -> None:
    page = visit(has_map=False).open()
    said = page.evaluate(
        """async () => { const {speak, t, distance} = await import("/shared/language.js"); const said = {};
             for (const code of ["en", "de", "uk"]) { await speak(code);
               said[code] = [...[1, 3, 5, 21].map(count => t("candidates.inliers", {count})), distance(1240)]; }
             return said }"""
    )
    assert said["en"] == ["1 matching point", "3 matching points", "5 matching points", "21 matching points", "1.2 km"]
    assert said["de"][0] == "1 gemeinsamer Punkt" and said["de"][4] == "1,2 km"
    assert said["uk"] == ["1 спільна точка", "3 спільні точки", "5 спільних точок", "21 спільна точка", "1,2 км"]


def test_dark_follows_the_device_and_the_switch(visit: Callable[..., Visit]) -> None:
    page = visit(has_map=False, color_scheme="dark").open()
    paper = "getComputedStyle(document.getElementById('panel')).backgroundColor"
    assert page.evaluate(paper) == "rgb(32, 39, 46)"
    page.get_by_role("button", name="Settings").click()
    page.get_by_label("Light").check()
    assert page.evaluate(paper) == "rgb(255, 255, 255)"
    page.get_by_label("As the device").check()
    assert page.evaluate(paper) == "rgb(32, 39, 46)"
    page.emulate_media(color_scheme="light")
    assert page.evaluate(paper) == "rgb(255, 255, 255)"


def test_nothing_is_wider_than_the_screen_of_a_small_phone(visit: Callable[..., Visit], query: Path) -> None:
    reader = visit(360, 640, has_touch=True)
    page = reader.open()
    assert page.evaluate(WIDER) == []
    expect(page.locator("label[for=take-photo]")).to_be_visible()
    expect(page.locator("#take-photo")).to_have_attribute("capture", "environment")
    long = answer()
    long["properties"]["nearby"][0]["name"] = "Donaudampfschifffahrtsgesellschaftskapitänswitwenrentenauszahlungsstelle"
    long["properties"]["candidates"][0]["id"] = "very/" * 20 + "long.jpg"
    for body in (long, answer(found=False)):
        page.unroute_all()
        reader.will_answer(body)
        reader.locate(query)
        for language in ("uk", "de", "en"):
            page.locator("#open-settings").click()
            page.locator("#choose-language").select_option(language)
            expect(page.locator("html")).to_have_attribute("lang", language)
            assert page.evaluate(WIDER) == []
            page.keyboard.press("Escape")
            assert page.evaluate(WIDER) == []


def test_the_sheet_on_a_phone_opens_and_closes(visit: Callable[..., Visit], query: Path) -> None:
    reader = visit(360, 740, has_touch=True)
    page = reader.open()
    reader.will_answer()
    reader.locate(query)
    height = "document.getElementById('panel').offsetHeight"
    half = page.evaluate(height)
    page.get_by_role("button", name="Show more of the panel").click()
    assert page.evaluate(height) > half
    page.get_by_role("button", name="On the map").click()
    assert page.evaluate(height) < 120
    handle = page.locator("#handle").bounding_box()
    assert handle is not None
    page.mouse.move(180, handle["y"] + 10)
    page.mouse.down()
    page.mouse.move(180, 60, steps=4)
    page.mouse.up()
    assert page.evaluate(height) > half


def test_everything_can_be_done_with_the_keyboard_alone(visit: Callable[..., Visit], query: Path) -> None:
    reader = visit()
    page = reader.open()
    reader.will_answer()
    choosers: list[FileChooser] = []
    page.on(
        "filechooser", lambda chooser: choosers.append(chooser)
    )  # long before it opens: the browser must have been told to hand it over
    page.locator("body").press("Tab")
    focused = "document.activeElement.id || document.activeElement.className"
    seen = [page.evaluate(focused)]
    assert seen == ["skip"], "the first stop leads past the panel, to the map"
    while page.evaluate(focused) != "choose-photo":
        page.keyboard.press("Tab")
        seen.append(page.evaluate(focused))
        assert len(seen) < 12, seen
    page.keyboard.press("Enter")
    for _ in range(150):
        if choosers:
            break
        page.wait_for_timeout(100)
    choosers[0].set_files(query)
    expect(page.locator(".verdict-title")).to_be_focused()
    for name in ("Share", "On the map", "Town Museum", "Similar photo 2", "Details", "Zoom in"):
        target = page.locator(
            f"button:has-text('{name}'), button[aria-label='{name}'], summary:has-text('{name}')"
        ).first
        for _ in range(25):
            page.keyboard.press("Tab")
            if target.evaluate("e => e === document.activeElement"):
                break
        expect(target).to_be_focused()
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid", f"{name} does not show that it has the focus"
        if name == "Similar photo 2":
            page.keyboard.press("Enter")
            expect(target).to_have_attribute("aria-pressed", "true")
    page.locator("#open-settings").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#settings")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#settings")).to_be_hidden()
    expect(page.locator("#open-settings")).to_be_focused()


def test_a_failure_is_one_kind_line_with_the_servers_message_below(visit: Callable[..., Visit], query: Path) -> None:
    reader = visit(has_map=False)
    page = reader.open()
    for status, words in (
        (413, "too large for this server"),
        (415, "cannot read this as a photo"),
        (422, "could not be read"),
        (500, "Something went wrong on the server"),
        (504, "took too long"),
    ):
        reader.will_answer({"error": {"code": "x", "message": "It said why.", "request_id": "1"}}, status=status)
        reader.locate(query)
        expect(page.get_by_role("alert").first).to_contain_text(words)
        expect(page.locator(".failure .fine")).to_have_text("The server says: It said why.")
        reader.will_answer()
        page.get_by_role("button", name="Try again").click()
        expect(page.locator(".verdict-title")).to_have_text("Very likely here")


def test_a_photo_that_is_too_large_is_reduced_and_sent_once_more(visit: Callable[..., Visit], tmp_path: Path) -> None:
    large = tmp_path / "large.jpg"
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (1500, 2000, 3)).astype(np.uint8)).save(large, quality=95)
    reader = visit(has_map=False)
    page = reader.open()
    sizes: list[int] = []

    def take(route: Route) -> None:
        sizes.append(len(route.request.post_data_buffer or b""))
        route.fulfill(status=413, json={}) if len(sizes) == 1 else route.fulfill(json=ANSWER)

    page.route("**/v1/locate?*", take)
    reader.locate(large)
    expect(page.locator(".verdict-title")).to_have_text("Very likely here")
    assert len(sizes) == 2 and sizes[1] < sizes[0]


@pytest.mark.parametrize("tries", [1, 2])
def test_a_busy_server_is_asked_once_more_when_it_says(visit: Callable[..., Visit], query: Path, tries: int) -> None:
    reader = visit(has_map=False)
    page = reader.open()
    asked: list[str] = []

    def take(route: Route) -> None:
        asked.append(route.request.url)
        busy = {"status": 429, "json": {"error": {"message": "Busy."}}, "headers": {"Retry-After": "1"}}
        route.fulfill(**busy) if len(asked) <= tries else route.fulfill(json=ANSWER)  # type: ignore[arg-type]

    page.route("**/v1/locate?*", take)
    page.set_input_files("#choose-photo", query)
    expect(page.locator(".busy [role=status]")).to_have_text("The server is busy. Trying again in 1 second …")
    expect(page.locator(".answer, .failure")).to_be_visible()
    assert len(asked) == 2
    assert page.locator(".answer").count() == (1 if tries == 1 else 0)


def test_a_key_that_the_server_requires_is_kept_for_this_tab(visit: Callable[..., Visit], query: Path) -> None:
    reader = visit(has_map=False)
    page = reader.open()
    seen: list[str | None] = []

    def take(route: Route) -> None:
        key = route.request.headers.get("authorization")
        seen.append(key)
        route.fulfill(json=ANSWER) if key == "Bearer sesame" else route.fulfill(status=401, json={})

    page.route("**/v1/locate?*", take)
    page.set_input_files("#choose-photo", query)
    page.get_by_label("Key", exact=True).fill("wrong")
    page.keyboard.press("Enter")
    expect(page.locator("#key-wrong")).to_have_text("The server does not accept this key.")
    page.get_by_label("Key", exact=True).fill("sesame")
    page.keyboard.press("Enter")
    expect(page.locator(".verdict-title")).to_have_text("Very likely here")
    assert seen == [None, "Bearer wrong", "Bearer sesame"]
    assert page.evaluate("[sessionStorage.length, JSON.stringify(localStorage).includes('sesame')]") == [1, False]


def test_without_a_network_it_says_so_and_tries_again(visit: Callable[..., Visit], query: Path) -> None:
    reader = visit(has_map=False)
    page = reader.open()
    reader.context.set_offline(True)
    reader.locate(query)
    expect(page.get_by_role("alert").first).to_have_text(
        "The server cannot be reached. Are you connected to the network?"
    )
    reader.context.set_offline(False)
    reader.will_answer()
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".verdict-title")).to_have_text("Very likely here")


def test_the_position_of_the_device_is_used_only_if_the_user_says_so(visit: Callable[..., Visit], query: Path) -> None:
    reader = visit(
        has_map=False, geolocation={"latitude": 50.0, "longitude": 20.0, "accuracy": 30}, permissions=["geolocation"]
    )
    page = reader.open()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "v1/locate" in request.url else None)
    reader.will_answer(answer(found=False, confidence=0.03))
    reader.locate(query)
    assert "near=" not in asked[-1]
    page.reload()
    page.get_by_label("Search near me only").check()
    reader.locate(query)
    assert "near=50.000000%2C20.000000&radius_m=1000" in asked[-1]
    expect(page.locator(".advice")).to_contain_text("Only photos within 1 km of you were compared.")
    page.get_by_role("button", name="Search the whole map").click()
    expect(page.locator(".advice")).not_to_contain_text("Only photos within")
    assert "near=" not in asked[-1]


@pytest.mark.parametrize(("accuracy", "radius_m"), [(500, 1500), (6000, 18_000), (20_000, None)])
def test_a_vague_position_of_the_device_never_excludes_the_truth(
    visit: Callable[..., Visit], query: Path, accuracy: int, radius_m: int | None
) -> None:
    place = {"latitude": 50.0, "longitude": 20.0, "accuracy": accuracy}
    reader = visit(has_map=False, geolocation=place, permissions=["geolocation"])
    page = reader.open()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "v1/locate" in request.url else None)
    reader.will_answer()
    page.get_by_label("Search near me only").check()
    reader.locate(query)
    if radius_m is None:
        assert "near=" not in asked[-1]
        expect(page.locator("#toast")).to_contain_text("The whole map was searched.")
    else:
        assert f"near=50.000000%2C20.000000&radius_m={radius_m}" in asked[-1]


def test_one_of_several_maps_can_be_chosen(visit: Callable[..., Visit], query: Path) -> None:
    reader = visit(has_map=False)
    maps = [
        {"name": name, "photos": count, "bounds": [20, 50, 20.01, 50.01], "verify": ["off"], "calibrated": True}
        for name, count in (("north", 5), (HOSTILE, 1))
    ]
    reader.page.route("**/v1/maps", lambda route: route.fulfill(json={"maps": maps, "keeps_queries": True}))
    none = {"type": "FeatureCollection", "features": []}
    reader.page.route("**/v1/maps/*/photos?*", lambda route: route.fulfill(json=none))
    page = reader.open()
    expect(page.locator(".about-map")).to_have_text("5 photos in this map")
    page.get_by_label("Map", exact=True).first.select_option(HOSTILE)
    expect(page.locator(".about-map")).to_have_text("1 photo in this map")
    expect(page.locator(".intake .fine")).to_have_text("The photo is sent to this server, which stores a copy of it.")
    assert page.evaluate("window.harmed") is None


def test_a_server_without_maps_says_so(visit: Callable[..., Visit]) -> None:
    reader = visit(has_map=False)
    reader.page.route("**/v1/maps", lambda route: route.fulfill(json={"maps": []}))
    page = reader.open()
    expect(page.locator("#content h2")).to_have_text("There is no map here yet")
    expect(page.locator(".no-map")).to_contain_text("This browser cannot draw the map")


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_no_serious_fault(visit: Callable[..., Visit], query: Path, width: int, theme: str) -> None:
    reader = visit(width, 800, color_scheme=theme)
    page = reader.open()
    faults = serious(page)
    reader.will_answer()
    reader.locate(query)
    faults += serious(page)
    page.locator("#open-settings").click()
    faults += serious(page)
    page.keyboard.press("Escape")
    page.unroute("**/v1/locate?*")
    reader.will_answer(answer(found=False, confidence=0.02))
    reader.locate(query)
    faults += serious(page)
    assert not faults, "\n".join(faults)


def serious(page: Page) -> list[str]:
    """The serious and critical violations that axe finds in the page as it is now."""
    violations = Axe().run(page).response["violations"]
    return [
        f"{each['id']}: {each['help']}: {[node['html'] for node in each['nodes']]}"
        for each in violations
        if each["impact"] in ("serious", "critical")
    ]
