"""The index of a map is checked, extended and rebuilt in the background, while searches go on and stay right."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import filelock
import numpy as np
import pytest
from test_index_file import LISTS, files
from test_search import COUNT, TOY, check, indexed, lists, looks, records, sketches

from viewfix.geo import Circle
from viewfix.search import background, blocks, index_builder, index_file, maintainer, manifest
from viewfix.search.sketches import Sketcher
from viewfix.store.store import Store

NEARBY = Circle(-17, 180, 8_000)
MORE = 300  # photos that come later: more than are compared one by one


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A map with its index."""
    path = tmp_path_factory.mktemp("kept") / "fiji.map"
    with Store.create(path, TOY) as store:
        store.put(records(COUNT), looks(COUNT, 0))
        lists(store).close()
    return path


@pytest.fixture
def path(made, tmp_path) -> Path:
    shutil.copytree(index_file.folder_of(made), index_file.folder_of(tmp_path / made.name))
    return Path(shutil.copy(made, tmp_path))


@pytest.fixture
def store(path):
    with Store.open(path, write=True) as found:
        yield found


def grow(store: Store, seed: int = 3) -> None:
    store.put(records(MORE, seed, f"{seed} "), looks(MORE, seed))


class Gate:
    """Holds up the building of an index: `reached` is set when it has begun, and setting `open` lets it go on."""

    def __init__(self, monkeypatch) -> None:
        self.reached, self.open, whole = threading.Event(), threading.Event(), index_builder.extend

        def extend(store, old, options):
            if isinstance(options.blocks, blocks.FolderBlocks):
                self.reached.set()
                while not self.open.wait(0.01):
                    options.check_stopped()
            return whole(store, old, options)

        monkeypatch.setattr(index_builder, "extend", extend)


@pytest.fixture
def gate(monkeypatch) -> Gate:
    return Gate(monkeypatch)


@pytest.fixture
def far(monkeypatch):
    """Small blocks of which few are checked, as in the index of a large map."""
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 1024)
    monkeypatch.setattr(manifest, "BLOCK_BYTES", 1024)
    monkeypatch.setattr(index_file, "CHECKED_BLOCKS", 6)
    monkeypatch.setattr(maintainer, "CHECK_AFTER_S", 0.0)


def file_of(path: Path, part: str) -> Path:
    [found] = [each for each in index_file.folder_of(path).iterdir() if each.name.split("-")[0] == part]
    return found


def harm(path: Path, part: str, how: str = "flip") -> None:
    content = bytearray(file_of(path, part).read_bytes())
    middle = len(content) // 2
    if how == "flip":
        content[middle : middle + 64] = bytes(each ^ 0xFF for each in content[middle : middle + 64])
    else:
        del content[middle:]
    file_of(path, part).write_bytes(content)


# New photos are merged in the background


@pytest.mark.parametrize("region", [None, NEARBY])
def test_the_old_index_answers_while_a_new_one_is_built(store, gate, region):
    search = lists(store)
    old = search._live.main
    grow(store)
    search.refresh()
    assert gate.reached.wait(10)
    check(search, store, region=region)
    grow(store, 4)
    store.remove([str(i) for i in range(0, COUNT, 3)])
    check(search, store, region=region)
    assert search._live.main is old and len(search._live._snapshot.recent.sketches) > MORE
    gate.open.set()
    search.settle()
    assert len(search._live.main.sketches) == len(store) == len(search._live.main.lists)
    assert search._live._snapshot.recent is None
    check(search, store, region=region)


def test_a_reader_merges_photos_that_no_writer_has_merged(store, path):
    grow(store)
    with Store.open(path) as reader:
        search = lists(reader)
        check(search, reader)
        search.settle()
        assert len(search._live.main.sketches) == COUNT + MORE
    with lists(store) as second:
        assert len(second._live.main.sketches) == COUNT + MORE, "and the new index is on disk"


def test_a_query_does_not_wait_for_the_index_of_a_map_that_has_grown(tmp_path, gate):
    with Store.create(tmp_path / "x.map", TOY) as store:
        search = lists(store)
        store.put(records(COUNT), looks(COUNT, 0))
        check(search, store)
        search.refresh()
        assert gate.reached.wait(10)
        check(search, store)
        gate.open.set()
        search.settle()
        assert search._live.main.lists is not None
        check(search, store)


def test_an_index_that_another_process_extended_is_adopted(store, path, monkeypatch):
    with Store.open(path) as reader:
        search = lists(reader)
        check(search, reader)
        grow(store)
        with lists(store) as writer:
            writer.refresh()
        monkeypatch.setattr(index_builder, "extend", lambda *_: pytest.fail("there was one already"))
        check(search, reader)
        assert len(search._live.main.sketches) == COUNT + MORE and search._live._snapshot.recent is None


def test_photos_that_were_replaced_are_not_sketched(tmp_path):
    with Store.create(tmp_path / "x.map", TOY) as store:
        search = sketches(store)
        for seed in range(4):
            store.put(records(90, seed), looks(90, seed))  # each time other pixels under the same ids
            check(search, store, least=1.0)
        assert search._live._snapshot.indexes == []


def test_threads_search_while_indexes_are_replaced(store):
    search, wrong = lists(store), []
    query, done = looks(1, 77)[0], threading.Event()

    def ask():
        try:
            while not done.is_set():
                rows, similarities = search.nearest(query, 5)
                if len(set(rows.tolist())) != 5 or (np.diff(similarities) > 0).any():
                    wrong.append(rows)
        except Exception as error:  # a thread must report whatever happened
            wrong.append(error)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for seed in range(5):
        grow(store, 10 + seed)
        store.remove([f"{10 + seed} {i}" for i in range(40)])
        search.refresh()
        time.sleep(0.05)
    search.settle()
    done.set()
    for thread in threads:
        thread.join()
    assert not wrong
    check(search, store)


# Closing, kills and full disks


def test_a_reader_abandons_its_build_when_it_closes(store, path, monkeypatch):
    """Here a real build, slowed down, is abandoned halfway; the other tests hold it up at the start."""
    slow = Sketcher.sketch
    monkeypatch.setattr(index_builder, "_READ", 10)
    search, before, begun = lists(store), files(path), threading.Event()
    grow(store)

    def sketch(self, units):
        if threading.current_thread() is not threading.main_thread():
            begun.set()
            time.sleep(0.2)
        return slow(self, units)

    monkeypatch.setattr(Sketcher, "sketch", sketch)
    check(search, store)
    assert begun.wait(10)
    started = time.monotonic()
    search.close()
    assert time.monotonic() - started < 3, "it would have taken 6 s"
    assert files(path) == before


def test_a_writer_finishes_its_build_when_it_closes_and_reports_progress(store, path, gate):
    said: list[str] = []
    search = indexed(store, lists_from=300, progress=lambda stage, *_: said.append(stage))
    grow(store)
    search.refresh()
    assert gate.reached.wait(10) and not said, "no progress is reported while no caller waits"
    threading.Timer(0.2, gate.open.set).start()
    search.close()
    assert "indexing" in said
    with lists(store) as second:
        assert len(second._live.main.sketches) == COUNT + MORE


KILLED = """
import sys, threading, time
from pathlib import Path
from viewfix.search import blocks, index_builder
from viewfix.search.indexed import IndexedSearch
from viewfix.store.store import Store
whole = blocks.FolderBlocks.writer
def writer(self, kind):
    if kind == sys.argv[2]:
        print("there", flush=True)
        there.set()
        while True:
            time.sleep(0.01)
            seen[0].check_stopped()
    return whole(self, kind)
seen, extend, there = [], index_builder.extend, threading.Event()
index_builder.extend = lambda store, old, each: (seen.append(each), extend(store, old, each))[1]
blocks.FolderBlocks.writer = writer
store = Store.open(sys.argv[1], write=True)
search = IndexedSearch(store, Path(sys.argv[1] + ".index"), exact_below=100, lists_from=300)
search.refresh()
there.wait(20)
time.sleep(float(sys.argv[3]))
"""


@pytest.mark.parametrize("part", ["fresh", "codes", "projection"])
def test_a_kill_during_a_build_loses_nothing(store, path, part):
    grow(store)
    store.close()
    before = files(path)
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(path), part, "60"], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"there\n"
    process.kill()
    process.communicate(timeout=10)
    assert files(path).items() > before.items() or part == "fresh"
    with Store.open(path, write=True) as again:
        search = lists(again)  # notices would fail it
        check(search, again)
        search.settle()
        check(search, again)
    assert {name.split("-")[0] for name in files(path)} == {"current.json", "projection", "places", "codes", *LISTS}
    assert len(files(path)) == len(before), "what it left behind is deleted"


def test_a_program_that_does_not_close_its_map_still_ends(store, path):
    grow(store)
    store.close()
    started = time.monotonic()
    process = subprocess.run([sys.executable, "-c", KILLED, str(path), "codes", "0"], capture_output=True, timeout=30)
    assert process.returncode == 0 and process.stdout == b"there\n", process.stderr
    assert time.monotonic() - started < 15


def test_one_process_at_a_time_builds_the_index_and_the_others_answer(store, path):
    search = lists(store)
    grow(store)
    with filelock.FileLock(index_file.folder_of(path) / "lock", thread_local=False):
        search.refresh()
        check(search, store)
        assert len(search._live.main.sketches) == COUNT
    search.settle()
    assert len(search._live.main.sketches) == COUNT + MORE


def test_on_a_full_disk_the_old_index_stays_in_use(store, path, monkeypatch):
    notices: list[str] = []
    search, before = lists(store, notices.append), files(path)
    grow(store)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    search.refresh()
    search.settle()
    check(search, store)
    grow(store, 4)
    search.refresh()
    search.settle()
    check(search, store)
    assert len(notices) == 1 and "stays in use" in notices[0] and "No space left" in notices[0]
    assert files(path) == before
    monkeypatch.undo()
    monkeypatch.setattr(maintainer.time, "monotonic", lambda: time.time() + 1e9)
    search.refresh()
    search.settle()
    assert len(search._live.main.sketches) == len(store), "it is tried again later"


def test_the_store_may_be_closed_before_the_search(store, path, gate):
    with Store.open(path) as reader:
        search = lists(reader)
        grow(store)
        search.refresh()
        assert gate.reached.wait(10)
    gate.open.set()
    search.close()


def test_work_is_not_started_after_stop():
    worker, done = background.Background(), []
    worker.start(lambda: done.append(1))
    worker.wait()
    worker.stop()
    worker.start(lambda: done.append(2))
    assert done == [1]


# A large index is sampled before it is used, and read completely in the background


def test_a_large_index_without_damage_is_used_and_kept(path, far, monkeypatch):
    with Store.open(path, write=True) as store:
        index_file.folder_of(path).joinpath("current.json").unlink()
        lists(store).close()
        before, read = files(path), []
        whole = index_file.blocks_match
        monkeypatch.setattr(index_file, "blocks_match", lambda *given: (read.append(len(given[2])), whole(*given))[1])
        with lists(store) as search:
            blocks = sum(len(content) for content in before.values()) // 1024
            assert 0 < sum(read[:6]) < blocks // 2, "opening read only a part of it"
            search.settle()
            assert sum(read) > blocks - 50, "and then all of it was read"
            check(search, store)
        assert files(path) == before


@pytest.mark.parametrize("part", ["places", "codes", "lists"])
@pytest.mark.parametrize("region", [None, NEARBY])
def test_damage_that_the_sample_missed_is_found_in_the_background_and_repaired(path, far, gate, part, region):
    notices: list[str] = []
    with Store.open(path, write=True) as store:
        index_file.folder_of(path).joinpath("current.json").unlink()
        gate.open.set()
        lists(store).close()
        gate.open.clear()
        gate.reached.clear()
        harm(path, part)
        search = lists(store, notices.append)
        assert gate.reached.wait(10)
        assert len(notices) == 1 and f"{part}-" in notices[0] and "Rebuilding the search index" in notices[0]
        check(search, store, region=region, least=0.9)  # a few of those whose sketches were hit are missed
        gate.open.set()
        search.settle()
        check(search, store, region=region)
        with lists(store) as second:
            second.settle()
            check(second, store, region=region)


def test_positions_are_taken_from_the_store_while_the_index_is_damaged(path, far, gate):
    with Store.open(path, write=True) as store:
        index_file.folder_of(path).joinpath("current.json").unlink()
        gate.open.set()
        lists(store).close()
        gate.open.clear()
        content = np.fromfile(file_of(path, "places"), np.float64).reshape(4, COUNT)
        content[1:3, 300:-300] = [[-17.0], [180.0]]  # half of them are said to be in the middle of the circle
        content[0] = np.sort(content[0])
        content.tofile(file_of(path, "places"))
        search = lists(store, lambda _: None)
        until = time.monotonic() + 10
        while not search._live._snapshot.damaged and time.monotonic() < until:
            time.sleep(0.01)
        inside = set(store.rows_in(NEARBY).tolist())
        for query in looks(20, seed=77):
            assert set(search.nearest(query, 10, NEARBY)[0].tolist()) <= inside
        gate.open.set()
        search.close()


@pytest.mark.parametrize("wrote", [False, True])
def test_a_search_that_is_closed_early_does_not_wait_for_the_check(path, far, monkeypatch, wrote):
    monkeypatch.setattr(maintainer, "CHECK_AFTER_S", 60.0)
    monkeypatch.setattr(index_file, "damage", lambda *_: pytest.fail("it was read completely"))
    with Store.open(path, write=True) as store:
        index_file.folder_of(path).joinpath("current.json").unlink()
        lists(store).close()
        started = time.monotonic()
        with lists(store) as search:
            store.put(records(20, 3, "few "), looks(20, 3))
            check(search, store)
            if wrote:
                search.refresh()
        assert time.monotonic() - started < 5


@pytest.mark.parametrize("part", ["projection", "places", "codes", *LISTS])
def test_a_large_index_with_a_truncated_file_is_never_opened(path, far, monkeypatch, part):
    notices: list[str] = []
    with Store.open(path, write=True) as store:
        index_file.folder_of(path).joinpath("current.json").unlink()
        lists(store).close()
        harm(path, part, "cut")
        old = file_of(path, part).name
        opened = []
        mapped = index_file.map_file
        monkeypatch.setattr(index_file, "map_file", lambda file: (opened.append(file.name), mapped(file))[1])
        check(lists(store, notices.append), store)
    assert len(notices) == 1 and "Rebuilding the search index" in notices[0]
    assert old not in opened


def test_recent_rows_are_sketched_once(store, monkeypatch):
    monkeypatch.setattr(maintainer.IndexMaintainer, "check", lambda *_, **__: None)
    search, calls, whole = lists(store), [], index_builder.extend
    monkeypatch.setattr(index_builder, "extend", lambda *given: (calls.append(1), whole(*given))[1])
    for seed in range(4):
        grow(store, seed + 3)
        check(search, store)
        check(search, store, region=NEARBY)
    assert len(calls) == 4 and len(search._live._snapshot.recent.sketches) == 4 * MORE
