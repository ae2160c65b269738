"""The way to a sight on the phone: search, tap, steps in words, and going on from photo to photo, without a network."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from streets import GRID, STREETS, osm

from viewfix import Map, pois, roads
from viewfix.geo import moved
from viewfix.pack import app
from viewfix.types import Position

from .phones import Phone, opened, ready
from .static_server import Folder, served

pytest.importorskip("shapely")
pytestmark = pytest.mark.skipif(
    not (app.VENDOR / "made-from.sha256").exists(), reason="viewfix was built without the libraries of its pages"
)
expect.set_options(timeout=30_000)  # the machine may be busy with other tests
SHOTS = os.environ.get("VIEWFIX_SHOTS")


@pytest.fixture(scope="module")
def pack(real_map: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The drawn street with a grid of streets around it, two sights, and one that no road leads to."""
    folder = tmp_path_factory.mktemp("way")
    path = Path(shutil.copy(real_map, folder / "town.map"))
    with Map.open(path) as city:
        at = next(city.photos()).position
    clock, inn, far = moved(at, 80, 150), moved(at, 200, 120), moved(at, 90, 9000)
    table = folder / "sights.csv"
    table.write_text(
        "id,name,name:uk,kind,lat,lon\n"
        f"1,Clock Tower,Годинникова вежа,tourism=attraction,{clock.lat},{clock.lon}\n"
        f"2,Café Old Inn,Старий заїзд,historic=building,{inn.lat},{inn.lon}\n"
        f"3,Far Castle,,historic=castle,{far.lat},{far.lon}\n",
        encoding="utf-8",
    )
    pois.add(path, table)
    streets = folder / "streets.osm"
    streets.write_text(osm(GRID, STREETS, origin=Position(at.lat - 0.0018, at.lon - 0.0028)), encoding="utf-8")
    roads.add(path, streets)
    with Map.open(path) as city:
        city.pack(folder / "app")
    return folder / "app"


@pytest.fixture
def folder(pack: Path) -> Iterator[Folder]:
    with served(pack) as serving:
        yield serving


def search(page: Page, text: str) -> None:
    page.get_by_label("Search for a sight").fill(text)


def shot(page: Page, name: str) -> None:
    if SHOTS:
        page.wait_for_timeout(1200)
        page.screenshot(path=f"{SHOTS}/{name}.png")


def fits(page: Page) -> bool:
    """Whether nothing in the panel is wider than the screen."""
    parts = "[...document.querySelectorAll('.panel, .scroll, .way')]"
    return bool(page.evaluate(f"() => {parts}.every(each => each.scrollWidth <= innerWidth)"))


def found(chromium: Browser, folder: Folder, street: Path, **settings: object) -> Phone:
    phone = opened(chromium, folder, **settings)
    phone.context.set_offline(True)
    folder.gone = True
    phone.page.reload()
    ready(phone.page)
    phone.show(sorted(street.iterdir())[3])
    return phone


def test_the_way_to_a_sight_is_found_by_its_name_without_a_network(
    chromium: Browser, folder: Folder, street: Path
) -> None:
    phone = found(chromium, folder, street)
    page = phone.page
    search(page, "cafe")
    page.locator(".found .sight", has_text="Café Old Inn").wait_for()  # the answer lists it too
    search(page, "clock")
    row = page.locator(".found .sight", has_text="Clock Tower")
    row.wait_for()
    shot(page, "search")
    row.click()
    card = page.locator(".way")
    expect(card).to_contain_text("To Clock Tower")
    expect(card.locator(".way-steps li").last).to_contain_text("You have arrived: Clock Tower")
    expect(card.locator(".way-steps li").first).to_contain_text("Street")
    expect(card.locator(".way-sum")).to_contain_text("min")
    expect(page.locator(".map-credits")).to_contain_text("OpenStreetMap")
    assert fits(page)
    shot(page, "way")
    first = card.locator(".way-steps li").first.inner_text()
    phone.show(sorted(street.iterdir())[20])
    expect(card.locator(".way-steps li").first).not_to_have_text(first)
    card.locator("select").select_option("drive")
    expect(card).to_contain_text("To Clock Tower")
    results = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa"]})
    assert results.response["violations"] == [], results.generate_report()
    page.get_by_role("button", name="End route").click()
    expect(card).to_be_hidden()
    assert [line for line in phone.said if "DISCONNECTED" not in line and "GL Driver" not in line] == []
    phone.context.close()


def test_the_way_is_told_in_the_language_that_was_chosen(chromium: Browser, folder: Folder, street: Path) -> None:
    phone = found(chromium, folder, street, color_scheme="dark", locale="uk-UA")
    page = phone.page
    page.get_by_label("Знайти пам’ятку").fill("вежа")
    page.locator(".found .sight").first.click()
    card = page.locator(".way")
    expect(card).to_contain_text("Маршрут: Годинникова вежа")
    expect(card.locator(".way-steps li").last).to_contain_text("Ви на місці")
    assert fits(page)
    shot(page, "dark-uk")
    phone.context.close()


def test_without_a_fix_and_without_a_way_it_says_so(chromium: Browser, folder: Folder, street: Path) -> None:
    phone = opened(chromium, folder)
    page = phone.page
    search(page, "zzz")
    expect(page.locator(".found")).to_contain_text("There is no sight of that name here.")
    search(page, "old inn")
    page.locator(".found .sight").first.click()
    card = page.locator(".way")
    expect(card).to_contain_text("Take a photo")
    phone.show(sorted(street.iterdir())[3])
    expect(card.locator(".way-steps li").last).to_contain_text("You have arrived: Café Old Inn")
    search(page, "far castle")
    page.locator(".found .sight").first.click()
    expect(card).to_contain_text("There is no route there on the roads of this map.")
    phone.context.close()


def test_a_tap_on_the_map_offers_the_way_there(chromium: Browser, folder: Folder, street: Path) -> None:
    phone = found(chromium, folder, street)
    page = phone.page
    page.wait_for_timeout(1500)  # until the map has moved to the answer
    page.touchscreen.tap(60, 150)
    page.get_by_role("button", name="Go here").click()
    expect(page.locator(".way")).to_contain_text("To this place")
    expect(page.locator(".way-steps li").last).to_contain_text("You have arrived")
    shot(page, "tap")
    phone.context.close()


def test_the_search_finds_names_in_any_language(chromium: Browser, folder: Folder) -> None:
    phone = opened(chromium, folder)
    body = """async () => {
        const version = document.documentElement.dataset.version;
        const { findSights } = await import(new URL(`v-${version}/phone/finding.js`, location.href));
        const names = n => ({ name: n, names: { uk: "Вежа" + n }, notability: n.length });
        const points = ["Tower", "Tower Bridge", "Old Tower", "Été", "Watertower", "tower"].map(names);
        return ["tower", "ETE", "вежаtower", "", "x"].map(text => findSights(points, text).map(p => p.name)); }"""
    assert phone.page.evaluate(body) == [
        ["Tower", "Tower Bridge", "Old Tower", "Watertower"], ["Été"], ["Tower", "Tower Bridge"], [], [],
    ]  # fmt: skip
    phone.context.close()
