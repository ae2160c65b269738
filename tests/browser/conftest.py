"""A real Chromium for the tests of pages: the machine's own, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Error, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = [  # nothing but the page under test asks the network
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-unsafe-swiftshader",
]


def executable() -> str | None:
    """The browser in VIEWFIX_CHROMIUM, or the first one on PATH; None for that of Playwright."""
    return os.environ.get("VIEWFIX_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One headless Chromium for the run; each test makes its own context: `chromium.new_context()`."""
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=executable(), args=QUIET)
        except Error as error:
            pytest.skip(
                f"no Chromium here: {error.message.splitlines()[0]} Install chromium, or: playwright install chromium"
            )
        yield browser
        browser.close()
