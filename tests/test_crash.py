"""`kill -9` in the middle of a build: the map opens, the same command goes on, and nothing differs in the end."""

import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from test_map import rows_of

from viewfix.cli import run
from viewfix.store.store import Store


def test_a_build_that_is_killed_goes_on_and_ends_the_same(street: Path, real_map: Path, tmp_path: Path) -> None:
    rng, path = random.Random(0), tmp_path / "killed.map"
    # A batch of two, so that a small build has many moments to die in.
    args = ["build", str(path), str(street)]
    command = f"from viewfix import cli; from viewfix.embed import ingest; ingest.BATCH = 2; cli.main({args})"
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


HALF_WRITTEN = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size = 1")  # so that pages reach the file before the commit
connection.execute("BEGIN IMMEDIATE")
connection.execute("UPDATE local_features SET features = zeroblob(35000), bytes = 7")
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_a_query_that_is_killed_while_it_keeps_features_leaves_the_map_as_it_was(
    street: Path, real_map: Path, tmp_path: Path
) -> None:
    path = Path(shutil.copy(real_map, tmp_path / "killed.map"))
    with Store.open(path) as store:
        cache = store.local_features("one")
        ids = [(record.photo.id, record.content_hash) for record in store.records()]
        assert cache.keep({identity: identity[0].encode() * 4000 for identity in ids})
        kept = cache.load(ids)
    assert len(kept) == len(ids)
    subprocess.run([sys.executable, "-c", HALF_WRITTEN, str(path)], check=False)
    journal = path.with_name("killed.map-journal")
    assert journal.stat().st_size
    with Store.open(path) as store:
        assert store.local_features("one").load(ids) == kept
    assert not journal.exists()
    assert rows_of(path) == rows_of(real_map)
