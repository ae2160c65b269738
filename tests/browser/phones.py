"""The phone app in a browser: its pages, and the answers of its engine."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page

from .static_server import Folder

READY_MS = 180_000  # the machine may be busy with other tests
PHONE = {"viewport": {"width": 360, "height": 740}, "locale": "en-GB", "has_touch": True}


@dataclass
class Phone:
    """One page of the app in its own browser context; `said` are the errors that it wrote to the console."""

    context: BrowserContext
    page: Page
    said: list[str]

    def show(self, photo: Path) -> None:
        """Choose a photo, and wait for the answer."""
        self.page.set_input_files("#choose", photo)
        self.page.locator(".answer").wait_for(timeout=READY_MS)


def opened(chromium: Browser, folder: Folder, *, wait: bool = True, **settings: Any) -> Phone:
    """The app, installed and ready."""
    context = chromium.new_context(**{**PHONE, **settings})
    page = context.new_page()
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.goto(folder.url)
    if wait:
        ready(page)
    return Phone(context, page, said)


def ready(page: Page) -> None:
    page.wait_for_selector("html[data-ready]", state="attached", timeout=READY_MS)


ENGINE = """async () => {
    const version = document.documentElement.dataset.version;
    const { Engine } = await import(new URL(`v-${version}/phone/engine.js`, location.href));
    const engine = new Engine();
    const about = await engine.ask("open");
    globalThis.testEngine = engine;
    return { ...about, ...(await engine.ask("prepare")) }; }"""

ASK = """async ([data, asked]) => {
    const photo = new Blob([Uint8Array.from(atob(data), letter => letter.charCodeAt(0))]);
    return globalThis.testEngine.ask("locate", { photo, ...asked }); }"""


def engine(page: Page) -> dict[str, Any]:
    """Start an engine in the page, which can be asked without the buttons; returns what it reports about itself."""
    about: dict[str, Any] = page.evaluate(ENGINE)
    return about


def ask(page: Page, photo: bytes, **asked: Any) -> dict[str, Any]:
    """The answer of the engine to a photo, and the time that each step took."""
    found: dict[str, Any] = page.evaluate(ASK, [base64.b64encode(photo).decode(), asked])
    return found
