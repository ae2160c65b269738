"""The page at /docs in a real browser: it shows the routes, from this server alone, within its policy."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from . import serving

VENDOR = Path(__file__).parents[2] / "viewfix" / "web" / "vendor"


@pytest.mark.skipif(not (VENDOR / "swagger-ui-bundle.js").exists(), reason="the pages were not fetched")
def test_the_routes_are_shown_without_asking_another_server(chromium: Browser, real_map: Path) -> None:
    with serving.running(real_map) as address:
        page = chromium.new_page()
        said: list[str] = []
        asked: list[str] = []
        page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{address}docs")
        page.wait_for_selector(".opblock")
        page.get_by_text("/v1/locate", exact=True).first.click()
        page.wait_for_selector(".opblock-body")
        assert page.locator(".opblock").count() >= 11
        page.close()
    assert not said, said
    assert all(each.startswith((address, "data:")) for each in asked), asked
