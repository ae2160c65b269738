"""`kill -9` a build at random moments: the map must open every time, continue, and end up identical."""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from truth import DATA

from viewfix.errors import NotAMap
from viewfix.store.store import Store


def contents(path: Path) -> dict[str, tuple[str, bytes]]:
    """The contents of a map: id to record and descriptor."""
    with Store.open(path) as store:
        known = store.known(store.ids())
        return {
            record.photo.id: (repr(record), np.asarray(descriptor).tobytes())
            for rows, halves in store.iter_descriptors()
            for record, descriptor in zip((known[p.id] for p in store.photos(rows)), halves, strict=True)
        }


def build(path: Path, photos: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "viewfix", "build", str(path), str(photos)], stdout=subprocess.DEVNULL
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--photos", type=int, default=500)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    rng = random.Random(given.seed)
    source = sorted((given.data / "cambridge" / "train" / "map").glob("*.jpg"))[: given.photos]
    if len(source) < given.photos:
        sys.exit(f"There are {len(source)} photos below {given.data}, but {given.photos} are wanted. Name --data.")
    with tempfile.TemporaryDirectory() as folder:
        photos = Path(folder) / "photos"
        photos.mkdir()
        for file in source:
            (photos / file.name).symlink_to(file)
        calm = Path(folder) / "calm.map"
        started = time.perf_counter()
        assert build(calm, photos).wait() == 0
        whole_s = time.perf_counter() - started
        expected = contents(calm)
        print(f"undisturbed: {len(expected)} photos in {whole_s:.1f} s")

        killed, in_the_middle, path = 0, 0, Path(folder) / "killed.map"
        while killed < given.kills:
            before = count(path)
            process = build(path, photos)
            while process.poll() is None and count(path) <= before:  # the model is loaded, the first photos are read
                time.sleep(0.02)
            time.sleep(rng.uniform(0.0, whole_s * 0.2))
            running = process.poll() is None
            process.kill()
            process.wait()
            killed += running
            so_far = contents(path)
            assert all(expected[key] == value for key, value in so_far.items()), "a record differs"
            in_the_middle += running and before < len(so_far) < len(expected)
            print(f"kill {killed}: {before} photos before, {len(so_far)} after")
            if len(so_far) == len(expected):
                same(path, photos, expected)
                path.unlink()
        if path.exists():
            same(path, photos, expected)
        print(f"{killed} kills, {in_the_middle} of them after rows were committed and before all were")
        print("every final map equals the undisturbed one")
        assert in_the_middle > killed / 2, "most kills must land in the middle of the writing"


def count(path: Path) -> int:
    """The number of committed photos."""
    try:
        with Store.open(path) as store:
            return len(store)
    except NotAMap:
        return 0


def same(path: Path, photos: Path, expected: dict[str, tuple[str, bytes]]) -> None:
    assert build(path, photos).wait() == 0
    assert contents(path) == expected, "the final map differs from an undisturbed one"


if __name__ == "__main__":
    main()
