"""A map of a box of Panoramax: its time against downloading and building apart, and `kill -9` at random moments.

    python benchmarks/services.py                a local server in the shapes of Panoramax
    python benchmarks/services.py --geovisio     the time also with a real one (see tests/services/geovisio.py)

The pictures are photos of cambridge/train, enlarged to the size of a phone's, on a made street.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import piexif
from kill import contents
from PIL import Image
from truth import DATA

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.services import geovisio  # noqa: E402
from tests.services.fake import Fake, Picture, Request  # noqa: E402
from viewfix import Map  # noqa: E402
from viewfix.errors import NotAMap  # noqa: E402
from viewfix.store.store import Store  # noqa: E402

SOUTH, WEST, STEP_DEG = 52.2, 0.12, 0.0002  # 22 m to the north
WIDTH_PX = 2048
AT_ONCE = 8
"""What viewfix asks Panoramax for at one time."""
SLOW_S = 1.2


def pictures(data: Path, count: int) -> Iterator[bytes]:
    """JPEGs with position, direction and time in their EXIF."""
    files = sorted((data / "cambridge" / "train" / "map").glob("*.jpg"))[:count]
    if len(files) < count:
        sys.exit(f"There are {len(files)} photos below {data}, but {count} are wanted. Pass --data.")
    for i, file in enumerate(files):
        with Image.open(file) as photo:
            large = photo.convert("RGB").resize((WIDTH_PX, WIDTH_PX * photo.height // photo.width))
        lat, lon = SOUTH + i * STEP_DEG, WEST
        gps = {1: b"N", 2: degrees(lat), 3: b"E", 4: degrees(lon), 16: b"T", 17: (i * 40 % 360, 1)}
        taken = {36867: f"2024:05:01 {10 + i // 3600:02}:{i // 60 % 60:02}:{i % 60:02}".encode(), 36881: b"+00:00"}
        out = io.BytesIO()
        large.save(out, "JPEG", quality=88, exif=piexif.dump({"GPS": gps, "Exif": taken}))
        yield out.getvalue()


def degrees(value: float) -> tuple[tuple[int, int], ...]:
    whole = int(value)
    return (whole, 1), (int(value % 1 * 60), 1), (round(value % 1 * 60 % 1 * 60 * 10_000), 10_000)


def viewfix(*arguments: object, cache: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    words = [sys.executable, "-m", "viewfix", *map(str, arguments), "-q"]
    return subprocess.Popen(words, stdout=subprocess.DEVNULL, env=environment)


def timed(process: subprocess.Popen[bytes]) -> float:
    began = time.perf_counter()
    assert process.wait() == 0, process.args
    return time.perf_counter() - began


def compare(name: str, spec: str, urls: Sequence[str], folder: Path, rounds: int) -> None:
    """Print the seconds of a map straight from the service, and those of downloading and building apart."""
    for number in range(rounds):
        where = folder / f"{name}{number}"
        (where / "curl").mkdir(parents=True)
        config = "\n".join(f'url = "{url}"\noutput = "{where}/curl/{i}.jpg"' for i, url in enumerate(urls))
        (where / "urls").write_text(config)
        curl = ["curl", "-sS", "--parallel", "--parallel-max", str(AT_ONCE), "--config", str(where / "urls")]
        download_s = timed(subprocess.Popen(curl, stderr=subprocess.DEVNULL))
        fetch_s = timed(viewfix("fetch", spec, "-o", where / "fetched", cache=where))
        build_s = timed(viewfix("build", where / "apart.map", where / "fetched" / "photos.csv", cache=where))
        straight_s = timed(viewfix("build", where / "straight.map", spec, cache=where))
        ratio = straight_s / max(download_s, build_s)
        print(
            f"{name}: {len(urls)} pictures: curl {download_s:.1f} s, viewfix fetch {fetch_s:.1f} s, build from the "
            f"folder {build_s:.1f} s, straight {straight_s:.1f} s, {ratio:.2f} times the slower of curl and build",
            flush=True,
        )


def stages(name: str, spec: str, folder: Path) -> None:
    """Print when each stage of a build begins and ends, and the CPU time until then."""
    began, found = time.perf_counter(), dict[str, list[float]]()

    def note(stage: str, done: int, total: int | None) -> None:
        now = [time.perf_counter() - began, time.process_time()]
        found.setdefault(stage, [*now, *now])[2:] = now

    os.environ["XDG_CACHE_HOME"] = str(folder / "stages")
    Map.build(folder / f"{name} stages.map", spec, progress=note).close()
    for stage, (first_s, first_cpu_s, last_s, last_cpu_s) in found.items():
        print(
            f"{name}: {stage}: from {first_s:.1f} to {last_s:.1f} s, {last_cpu_s - first_cpu_s:.1f} s of CPU",
            flush=True,
        )


def kill(fake: Fake, spec: str, folder: Path, kills: int, rng: random.Random) -> None:
    """Kill a build at random moments, go on, and compare what was downloaded and what came out."""
    calm, path = folder / "calm.map", folder / "killed.map"
    whole_s = timed(viewfix("build", calm, spec, cache=folder / "calm"))
    expected = contents(calm)
    fake.requests.clear()
    arrived: set[str] = set()
    twice: Counter[str] = Counter()
    done = interrupted = 0
    while done < kills:
        began = len(fake.requests)
        process = viewfix("build", path, spec, cache=folder / "cache")
        time.sleep(rng.uniform(0.5, whole_s / 2))
        if process.poll() is not None:
            print(f"it was complete before kill {done + 1}: begun anew")
            arrived.clear()
            for file in folder.glob("killed.map*"):
                file.unlink()
            continue
        process.kill()
        process.wait()
        done += 1
        requested = requests_of(fake, began)
        twice.update(address for address in requested if address in arrived)
        now = there(path, folder / "cache", fake)
        interrupted += sum(address not in now for address in requested)
        arrived |= now
        print(f"kill {done}: {len(now)} of {len(fake.pictures)} pictures have arrived", flush=True)
    began = len(fake.requests)
    assert timed(viewfix("build", path, spec, cache=folder / "cache")) >= 0
    twice.update(address for address in requests_of(fake, began) if address in arrived)
    left = [file for file in (folder / "cache" / "viewfix" / "downloads").rglob("*") if file.suffix != ".lock"]
    same = contents(path) == expected
    print(
        f"killed {done} times: {sum(twice.values())} pictures downloaded a second time, {interrupted} requests cut "
        f"off by a kill; the map is {'equal to' if same else 'NOT equal to'} an undisturbed one; {len(left)} files left"
    )


def slow(request: Request) -> None:
    """Let a picture take as long as over a slow line."""
    if request.path.endswith("/hd.jpg"):
        time.sleep(SLOW_S)


def requests_of(fake: Fake, begin: int) -> list[str]:
    return [f"{fake.url}{r.path}" for r in fake.requests[begin:] if r.path.endswith("/hd.jpg")]


def there(path: Path, cache: Path, fake: Fake) -> set[str]:
    """The addresses of pictures that are in the map or in the cache folder."""
    try:
        with Store.open(path) as store:
            found = {photo.source for photo in store.all_photos()}
    except NotAMap:
        found = set()
    files = {file.name for file in cache.rglob("*") if file.is_file()}
    for picture in fake.pictures:
        address = f"{fake.url}/api/pictures/{picture.uuid}/hd.jpg"
        name = hashlib.blake2b(f"{address}\n{picture.updated}".encode(), digest_size=16).hexdigest()
        if name in files:
            found.add(address)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--pictures", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--geovisio", action="store_true")
    given = parser.parse_args()
    files = list(pictures(given.data, given.pictures))
    print(f"{len(files)} pictures of {sum(map(len, files)) / len(files) / 1e3:.0f} kB")
    north = SOUTH + len(files) * STEP_DEG
    box = f"{SOUTH - 0.001},{WEST - 0.001},{north + 0.001},{WEST + 0.001}"
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        fake = Fake()
        fake.pictures = [
            Picture(i + 1, SOUTH + i * STEP_DEG, WEST, content, float(i * 40 % 360)) for i, content in enumerate(files)
        ]
        spec = f"panoramax+{fake.url}/api:{box}"
        urls = [f"{fake.url}/api/pictures/{picture.uuid}/hd.jpg" for picture in fake.pictures]
        compare("made server", spec, urls, folder, given.rounds)
        fake.fault = slow
        compare("slow server", spec, urls, folder, given.rounds)
        stages("slow server", spec, folder)
        kill(fake, spec, folder, given.kills, random.Random(given.seed))
        fake.close()
        if given.geovisio:
            if (reason := geovisio.why_not()) is not None:
                sys.exit(reason)
            server = geovisio.GeoVisio()
            try:
                photos = folder / "photos"
                photos.mkdir()
                for i, content in enumerate(files):
                    (photos / f"{i:04}.jpg").write_bytes(content)
                server.upload(sorted(photos.glob("*.jpg")))
                west, east = WEST - 0.001, WEST + 0.001
                items = server.items(f"{west},{SOUTH - 0.001},{east},{north + 0.001}")
                urls = [item["assets"]["hd"]["href"] for item in items]
                compare("GeoVisio", f"panoramax+{server.url}:{box}", urls, folder, given.rounds)
            finally:
                server.close()


if __name__ == "__main__":
    main()
