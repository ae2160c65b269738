"""Take the pictures of the page: docs/images/page.png for the README, and docs/pictures/page-*.webp for docs/page.md.

python docs/screenshots.py        draws the town of `viewfix demo` into viewfix-demo/ if it is missing (two minutes)
python docs/screenshots.py --only README
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from viewfix.demo import light
from viewfix.demo.town import Town, write_views

ROOT = Path(__file__).parents[1]
PICTURES = Path(__file__).with_name("pictures")
README_PICTURE = Path(__file__).with_name("images") / "page.png"
MOST_BYTES = 150_000
MOST_README_BYTES = 300_000
WIDE, PHONE = (1120, 700), (360, 720)
README = "README"
STEP_M, STEP_S, FILM_FRAMES = 4.0, 3, 60
SIGHTS = {  # name: kind, name in Ukrainian and German, latitude, longitude, on the plan of the drawn town
    "Clock Tower": ("historic=monument", "Годинникова вежа", "Uhrturm", 50.00049, 20.00024),
    "Harbour Museum": ("tourism=museum", "Портовий музей", "Hafenmuseum", 50.00001, 20.00100),
    "Old Fountain": ("amenity=fountain", "Старий фонтан", "Alter Brunnen", 49.99996, 19.99999),
    "South Gate": ("historic=ruins", "Південна брама", "Südtor", 49.99948, 20.00030),
}


@dataclass(frozen=True)
class Shot:
    """One picture: the photo that is chosen, the screen, and what is done before it is taken.

    `walk`: a walk through the town is seen by the live camera, or chosen as a recording.
    """

    photo: str | None
    size: tuple[int, int] = WIDE
    dark: bool = False
    language: str = "en"
    walk: Literal["", "live", "recording"] = ""
    before: Callable[[Page], None] = field(default=lambda page: None)


def show_matches(page: Page) -> None:
    page.locator(".comparison .button").click()
    page.locator("#inliers-canvas").wait_for(timeout=60_000)


def open_settings(page: Page) -> None:
    page.locator("#open-settings").click()


def scroll(page: Page) -> None:
    page.locator("#handle").click()
    page.locator(".sights").scroll_into_view_if_needed()
    page.evaluate("document.querySelector('.sights').scrollIntoView()")


SHOTS = {
    README: Shot("query_00.jpg", (1120, 860)),
    "page-start": Shot(None),
    "page-found": Shot("query_00.jpg"),
    "page-found-dark": Shot("query_02.jpg", dark=True, language="de"),
    "page-not-in-this-map": Shot("another_town_00.jpg"),
    "page-matches": Shot("query_02.jpg", before=show_matches),
    "page-phone-start": Shot(None, PHONE),
    "page-phone-found": Shot("query_00.jpg", PHONE),
    "page-phone-found-dark": Shot("query_00.jpg", PHONE, dark=True, language="uk"),
    "page-phone-evidence": Shot("query_00.jpg", PHONE, before=scroll),
    "page-phone-not-in-this-map": Shot("another_town_01.jpg", PHONE, dark=True),
    "page-recording": Shot(None, walk="recording"),
    "page-live": Shot(None, dark=True, walk="live"),
    "page-phone-live": Shot(None, PHONE, language="de", walk="live"),
    "page-phone-settings": Shot(None, PHONE, language="de", before=open_settings),
}


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--town", type=Path, default=ROOT / "viewfix-demo", help="folder of `viewfix demo`")
    given.add_argument("--only", nargs="*", choices=SHOTS, help="these pictures only")
    options = given.parse_args()
    if not (options.town / "town.map").exists():
        subprocess.run([sys.executable, "-m", "viewfix", "demo", "-o", options.town], check=True, cwd=ROOT)
    PICTURES.mkdir(exist_ok=True)
    README_PICTURE.parent.mkdir(exist_ok=True)
    with (
        town_with_sights(options.town) as town,
        serving(town) as address,
        sync_playwright() as playwright,
        tempfile.TemporaryDirectory() as place,
    ):
        walk, film = walk_through(Path(place)) if any(SHOTS[n].walk for n in options.only or SHOTS) else ([], None)
        camera = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
        camera += [f"--use-file-for-fake-video-capture={film}"] if film else []
        arguments = ["--no-sandbox", "--disable-gpu", *camera]
        browser = playwright.chromium.launch(executable_path=chromium(), args=arguments)
        for name in options.only or SHOTS:
            taken = take(browser, address, SHOTS[name], options.town / "queries", walk)
            size = keep_for_readme(taken) if name == README else keep(taken, name)
            print(f"{name}: {size} bytes", flush=True)
        browser.close()


def walk_through(folder: Path) -> tuple[list[Path], Path]:
    """Photos of a walk along a street of the town, on a dull day, one every STEP_S seconds; and a film of them."""
    town = Town()
    ahead = [view for view in town.map_views(step_m=STEP_M) if view.name.endswith("_000")]
    views = [replace(view, light=light.OVERCAST, east_m=view.east_m + 0.8) for view in ahead[4:18]]
    files = write_views(town, views, folder, tell_position=False)
    for number, file in enumerate(files):
        os.utime(file, (1_780_000_000 + STEP_S * number,) * 2)
    film = folder / "walk.mjpeg"
    film.write_bytes(b"".join(file.read_bytes() * FILM_FRAMES for file in files))
    return files, film


@contextlib.contextmanager
def town_with_sights(folder: Path) -> Iterator[Path]:
    """A copy of the map with some sights, of which the town has none."""
    features = [
        {
            "type": "Feature",
            "id": name,
            "geometry": {"type": "Point", "coordinates": [lon, lat]},
            "properties": {"name": name, "name:uk": uk, "name:de": de, **dict([kind.split("=")])}
            | ({"website": "https://example.org/"} if kind == "tourism=museum" else {}),
        }
        for name, (kind, uk, de, lat, lon) in SIGHTS.items()
    ]
    with tempfile.TemporaryDirectory() as place:
        town, sights = Path(place) / "town.map", Path(place) / "sights.geojson"
        shutil.copy(folder / "town.map", town)
        sights.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
        run = [sys.executable, "-m", "viewfix", "pois", "add", town, sights, "--attribution", "drawn by viewfix demo"]
        subprocess.run(run, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
        yield town


@contextlib.contextmanager
def serving(town: Path) -> Iterator[str]:
    """The address of `viewfix serve`, run as an operator runs it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    run: list[Any] = [sys.executable, "-m", "viewfix", "serve", town, "--port", str(port), "--thumbnails", "all"]
    server = subprocess.Popen(run, cwd=ROOT, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}/"
    try:
        for _ in range(600):
            if server.poll() is not None:
                raise SystemExit(f"viewfix serve ended with exit code {server.returncode}. Run it to see why.")
            with contextlib.suppress(OSError), urllib.request.urlopen(address + "readyz"):
                break
            time.sleep(0.1)
        yield address
    finally:
        server.terminate()
        server.wait()


def chromium() -> str | None:
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next(filter(None, map(shutil.which, names)), None)


def take(browser: Browser, address: str, shot: Shot, photos: Path, walk: list[Path]) -> bytes:
    width, height = shot.size
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if shot.dark else "light",
        locale=shot.language,
        has_touch=width < 600,
        reduced_motion="reduce",
        permissions=["camera"],
    )
    page = context.new_page()
    page.goto(address)
    page.locator(".intake").wait_for()
    if shot.photo:
        page.set_input_files("#choose-photo", photos / shot.photo)
        page.locator(".answer").wait_for(timeout=60_000)
    if shot.walk:
        page.locator(".intake .travel-mode").select_option("walk")
    if shot.walk == "recording":
        page.set_input_files("#choose-recording", walk)
        page.locator(".moving .actions .button").nth(1).wait_for(timeout=60_000)
    elif shot.walk == "live":
        page.locator(".moving-ways button").click()
        page.locator(".live-coming:not([hidden])").wait_for(timeout=60_000)
        page.wait_for_timeout(4000)
    else:
        page.wait_for_load_state("networkidle")
    shot.before(page)
    page.wait_for_timeout(2000)  # tiles, glyphs and pictures are drawn
    taken = page.screenshot()
    context.close()
    return taken


def keep(taken: bytes, name: str) -> int:
    """Write a picture as WebP, which keeps soft shadows, and return its size."""
    target = PICTURES / f"{name}.webp"
    Image.open(io.BytesIO(taken)).convert("RGB").save(target, quality=88, method=6)
    size = target.stat().st_size
    assert size <= MOST_BYTES, f"{target} has {size} bytes, more than {MOST_BYTES}"
    return size


def keep_for_readme(taken: bytes) -> int:
    """Write the picture of the README as PNG, which every viewer of a README shows, and return its size."""
    picture = Image.open(io.BytesIO(taken)).convert("RGB")
    picture.quantize(256, dither=Image.Dither.FLOYDSTEINBERG).save(README_PICTURE, optimize=True)
    size = README_PICTURE.stat().st_size
    assert size <= MOST_README_BYTES, f"{README_PICTURE} has {size} bytes, more than {MOST_README_BYTES}"
    return size


if __name__ == "__main__":
    main()
