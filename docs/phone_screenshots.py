"""Take the pictures of the phone app, docs/pictures/phone-*.webp for docs/phone.md.

python docs/phone_screenshots.py      draws the town into viewfix-demo/ if it is not there (two minutes)
"""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, Playwright, sync_playwright
from screenshots import MOST_BYTES, PICTURES, ROOT, chromium, town_with_sights

from viewfix import Map
from viewfix.pack import PackOptions

sys.path.insert(0, str(ROOT / "tests"))

from browser.phones import opened, ready  # noqa: E402
from browser.static_server import Folder, served  # noqa: E402

SCREEN = {"width": 360, "height": 720}
SHARPNESS = 2
WAIT_MS = 180_000


@dataclass(frozen=True)
class Shot:
    """One picture: what is done before it is taken, the theme and the language."""

    before: Callable[[Page, Path], None] = field(default=lambda page, photos: None)
    dark: bool = False
    language: str = "en"


def find(page: Page, photo: Path) -> None:
    page.set_input_files("#choose", photo)
    page.locator(".answer").wait_for(timeout=WAIT_MS)


def evidence(page: Page, photos: Path) -> None:
    find(page, photos / "query_00.jpg")
    page.evaluate("document.querySelector('.panel').dataset.sheet = 'full'")
    page.evaluate("document.querySelector('.sights').scrollIntoView()")


def live(page: Page, photos: Path) -> None:
    page.locator(".dock button").click()
    page.locator(".live-card .likely:not([hidden])").wait_for(timeout=WAIT_MS)


def settings(page: Page, photos: Path) -> None:
    page.locator(".head .round").click()


SHOTS = {
    "phone-ready": Shot(),
    "phone-found": Shot(lambda page, photos: find(page, photos / "query_00.jpg")),
    "phone-evidence": Shot(evidence),
    "phone-live": Shot(live),
    "phone-live-dark": Shot(live, dark=True, language="uk"),
    "phone-not-in-this-map": Shot(
        lambda page, photos: find(page, photos / "another_town_00.jpg"), dark=True, language="de"
    ),
    "phone-settings": Shot(settings),
}


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--town", type=Path, default=ROOT / "viewfix-demo", help="folder of `viewfix demo`")
    given.add_argument("--only", nargs="*", choices=[*SHOTS, "phone-installing"], help="these pictures only")
    options = given.parse_args()
    if not (options.town / "town.map").exists():
        subprocess.run([sys.executable, "-m", "viewfix", "demo", "-o", options.town], check=True, cwd=ROOT)
    PICTURES.mkdir(exist_ok=True)
    photos = options.town / "queries"
    with (
        town_with_sights(options.town) as town,
        tempfile.TemporaryDirectory() as place,
        sync_playwright() as playwright,
    ):
        pocket = Path(place) / "pocket"
        with Map.open(town) as city:
            contents = PackOptions(title="Harbour Town", thumbnails_px=160, rule="all")
            city.pack(pocket, contents)
        browser = launched(playwright, photos / "query_02.jpg", Path(place))
        with served(pocket) as folder:
            if not options.only or "phone-installing" in options.only:
                keep(installing(browser, folder), "phone-installing")
            for name in options.only or SHOTS:
                if name in SHOTS:
                    keep(take(browser, folder, SHOTS[name], photos), name)
        browser.close()


def launched(playwright: Playwright, photo: Path, place: Path) -> Browser:
    """A browser whose camera shows one photo."""
    frame = io.BytesIO()
    Image.open(photo).convert("RGB").resize((640, 480)).save(frame, "JPEG", quality=95)
    (place / "film.mjpeg").write_bytes(frame.getvalue() * 30)
    arguments = [
        "--no-sandbox",
        "--disable-gpu",
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={place / 'film.mjpeg'}",
    ]
    return playwright.chromium.launch(executable_path=chromium(), args=arguments)


def look(shot: Shot) -> dict[str, object]:
    scheme = "dark" if shot.dark else "light"
    extra = {"reduced_motion": "reduce", "permissions": ["camera"], "device_scale_factor": SHARPNESS}
    return {"viewport": SCREEN, "locale": shot.language, "color_scheme": scheme, **extra}


def installing(browser: Browser, folder: Folder) -> bytes:
    """The first screen, while the map is being downloaded."""
    half_way, seen = threading.Event(), threading.Event()

    def slow(path: str, content: bytes) -> bytes:
        if path.endswith("ort-wasm-simd-threaded.wasm.lzma"):
            half_way.set()
            seen.wait(60)
        return content

    folder.tamper = slow
    phone = opened(browser, folder, wait=False, **look(Shot()))
    while not half_way.is_set():
        phone.page.wait_for_timeout(50)
    phone.page.wait_for_timeout(6000)
    taken = phone.page.screenshot()
    seen.set()
    folder.tamper = None
    ready(phone.page)
    phone.context.close()
    return taken


def take(browser: Browser, folder: Folder, shot: Shot, photos: Path) -> bytes:
    phone = opened(browser, folder, **look(shot))
    shot.before(phone.page, photos)
    phone.page.wait_for_timeout(4000)  # the map is drawn in software
    taken = phone.page.screenshot()
    phone.context.close()
    return taken


def keep(taken: bytes, name: str) -> None:
    """Write a picture as WebP, at the best quality that keeps it small."""
    picture = Image.open(io.BytesIO(taken)).convert("RGB")
    for quality in range(82, 30, -8):
        written = io.BytesIO()
        picture.save(written, "WEBP", quality=quality, method=6)
        if written.tell() <= MOST_BYTES:
            break
    (PICTURES / f"{name}.webp").write_bytes(written.getvalue())
    print(f"{name}: {written.tell()} bytes", flush=True)


if __name__ == "__main__":
    main()
