"""The files of the app: its pages, those shared with the page of `viewfix serve`, and its libraries."""

from __future__ import annotations

import json
import lzma
from collections.abc import Iterator
from html import escape
from pathlib import Path

from ..errors import BadInput
from .icons import icon

WEB = Path(__file__).parents[1] / "web"
VENDOR = WEB / "vendor"

LIBRARIES = (
    "maplibre-gl.mjs",
    "maplibre-gl-worker.mjs",
    "maplibre-gl.css",
    "LICENSE.maplibre-gl.txt",
    "ort.wasm.min.mjs",
    "ort-wasm-simd-threaded.mjs",
    "ort-wasm-simd-threaded.wasm",
)
FOR_BASEMAPS = ("pmtiles.mjs", "fflate.mjs", "LICENSE.fflate.txt", "basemaps.mjs")
FOR_WEBGPU = (
    "ort.webgpu.min.mjs",
    "ort-wasm-simd-threaded.asyncify.mjs",
    "ort-wasm-simd-threaded.asyncify.wasm",
)
ENGINE = ("vendor/", "phone/", "shared/")
"""Folders that are the same in every pack."""

SIDES_PX = (192, 512)
AT_ROOT = ("index.html", "sw.js")
FIRST = {"phone/start.js", "phone/install.js", "phone/manifest.js", "phone/checks.js", "phone/unpack.js",
         "phone/lzma.js", "phone/stored.js", "phone/start.css", "shared/language.js"}  # fmt: skip
"""The files, besides the translations, that the first screen needs before anything is installed: never compressed."""


def versioned(*, basemap: bool, webgpu: bool) -> Iterator[tuple[str, bytes]]:
    """The paths within the version's folder, and the contents.

    Raises:
        BadInput: the libraries of the pages are missing from this installation.
    """
    for folder in ("phone", "shared"):
        for file in sorted((WEB / folder).rglob("*")):
            if file.is_file() and file.name not in AT_ROOT:
                yield f"{folder}/{file.relative_to(WEB / folder).as_posix()}", file.read_bytes()
    wanted = [*LIBRARIES, *(FOR_BASEMAPS if basemap else ()), *(FOR_WEBGPU if webgpu else ())]
    missing = [name for name in wanted if not _is_there(name)]
    if missing:
        raise BadInput(
            f"The libraries of the app are missing ({VENDOR / missing[0]}): viewfix was built without a network. "
            "Connect, then run: pip install --force-reinstall viewfix, or in a checkout: python hatch_build.py"
        )
    for name in wanted:
        yield f"vendor/{name}", _library(name)


def _is_there(name: str) -> bool:
    return (VENDOR / name).is_file() or (VENDOR / f"{name}.xz").is_file()


def _library(name: str) -> bytes:
    """The content of a library. The large ones are compressed, which makes the installation 33 MB smaller."""
    compressed = VENDOR / f"{name}.xz"
    return lzma.decompress(compressed.read_bytes()) if compressed.is_file() else (VENDOR / name).read_bytes()


def may_compress(path: str) -> bool:
    """Whether a file may be compressed: only the installed app, which can decompress it, needs it."""
    return path not in FIRST and not path.startswith("shared/words/")


def at_root(title: str) -> dict[str, bytes]:
    """The files beside the version's folder, without index.html: those that browsers look for by a fixed name."""
    name = title if len(title) <= 30 else title[:29] + "…"
    manifest = {
        "name": title,
        "short_name": name,
        "id": "./",
        "start_url": "./",
        "scope": "./",
        "display": "standalone",
        "background_color": "#eef1ec",
        "theme_color": "#0f4c45",
        "icons": [
            {"src": f"icons/{kind}-{side}.png", "sizes": f"{side}x{side}", "type": "image/png", "purpose": kind}
            for kind in ("any", "maskable")
            for side in SIDES_PX
        ],
    }
    files = {"manifest.webmanifest": json.dumps(manifest, ensure_ascii=False, indent=1).encode()}
    for kind in ("any", "maskable"):
        for side in SIDES_PX:
            files[f"icons/{kind}-{side}.png"] = icon(side, whole=kind == "maskable")
    files["sw.js"] = (WEB / "phone" / "sw.js").read_bytes()
    return files


def page_template() -> str:
    """index.html with placeholders for the title and the version."""
    return (WEB / "phone" / "index.html").read_text("utf-8")


def page(title: str, version: str) -> bytes:
    """index.html of one version."""
    return page_template().replace("{{version}}", version).replace("{{title}}", escape(title)).encode()
