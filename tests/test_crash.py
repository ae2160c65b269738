"""`kill -9` in the middle of a build: the map opens, the same command goes on, and nothing differs in the end."""

import random
import subprocess
import sys
import time
from pathlib import Path

from test_map import rows_of

from viewfix.cli import run


def test_a_build_that_is_killed_goes_on_and_ends_the_same(street: Path, real_map: Path, tmp_path: Path) -> None:
    rng, path = random.Random(0), tmp_path / "killed.map"
    # A batch of two, so that a small build has many moments to die in.
    args = ["build", str(path), str(street)]
    command = f"from viewfix import cli, ingest; ingest.BATCH = 2; cli.main({args})"
    for _ in range(6):
        process = subprocess.Popen(
            [sys.executable, "-c", command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(rng.uniform(0.3, 1.0))
        process.kill()
        process.wait()
        if path.exists():
            so_far = rows_of(path)
            expected = rows_of(real_map)
            assert all(expected[key] == value for key, value in so_far.items())
    assert run(["build", str(path), str(street), "-q"]) == 0
    assert rows_of(path) == rows_of(real_map)
