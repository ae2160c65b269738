"""The browser that the other tests of this folder use."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser

VENDOR = Path(__file__).parents[2] / "viewfix" / "web" / "vendor"


@pytest.fixture
def vendored() -> Iterator[str]:
    """The address of viewfix/web/vendor, served."""
    if not (VENDOR / "made-from.sha256").exists():
        pytest.skip("viewfix/web/vendor is empty: npm could not be asked when viewfix was installed")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        extensions_map = {**http.server.SimpleHTTPRequestHandler.extensions_map, ".mjs": "text/javascript"}

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=VENDOR)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.mark.parametrize(
    ("module", "name"),
    [("maplibre-gl.mjs", "Map"), ("pmtiles.mjs", "PMTiles"), ("basemaps.mjs", "layers"), ("ort.wasm.min.mjs", "env")],
)
def test_a_vendored_module_loads_without_a_bundler(chromium: Browser, vendored: str, module: str, name: str) -> None:
    page = chromium.new_page()
    page.goto(vendored + "LICENSE.fflate.txt")
    kind = page.evaluate(f"import('/{module}').then(module => typeof (module.{name} ?? module.default?.{name}))")
    assert kind in ("function", "object")
    page.close()
