"""`kill -9` at random moments of a build: the map must open every time, go on, and end as if nothing had happened."""

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

from viewfix.store.store import Store


def contents(path: Path) -> dict[str, tuple[str, bytes]]:
    """Everything of a map that matters: id to record and descriptor."""
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

        killed, opened, path = 0, 0, Path(folder) / "killed.map"
        while killed < given.kills:
            # Over the whole of a build that starts anew each time it has come to its end.
            process = build(path, photos)
            time.sleep(rng.uniform(0.0, whole_s * 0.6))
            if process.poll() is None:
                process.kill()
                killed += 1
            process.wait()
            if path.exists():
                so_far = contents(path)
                opened += 1
                assert all(expected[key] == value for key, value in so_far.items()), "a record differs"
                print(f"kill {killed}: opened, {len(so_far)} photos")
                if len(so_far) == len(expected):
                    same(path, photos, expected)
                    path.unlink()
            else:
                print(f"kill {killed}: before the map was made")
        same(path, photos, expected)
        print(f"{killed} kills, the map opened {opened} times, every final map equals the undisturbed one")


def same(path: Path, photos: Path, expected: dict[str, tuple[str, bytes]]) -> None:
    assert build(path, photos).wait() == 0
    assert contents(path) == expected, "the final map differs from an undisturbed one"


if __name__ == "__main__":
    main()
