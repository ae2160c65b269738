"""Measure geotagging: how true its probabilities are for walks with gaps, and the time and memory of 1,000 photos.

    python benchmarks/geotag.py                # walks over cambridge/train: said against true, by density of the map
    python benchmarks/geotag.py --phone        # every other phone photo as the map, the others asked
    python benchmarks/geotag.py --time 1000    # seconds and memory; killed once on the way

The weight of the neighbours was chosen on the walks of cambridge/train.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import piexif
from PIL import Image
from track import described, made_map
from truth import DATA, Truth, cambridge

from viewfix import Map, Photo, Position
from viewfix.geo import Plane, distance_m
from viewfix.sources import open_sources
from viewfix.track.modes import MODES
from viewfix.track.smooth import smoothed
from viewfix.track.track import radius_of

Rows = npt.NDArray[np.float32]
WALK_MPS = 1.2
GAPS_S = 60.0
INDOORS = 0.4


@dataclass(frozen=True)
class Taken:
    """One photo of a made album: its descriptor, its time, and where it was taken."""

    descriptor: npt.NDArray[np.float32]
    time_s: float
    position: Position


def albums(photos: Sequence[Truth], rows: Rows, indoors: Rows, seed: int) -> Iterator[list[Taken]]:
    """Walks from point to point with a photo about once a minute, in any direction; some show the inside of a house."""
    rng = np.random.default_rng(seed)
    plane = Plane(photos[0].position)
    xy = plane.to_xy_m([p.position.lat for p in photos], [p.position.lon for p in photos])
    for _ in range(30):
        at = xy[rng.integers(len(xy))]
        heading, time_s, album = rng.uniform(0, 2 * np.pi), 0.0, []
        for _ in range(int(rng.integers(4, 12))):
            gap_s = float(np.clip(rng.exponential(GAPS_S), 3, 280))
            goal = at + WALK_MPS * gap_s * np.array([np.sin(heading), np.cos(heading)])
            near = int(np.argmin(((xy - goal) ** 2).sum(axis=1)))
            same = np.flatnonzero(((xy - xy[near]) ** 2).sum(axis=1) < 1)
            near = int(rng.choice(same))
            time_s += max(gap_s, float(np.hypot(*(xy[near] - at))) / 2.0)
            at, heading = xy[near], heading + rng.normal(0, 0.7)
            descriptor = indoors[rng.integers(len(indoors))] if rng.random() < INDOORS else rows[near]
            album.append(Taken(descriptor, time_s, photos[near].position))
        yield album


def reliability(data: Path) -> None:
    photos = cambridge(data, "train", "map")
    rows = described("geotag-cambridge-train", [each.file for each in photos])
    indoors = described("geotag-indoors", sorted((data / "indoor_walk").rglob("*.jpg"))[::4])
    points = sorted({(p.position.lat, p.position.lon) for p in photos})
    rng = np.random.default_rng(1)
    for share in (1.0, 0.5, 0.2):
        chosen = {points[i] for i in rng.permutation(len(points))[: len(points) // 2]}
        asked = [i for i, p in enumerate(photos) if (p.position.lat, p.position.lon) not in chosen]
        of_map = [i for i in range(len(photos)) if i not in set(asked)]
        # One photo for each place, in any direction: an album, not a survey.
        of_map = sorted(rng.permutation(of_map)[: int(share * len(of_map) / 2)].tolist())
        with tempfile.TemporaryDirectory() as folder:
            path = made_map(
                Path(folder) / "m.map", rows[of_map], [photos[i].position for i in of_map],
                [photos[i].heading_deg for i in of_map],
            )  # fmt: skip
            with Map.open(path) as city:
                for temper in (0.5, 0.75, 1.0, 1.5, 2.0):
                    _said(city, [photos[i] for i in asked], rows[asked], indoors, temper, len(of_map))


def _said(  # noqa: PLR0913  what varies
    city: Map, photos: Sequence[Truth], rows: Rows, indoors: Rows, temper: float, count: int
) -> None:
    mode, context = MODES["walk"], city.tracking
    places = context.places(mode)
    radius_m, model = radius_of(places), replace(context.model, temper=temper)
    said, right = [], []
    for album in albums(photos, rows, indoors, 3):
        sights = [context.sight(each.descriptor, places)[0] for each in album]
        path = smoothed(sights, [each.time_s for each in album], places, mode, model, radius_m)
        for each, answer in zip(album, path, strict=True):
            said.append(answer.probability)
            error_m = np.inf if answer.place is None else distance_m(Position(answer.lat, answer.lon), each.position)
            right.append(error_m <= radius_m)
    probability, correct = np.array(said), np.array(right)
    bins = [(0.3, 0.5), (0.5, 0.7), (0.7, 0.8), (0.8, 0.9), (0.9, 0.95), (0.95, 1.01)]
    masks = [(low, (probability >= low) & (probability < high)) for low, high in bins]
    text = ", ".join(f"{low:.2f}: {correct[m].sum()} of {m.sum()}" for low, m in masks if m.any())
    print(f"{count} photos, radius {radius_m:.0f} m, weight {temper}: right from {text}", flush=True)


def phone(data: Path) -> None:
    """Every other phone photo is the map; the others lose their position and are asked."""
    truth = {each.id: each for each in open_sources(data / "ingest" / "phone_photos") if isinstance(each, Photo)}
    files = sorted(Path(each.source) for each in truth.values())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("map", "album"):
            (folder / part).mkdir()
        for i, file in enumerate(files):
            if i % 2 == 0:
                shutil.copy(file, folder / "map")
            else:
                piexif.insert(_without_gps(file), str(file), str(folder / "album" / file.name))
        with Map.build(folder / "home.map", folder / "map") as city, city.geotag(folder / "album") as plan:
            found = list(plan)
    placed = [each for each in found if each.state == "placed"]
    errors = [distance_m(each.tag.position, truth[each.id].position) for each in placed if each.tag is not None]
    right = sum(e <= (p.tag.position.radius_m or 0) for e, p in zip(errors, placed, strict=True) if p.tag is not None)
    print(f"{len(found)} photos: {len(placed)} placed, {right} of them within their radius; errors in metres:")
    print(" ".join(f"{error:.0f}" for error in sorted(errors)))


def _without_gps(file: Path) -> bytes:
    exif = piexif.load(str(file))
    return piexif.dump({"Exif": {k: v for k, v in exif["Exif"].items() if k == piexif.ExifIFD.DateTimeOriginal}})


def timed(data: Path, count: int) -> None:
    """Write the positions of so many pictures of 12 megapixels, and of a tenth of them; kill the long run once."""
    photos = cambridge(data, "train", "map")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
        (folder / "map").mkdir()
        for each in photos[::6]:
            shutil.copy(each.file, folder / "map")
        Map.build(folder / "home.map", folder / "map").close()
        for part, number in (("tenth", count // 10), ("whole", count)):
            _album(folder / part, [each.file for each in photos[1::2]], number)
        command = [sys.executable, "-m", "viewfix", "geotag", str(folder / "home.map")]
        print("a tenth:", _run([*command, str(folder / "tenth")]))
        killed = subprocess.Popen([*command, str(folder / "whole")])
        time.sleep(30)
        killed.kill()
        killed.wait()
        print("the whole, after a kill in its 30th second:", _run([*command, str(folder / "whole")]))
        before = _run([*command[:4], "--undo", str(folder / "whole")])
        print("undo:", before)
        shutil.rmtree(folder / "cache")
        print("the whole, without a kill:", _run([*command, str(folder / "whole")]))


def _album(folder: Path, files: Sequence[Path], count: int) -> None:
    """Pictures as a phone takes them: 4000 x 3000 pixels, a minute apart."""
    folder.mkdir()
    began = datetime(2026, 5, 1, 8, 0)
    for n in range(count):
        if n < 100:
            picture = Image.open(files[n * len(files) // 100]).resize((4000, 3000))
            picture.save(folder / f"{n:05d}.jpg", quality=80)
            stamped = folder / f"{n:05d}.jpg"
        else:
            stamped = Path(shutil.copy(folder / f"{n % 100:05d}.jpg", folder / f"{n:05d}.jpg"))
        at = (began + timedelta(minutes=n)).strftime("%Y:%m:%d %H:%M:%S").encode()
        piexif.insert(piexif.dump({"Exif": {piexif.ExifIFD.DateTimeOriginal: at}}), str(stamped))


def _run(command: Sequence[str]) -> str:
    """Run a command; what it said last, its seconds by the clock and of the processor, and its most memory."""
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = process.stdout.read().splitlines()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    cpu_s = used.ru_utime + used.ru_stime
    wall_s = time.monotonic() - began
    return f"{wall_s:.0f} s, {cpu_s:.0f} s of processor, {used.ru_maxrss / 1024:.0f} MB; {'; '.join(said)[:200]}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--phone", action="store_true")
    parser.add_argument("--time", type=int, metavar="PHOTOS")
    asked = parser.parse_args()
    if asked.phone:
        phone(asked.data)
    elif asked.time:
        timed(asked.data, asked.time)
    else:
        reliability(asked.data)
