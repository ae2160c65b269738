"""Base maps: a plain background without requests, raster tiles, vector tiles from a file, a style."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tiles
from conftest import SHARED
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect

from . import serving
from .test_page import pytestmark as pytestmark  # the same libraries are needed

WATER = {"light": (128, 222, 234), "dark": (49, 53, 63)}  # Protomaps' own colours


def shares(page: Page, colours: dict[str, tuple[int, int, int]]) -> dict[str, float]:
    """How much of the screen has each colour, [0, 1]."""
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    counted = {colour: count for count, colour in picture.getcolors(maxcolors=1 << 24) or ()}
    near = {name: sum(n for c, n in counted.items() if all(abs(a - b) < 6 for a, b in zip(c, colour, strict=True)))
            for name, colour in colours.items()}  # fmt: skip
    return {name: count / (picture.width * picture.height) for name, count in near.items()}


@pytest.fixture
def looker(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 800, "height": 600}, reduced_motion="reduce", locale="en-US")
    yield context.new_page()
    context.close()


def look(page: Page, address: str, until: str, colours: dict[str, tuple[int, int, int]]) -> None:
    """Open the page and wait until a tenth of the screen has one of the colours."""
    page.goto(address)
    expect(page.locator("#content h2")).to_be_visible()
    await_colour(page, until, colours)


def await_colour(page: Page, until: str, colours: dict[str, tuple[int, int, int]]) -> None:
    for _ in range(50):
        if (seen := shares(page, colours))[until] > 0.1:
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"the map never became {until}: {seen}")


def test_a_pmtiles_file_is_drawn_in_parts_with_local_fonts_and_without_a_sprite(
    looker: Page, real_map: Path, tmp_path: Path
) -> None:
    tiles.write(tmp_path / "base.pmtiles", 50.0, 20.0)
    about = {"kind": "pmtiles", "url": "basemap.pmtiles", "attribution": "© Makers of tiles"}
    asked: list[Any] = []
    said: list[str] = []
    looker.on("response", lambda answer: asked.append((answer.url, answer.status)))
    looker.on("console", lambda message: said.append(message.text) if "GPU stall" not in message.text else None)
    with serving.running(real_map, basemap=about, basemap_file=tmp_path / "base.pmtiles") as address:
        look(looker, address, "light", WATER)
        expect(looker.locator("#map-credits")).to_contain_text("© Makers of tiles")
        looker.emulate_media(color_scheme="dark")
        await_colour(looker, "dark", WATER)
        assert {status for url, status in asked if url.endswith(".pmtiles")} == {206}
        assert all(url.startswith((address, "blob:", "data:")) for url, _ in asked)
    assert not said


@pytest.mark.skipif(not (SHARED / "basemap").is_dir(), reason="sprites and glyphs to test with are not here")
def test_sprites_and_glyphs_of_the_operator_are_used(looker: Page, real_map: Path, tmp_path: Path) -> None:
    tiles.write(tmp_path / "base.pmtiles", 50.0, 20.0)
    about = {
        "kind": "pmtiles",
        "url": "basemap.pmtiles",
        "sprite": "sprites/{theme}",
        "glyphs": "fonts/{fontstack}/{range}.pbf",
    }
    given: list[str] = []

    def give(route: Route) -> None:
        path = "/".join(route.request.url.split("?")[0].split("/")[3:]).replace("%20", " ")
        given.append(path)
        file = SHARED / "basemap" / path
        route.fulfill(path=file) if file.is_file() else route.fulfill(status=404)

    looker.route("**/sprites/**", give)
    looker.route("**/fonts/**", give)
    with serving.running(real_map, basemap=about, basemap_file=tmp_path / "base.pmtiles") as address:
        look(looker, address, "light", WATER)
        looker.wait_for_timeout(300)
    assert "sprites/light.json" in given and "sprites/light.png" in given
    assert any(path.startswith("fonts/Noto Sans") for path in given)


def test_vector_tiles_are_drawn_by_the_schema_that_they_follow(looker: Page, real_map: Path) -> None:
    whole = [(0, 0), (tiles.EXTENT, 0), (tiles.EXTENT, tiles.EXTENT), (0, tiles.EXTENT)]
    tile = tiles.layer("water", tiles.POLYGON, whole, {"class": "lake"})
    tile += tiles.layer("transportation", tiles.LINE, [(0, 9), (9, 99)], {"class": "minor"})
    looker.route("**/tiles/**", lambda route: route.fulfill(body=tile, content_type="application/x-protobuf"))
    said: list[str] = []
    looker.on("console", lambda message: said.append(message.text) if "GPU stall" not in message.text else None)
    with serving.running(real_map, basemap={"kind": "vector", "url": "tiles/{z}/{x}/{y}.pbf"}) as address:
        look(looker, address, "lake", {"lake": (188, 217, 232)})
    assert not said


def test_raster_tiles_are_drawn_and_dimmed_at_night(looker: Page, real_map: Path) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (256, 256), (250, 200, 40)).save(picture, "PNG")
    looker.route("**/tiles/**", lambda route: route.fulfill(body=picture.getvalue(), content_type="image/png"))
    with serving.running(real_map, basemap={"kind": "raster", "url": "tiles/{z}/{x}/{y}.png"}) as address:
        look(looker, address, "day", {"day": (250, 200, 40)})
        looker.emulate_media(color_scheme="dark")
        for _ in range(50):
            if shares(looker, {"day": (250, 200, 40)})["day"] < 0.01:
                break
            looker.wait_for_timeout(100)
        assert shares(looker, {"day": (250, 200, 40)})["day"] < 0.01


def test_a_style_lies_under_the_photos_and_one_that_fails_leaves_the_plain_background(
    looker: Page, real_map: Path
) -> None:
    style = {
        "version": 8,
        "sources": {},
        "layers": [{"id": "all", "type": "background", "paint": {"background-color": "#c04080"}}],
    }
    colours = {"theirs": (192, 64, 128), "plain": (238, 241, 236)}
    with serving.running(real_map, basemap={"kind": "style", "url": "styles/theirs.json"}) as address:
        looker.route("**/styles/**", lambda route: route.fulfill(json=style))
        look(looker, address, "theirs", colours)
        looker.unroute("**/styles/**")
        looker.route("**/styles/**", lambda route: route.fulfill(status=500))
        look(looker, address, "plain", colours)
        expect(looker.locator("#toast")).to_contain_text("The base map could not be loaded.")


def test_a_map_brings_its_own_base_map_and_one_without_says_how_to_get_it(
    looker: Page, real_map: Path, tmp_path: Path
) -> None:
    ours, plain = (Path(shutil.copy(real_map, tmp_path / name)) for name in ("ours.map", "plain.map"))
    credit = '<a href="https://www.openstreetmap.org/copyright">© OpenStreetMap contributors</a>'
    tiles.write(tmp_path / "ours.map.pmtiles", 50.0, 20.0, name="viewfix", attribution=credit)
    said: list[str] = []
    asked: list[str] = []
    looker.on("console", lambda message: said.append(message.text) if "GPU stall" not in message.text else None)
    looker.on("request", lambda request: asked.append(request.url))
    with serving.running(ours, plain) as address:
        look(looker, address, "light", {"light": (181, 216, 230)})
        expect(looker.locator("#map-credits")).to_have_text("© OpenStreetMap contributors")
        expect(looker.locator("#map-credits a")).to_have_attribute("href", "https://www.openstreetmap.org/copyright")
        looker.emulate_media(color_scheme="dark")
        await_colour(looker, "dark", {"dark": (22, 48, 63)})
        looker.locator("#map-choice").select_option("plain")
        expect(looker.locator("#map-credits")).to_contain_text("viewfix basemap add plain.map")
        looker.locator("#map-choice").select_option("ours")
        await_colour(looker, "dark", {"dark": (22, 48, 63)})
        assert all(url.startswith((address, "blob:", "data:")) for url in asked), "nothing but this server is asked"
    assert not said
