"""`kill -9` in the middle of a write: the map opens, the same command continues, and nothing differs at the end."""

import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from test_map import rows_of

from viewfix.cli import run
from viewfix.store.store import Store

BUILD = """
import sys, time
from viewfix import cli
from viewfix.embed import ingest
from viewfix.store.sqlite import write

ingest.BATCH = 2  # so that a small build has many moments to die in
put = write.put

def announced(connection, records, halves):
    rows = put(connection, records, halves)
    print("writing", flush=True)
    time.sleep(0.2)  # within the transaction
    return rows

write.put = announced
cli.main(sys.argv[1:])
"""
KILLS = 6


def kill_while_writing(path: Path, street: Path, batches: int) -> bool:
    """Start a build and kill it while it writes its n-th batch; whether it had come that far."""
    command = [sys.executable, "-c", BUILD, "build", str(path), str(street)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            batches -= line == "writing\n"
            if not batches:
                break
        process.kill()
    return not batches


def test_a_build_that_is_killed_while_it_writes_goes_on_and_ends_the_same(
    street: Path, real_map: Path, tmp_path: Path
) -> None:
    rng, path, expected = random.Random(0), tmp_path / "killed.map", rows_of(real_map)
    committed, in_a_write = 0, 0
    for _ in range(KILLS):
        batches = rng.randint(1, 2)
        if not kill_while_writing(path, street, batches):
            break  # it was complete before
        in_a_write += 1
        committed += 2 * (batches - 1)
        so_far = rows_of(path)
        assert len(so_far) == committed, "the batches before are there, and nothing of the one that was being written"
        assert all(expected[key] == value for key, value in so_far.items())
    assert in_a_write > KILLS / 2 and 0 < committed < len(expected)
    assert run(["build", str(path), str(street), "-q"]) == 0
    assert rows_of(path) == expected


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
