"""Nothing goes in; the files of the app come out: its own, those that it shares with the page, and its libraries."""

from __future__ import annotations

import json
from collections.abc import Iterator
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
"""Folders of what is the same in every pack."""

SIDES_PX = (192, 512)
AT_ROOT = ("index.html", "sw.js")
FIRST = {"phone/start.js", "phone/install.js", "phone/unpack.js", "phone/lzma.js", "phone/stored.js", "phone/start.css",
         "shared/language.js", "shared/dom.js", "shared/icons.js"}  # fmt: skip
"""What the first screen needs before anything is installed: never squeezed. And all words."""


def versioned(*, basemap: bool, webgpu: bool) -> Iterator[tuple[str, bytes]]:
    """Paths within the version's own folder, and contents.

    Raises:
        BadInput: viewfix was built without the libraries of its pages.
    """
    for folder in ("phone", "shared"):
        for file in sorted((WEB / folder).rglob("*")):
            if file.is_file() and file.name not in AT_ROOT:
                yield f"{folder}/{file.relative_to(WEB / folder).as_posix()}", file.read_bytes()
    wanted = [*LIBRARIES, *(FOR_BASEMAPS if basemap else ()), *(FOR_WEBGPU if webgpu else ())]
    missing = [name for name in wanted if not (VENDOR / name).is_file()]
    if missing:
        raise BadInput(
            f"The libraries of the app are not there ({VENDOR / missing[0]} is missing): viewfix was built without the "
            "network. Build it again with it: pip install --force-reinstall viewfix, or in a checkout: "
            "python hatch_build.py"
        )
    for name in wanted:
        yield f"vendor/{name}", (VENDOR / name).read_bytes()


def may_squeeze(path: str) -> bool:
    """Whether a file is only asked for when the pack is installed."""
    return path not in FIRST and not path.startswith("shared/words/")


def at_root(title: str) -> dict[str, bytes]:
    """What lies beside the version's folder, but for index.html: what a browser looks for in its place."""
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
    """index.html with its two blanks."""
    return (WEB / "phone" / "index.html").read_text("utf-8")


def page(title: str, version: str) -> bytes:
    """index.html of one version."""
    from html import escape

    return page_template().replace("{{version}}", version).replace("{{title}}", escape(title)).encode()
