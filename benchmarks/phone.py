"""Measure the phone app in Chromium: the size of a pack of 10,000 photos, and the time of its search and of `locate`.

    python benchmarks/phone.py                  # generated descriptors; photos of cambridge/test or drawn ones
    python benchmarks/phone.py --pack pocket/   # your own pack
    python benchmarks/phone.py --live           # frames a second: descriptor, filter and drawing
    python benchmarks/phone.py --rates          # the effect of fewer bits per photo, on cambridge

The generated descriptors are noise, which cannot be compressed, so real ones take no more space.
"""

from __future__ import annotations

import argparse
import base64
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from playwright.sync_api import sync_playwright
from truth import DATA, cambridge

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from browser.conftest import QUIET, executable  # noqa: E402
from browser.phones import ask, engine, opened  # noqa: E402
from browser.static_server import served  # noqa: E402

from viewfix import Map, Photo, Position, photos  # noqa: E402
from viewfix.demo.town import Town, write_views  # noqa: E402
from viewfix.models import catalogue  # noqa: E402
from viewfix.store.store import ModelIdentity, Record, Store  # noqa: E402

ASKED = 60
WARM = 5
BATCH = 2000
BITS = (3, 4, 5, 6, 7, 8)


def made_map(path: Path, count: int) -> None:
    """Build a map of photos every few metres along streets, four per place, each with a random descriptor."""
    model, rng = catalogue.load(None), np.random.default_rng(0)
    with Store.create(path, ModelIdentity(model.name, model.fingerprint, model.dim)) as store:
        for start in range(0, count, BATCH):
            numbers = range(start, min(start + BATCH, count))
            records = [Record(made_photo(n), f"{n:032x}") for n in numbers]
            drawn = rng.standard_normal((len(records), model.dim)).astype(np.float32)
            store.put(records, drawn / np.linalg.norm(drawn, axis=1, keepdims=True))


def made_photo(number: int) -> Photo:
    place, heading = divmod(number, 4)
    at = Position(50 + 0.00005 * (place % 100), 20 + 0.00007 * (place // 100))
    return Photo(f"walk/IMG_{number:06d}.jpg", f"/walk/IMG_{number:06d}.jpg", at, 90.0 * heading)


def asked_photos(data: Path, folder: Path) -> list[Path]:
    """The query photos: real ones if available, otherwise drawn ones."""
    try:
        every = [query.file for query in cambridge(data, "test", "queries")]
    except (OSError, SystemExit):
        town = Town.tiny()
        every = write_views(town, town.query_views(12), folder, width_px=400, height_px=400, tell_position=False)
    return (every * ASKED)[:ASKED]


def drive(folder: Path, files: Sequence[Path]) -> None:
    """Run queries in Chromium, and print the time of each part."""
    with sync_playwright() as playwright, served(folder) as serving:
        browser = playwright.chromium.launch(executable_path=executable(), args=QUIET)
        phone = opened(browser, serving)
        about = engine(phone.page)
        print(f"engine: {about['engine']}; {about['photos']} photos; Chromium {browser.version}")
        taken: dict[str, list[float]] = {}
        for file in [*files[:WARM], *files]:
            found = ask(phone.page, file.read_bytes())
            whole = {"one locate, decode to fix": found["answer"]["properties"]["took_ms"]}
            for what, spent_ms in {**found["spent"], **whole}.items():
                taken.setdefault(what.removesuffix("_ms"), []).append(spent_ms)
        browser.close()
    for what, every_ms in taken.items():
        each = sorted(every_ms[WARM:])
        middle, p95 = statistics.median(each), each[int(0.95 * len(each))]
        print(f"{what}: fastest {each[0]:.1f} ms, median {middle:.1f} ms, p95 {p95:.1f} ms")


LIVE = """async given => {
    const folder = new URL(`v-${document.documentElement.dataset.version}/`, location.href);
    const module = name => import(new URL(name, folder));
    const [{ FixMap }, { Path }, { LiveCard }, { Voice }] = await Promise.all(
        ["fixmap", "path", "live", "voice"].map(name => module(`shared/${name}.js`)));
    const place = document.body.appendChild(document.createElement("div"));
    place.className = "map";
    const drawing = await FixMap.make(place, { basemap: null, dark: false, language: "en" });
    const card = new LiveCard(new Voice());
    document.body.append(card.element);
    const path = new Path();
    const photos = given.map(data => new Blob([Uint8Array.from(atob(data), letter => letter.charCodeAt(0))]));
    const frames = await Promise.all(photos.map(photo => createImageBitmap(photo)));
    const spent = { follow: [], draw: [] };
    for (const [i, frame] of frames.entries()) {
        const began = performance.now();
        const asked = { frame, timeS: i, isFirst: i === 0, near: null, mode: "auto" };
        const answer = await globalThis.testEngine.ask("follow", asked, [frame]);
        const answered = performance.now();
        path.add(answer.geometry?.coordinates ?? [20 + 1e-4 * i, 50], i); // the path is drawn in any case
        card.show(answer, true);
        drawing.showAnswer(answer);
        drawing.showPath(path.collection());
        await new Promise(done => drawing.map.once("render", done));
        spent.follow.push(answered - began);
        spent.draw.push(performance.now() - answered);
    }
    return spent; }"""


def live(folder: Path, files: Sequence[Path]) -> None:
    """Follow the photos as if they were the frames of a camera, drawing each answer, and print the frames a second."""
    with sync_playwright() as playwright, served(folder) as serving:
        browser = playwright.chromium.launch(executable_path=executable(), args=QUIET)
        phone = opened(browser, serving)
        about = engine(phone.page)
        print(f"engine: {about['engine']}; {about['photos']} photos; Chromium {browser.version}")
        given = [base64.b64encode(file.read_bytes()).decode() for file in [*files[:WARM], *files]]
        spent = {what: np.array(each[WARM:]) for what, each in phone.page.evaluate(LIVE, given).items()}
        browser.close()
    whole = spent["follow"] + spent["draw"]
    for what, each in (*spent.items(), ("together", whole)):
        p95 = np.quantile(each, 0.95)
        print(f"{what}: fastest {each.min():.0f} ms, median {np.median(each):.0f} ms, p95 {p95:.0f} ms")
    print(f"{1000 / np.median(whole):.1f} frames a second in the median, {1000 / whole.mean():.1f} over all")


def rates(data: Path) -> None:
    """The share of queries that keep their best candidate if descriptors are stored with fewer bits per number."""
    model = catalogue.load(None, threads=1)

    def described(part: str) -> npt.NDArray[np.float32]:
        every = (photos.load(each.file, least_side_px=model.least_side_px) for each in cambridge(data, "test", part))
        return np.concatenate([model.embed([picture]) for picture in every])

    units, queries = described("map"), described("queries")
    truth = queries @ units.T
    for bits in BITS:
        most = 2 ** (bits - 1) - 1
        scales = np.abs(units).max(axis=1, keepdims=True) / most
        found = queries @ (np.rint(units / scales) * scales).T
        same = 100 * np.mean(found.argmax(axis=1) == truth.argmax(axis=1))
        off = np.std(found - truth)
        print(f"{bits} bits a number: {same:.1f} % keep their best candidate, similarity off by {off:.4f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=10_000, help="photos in the generated map")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--pack", type=Path, help="an existing pack to measure")
    parser.add_argument("--live", action="store_true", help="measure the live camera instead of single photos")
    parser.add_argument("--rates", action="store_true", help="measure only the effect of fewer bits per photo")
    given = parser.parse_args()
    if given.rates:
        rates(given.data)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        target = given.pack or folder / "pocket"
        if given.pack is None:
            made_map(folder / "made.map", given.photos)
            with Map.open(folder / "made.map") as city:
                packed = city.pack(target)
            for what, size in packed.sizes.items():
                print(f"{what}: {size / 1e6:.2f} MB")
            print(
                f"{packed.photos} photos: {packed.bytes_in_all / 1e6:.2f} MB to download, "
                f"{packed.bytes_without_engine / 1e6:.2f} MB without engine and app"
            )
        (live if given.live else drive)(target, asked_photos(given.data, folder))


if __name__ == "__main__":
    main()
