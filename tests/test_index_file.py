"""The index beside a map: built once, used only if everything in it fits, rebuilt if not, on Windows too."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_search import COUNT, TOY, check, indexed, lists, looks, records, sketches

from viewfix.geo import Circle
from viewfix.search import blocks, index_builder, index_file, maintainer, manifest
from viewfix.search.open import open_search
from viewfix.store.store import Store

LISTS = ("centroids", "sizes", "lists")


def files(path: Path) -> dict[str, bytes]:
    folder = index_file.folder_of(path)
    return {each.name: each.read_bytes() for each in folder.iterdir() if each.name != "lock"}


NEARBY = Circle(-17, 180, 8_000)
Change = Callable[[Any], Any]


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A map of 1,200 photos with an index that has inverted lists."""
    path = tmp_path_factory.mktemp("indexed") / "fiji.map"
    with Store.create(path, TOY) as store:
        store.put(records(COUNT), looks(COUNT, 0))
        lists(store).close()
    return path


@pytest.fixture
def path(made, tmp_path) -> Path:
    shutil.copytree(index_file.folder_of(made), index_file.folder_of(tmp_path / made.name))
    return Path(shutil.copy(made, tmp_path))


@pytest.fixture
def sampled(monkeypatch) -> None:
    """Small blocks of which few are checked, as in the index of a large map."""
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 1024)
    monkeypatch.setattr(manifest, "BLOCK_BYTES", 1024)
    monkeypatch.setattr(index_file, "CHECKED_BLOCKS", 6)
    monkeypatch.setattr(maintainer, "CHECK_AFTER_S", 0.0)


@pytest.fixture
def plain(tmp_path) -> Path:
    """The same map without an index."""
    with Store.create(tmp_path / "plain.map", TOY) as store:
        store.put(records(COUNT), looks(COUNT, 0))
    return tmp_path / "plain.map"


@pytest.fixture
def store(plain):
    with Store.open(plain, write=True) as found:
        yield found


def test_a_small_map_gets_no_index(store, plain):
    open_search(store).refresh()
    assert not index_file.folder_of(plain).exists()


def test_an_index_is_built_once_and_then_used(store, plain, monkeypatch):
    check(lists(store), store)
    before = files(plain)
    assert {name.split("-")[0] for name in before} == {"current.json", "projection", "places", "codes", *LISTS}
    monkeypatch.setattr(index_builder, "extend", lambda *_: pytest.fail("there was one already"))
    check(lists(store), store)
    assert files(plain) == before


def test_building_an_index_reports_progress(store):
    said: list[tuple[str, int, int | None]] = []
    sketches(store, progress=lambda *what: said.append(what))
    assert said[-1] == ("indexing", COUNT, COUNT)


@pytest.mark.parametrize("part", ["current.json", "projection", "places", "codes", *LISTS])
@pytest.mark.parametrize("harm", ["cut", "flip", "gone", "noise"])
def test_a_damaged_index_is_rebuilt(store, plain, part, harm):
    lists(store).close()
    [victim] = [each for each in index_file.folder_of(plain).iterdir() if each.name.split("-")[0] == part]
    content = bytearray(victim.read_bytes())
    if harm == "gone":
        victim.unlink()
    elif harm == "flip":
        content[len(content) // 2] ^= 0x80
        victim.write_bytes(content)
    else:
        victim.write_bytes(content[: len(content) // 2] if harm == "cut" else b"\x00\xff" * 500)
    notices: list[str] = []
    check(lists(store, notices.append), store)
    assert len(notices) == (0 if (part, harm) == ("current.json", "gone") else 1), notices
    assert all("Rebuilding the search index of " in notice and "\n" not in notice for notice in notices)
    check(lists(store), store)


@pytest.mark.parametrize("stamp", ["[]", "{}", "null", '{"format": 1}', '{"format": 2}', "{"])
def test_a_strange_manifest_is_a_damaged_index(store, plain, stamp):
    sketches(store).close()
    (index_file.folder_of(plain) / "current.json").write_text(stamp)
    notices: list[str] = []
    check(sketches(store, notices.append), store)
    assert len(notices) == 1


def test_an_index_that_a_killed_process_left_half_written_is_never_used(store, plain):
    sketches(store).close()
    before = files(plain)
    folder = index_file.folder_of(plain)
    (folder / "places-000000000000").write_bytes(b"half")
    (folder / "current-000000000000").write_text("{")
    check(sketches(store), store)
    store.put(records(300, 3, "more "), looks(300, 3))
    with sketches(store) as search:
        search.refresh()
    assert len(files(plain)) == len(before), "and the next build deletes it"


def test_the_index_of_another_map_is_not_used(store, plain, tmp_path):
    sketches(store).close()
    other = tmp_path / "other.map"
    with Store.create(other, TOY) as second:
        second.put(records(COUNT), looks(COUNT, 9))
        shutil.copytree(index_file.folder_of(plain), index_file.folder_of(other))
        notices: list[str] = []
        check(sketches(second, notices.append), second)
    assert "belongs to another map" in notices[0]


def test_a_map_restored_from_a_copy_does_not_use_an_index_of_its_later_state(plain, tmp_path):
    backup = Path(shutil.copy(plain, tmp_path / "backup"))
    with Store.open(plain, write=True) as store:
        store.put(records(200, 1, "then "), looks(200, 1))
        sketches(store).close()
    shutil.copy(backup, plain)
    with Store.open(plain, write=True) as store:
        store.put(records(300, 2, "now "), looks(300, 2))  # the same rows, other photos
        notices: list[str] = []
        check(sketches(store, notices.append), store)
    assert "restored from a copy" in notices[0]


def test_a_few_new_photos_are_merged_into_the_index_only_when_there_are_many(store, plain):
    search = sketches(store)
    before = files(plain)
    store.put(records(90, 3, "few "), looks(90, 3))
    search.refresh()
    check(search, store)
    assert files(plain) == before
    store.put(records(90, 4, "more "), looks(90, 4))
    search.refresh()
    search.settle()
    check(search, store)
    [stamp] = [json.loads(content) for name, content in files(plain).items() if name == "current.json"]
    assert stamp["version"]["last_row"] == store.version.last_row


def test_new_photos_are_added_to_the_lists_without_new_training(store):
    search = lists(store)
    middles = search._live.main.lists.centroids
    store.put(records(300, 3, "more "), looks(300, 3))
    search.refresh()
    search.settle()
    assert len(search._live.main.lists) == COUNT + 300
    np.testing.assert_array_equal(search._live.main.lists.centroids, middles)
    check(search, store)
    store.put(records(COUNT, 4, "twice "), looks(COUNT, 4))
    search.refresh()
    search.settle()
    assert search._live.main.trained_on == 2 * COUNT + 300, "more than twice as many photos are trained again"
    check(search, store)


def test_the_index_is_rebuilt_when_many_photos_were_removed(store):
    search = sketches(store)
    store.remove([str(i) for i in range(300)])
    assert len(search._live.main.sketches) == COUNT
    search.refresh()
    search.settle()
    assert len(search._live.main.sketches) == COUNT - 300
    check(search, store)


def test_a_growing_map_gets_an_index_when_the_search_is_refreshed(tmp_path):
    with Store.create(tmp_path / "x.map", TOY) as store:
        search = lists(store)
        store.put(records(90), looks(90, 0))
        search.refresh()
        search.settle()
        assert search._live.main is None
        store.put(records(400, 1, "b"), looks(400, 1))
        search.refresh()
        search.settle()
        assert search._live.main is not None
        check(search, store)


def test_a_reader_does_not_wait_for_a_writer_to_close(store, plain):
    with Store.open(plain) as reader:
        search = sketches(reader)
        store.put(records(50, 3, "new "), looks(50, 3))
        check(search, reader)
        with Store.open(plain) as second:
            check(sketches(second), second)


@pytest.mark.parametrize("failing", ["pathlib.Path.mkdir", "os.fsync", "pathlib.Path.replace"])
def test_the_index_stays_in_memory_if_nothing_can_be_written(store, plain, monkeypatch, failing):
    def fails(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(failing, fails)
    notices: list[str] = []
    check(lists(store, notices.append), store)
    assert len(notices) == 1 and "stays in memory" in notices[0] and "No space left" in notices[0]
    if index_file.folder_of(plain).exists():
        assert files(plain) == {}, "and no half-written file stays behind"


def test_notices_go_to_the_log_by_default(store, plain, caplog):
    sketches(store).close()
    (index_file.folder_of(plain) / "current.json").write_text("{")
    indexed(store).close()
    assert "Rebuilding the search index" in caplog.text and caplog.records[0].name == "viewfix"


def test_an_index_can_be_closed_twice(store):
    with sketches(store) as search:
        search.close()


# A crafted index


def current(path: Path) -> Path:
    return index_file.folder_of(path) / "current.json"


def rewrite(path: Path, change: Change) -> None:
    """Change the parsed manifest."""
    found = json.loads(current(path).read_text())
    current(path).write_text(json.dumps(change(found) or found))


def forge(path: Path, kind: str, dtype: Any, change: Change) -> None:
    """Change one part of an index, and give it valid checksums."""
    found = json.loads(current(path).read_text())
    file = index_file.folder_of(path) / found["files"][kind][0]
    content = np.asarray(change(np.fromfile(file, dtype)), dtype).tobytes()
    file.write_bytes(content)
    size = blocks.BLOCK_BYTES
    found["files"][kind][1] = [zlib.crc32(content[at : at + size]) for at in range(0, len(content), size)]
    current(path).write_text(json.dumps(found))


def rebuilt(path: Path, *, region: Circle | None = None) -> str:
    """Open a map with a bad index; the one notice about it."""
    notices: list[str] = []
    with Store.open(path, write=True) as store:
        with lists(store, notices.append) as search:
            check(search, store)
            search.settle()
            check(search, store, region=region)
        check(lists(store), store)  # the new one is good: another notice would fail
    assert len(notices) == 1 and notices[0].startswith(f"Rebuilding the search index of {path}: "), notices
    assert "\n" not in notices[0]
    return notices[0]


def overflowing(sizes: np.ndarray) -> np.ndarray:
    """Sizes that also add up to the number of photos, in 64 bits."""
    sizes[:] = 0
    sizes[:4] = 2**62
    sizes[4] = COUNT
    assert sizes.sum() == COUNT
    return sizes


def too_long_and_negative(sizes: np.ndarray) -> np.ndarray:
    sizes[0] += 2**40
    sizes[1] -= 2**40
    return sizes


def at(position: int, value: float) -> Change:
    def change(values: np.ndarray) -> np.ndarray:
        values[position] = value
        return values

    return change


ROWS = 3 * COUNT  # where the rows begin in `places`
PARTS: dict[str, tuple[str, Any, Change]] = {
    "list sizes that overflow": ("sizes", "<i8", overflowing),
    "a list longer than the map and a negative one": ("sizes", "<i8", too_long_and_negative),
    "the largest and the smallest size": ("sizes", "<i8", lambda s: [2**63 - 1, -(2**63), *s[2:]]),
    "an infinite row": ("places", "<f8", at(ROWS, np.inf)),
    "a row that is not a number": ("places", "<f8", at(ROWS + 5, np.nan)),
    "a row far beyond the map": ("places", "<f8", at(ROWS, 2.0**60)),
    "a negative row": ("places", "<f8", at(ROWS, -5)),
    "half a row": ("places", "<f8", at(ROWS, 2.5)),
    "a row that is there twice": ("places", "<f8", lambda p: [*p[:ROWS], p[ROWS + 1], *p[ROWS + 1 :]]),
    "a latitude that is not a number": ("places", "<f8", at(COUNT, np.nan)),
    "a projection that is not made of numbers": ("projection", "<f4", at(7, np.nan)),
    "a listed row far beyond the map": ("lists", "<i8", lambda w: _first_listed(w, 2**62)),
    "a negative listed row": ("lists", "<i8", lambda w: _first_listed(w, -7)),
    "the smallest listed row": ("lists", "<i8", lambda w: _first_listed(w, -(2**63))),
}


def _first_listed(words: np.ndarray, row: int) -> np.ndarray:
    """Another row in the place of the first one: sketches take 8 words each, rows come after those of their list."""
    is_row = (words >= 1) & (words <= COUNT)
    words[np.flatnonzero(is_row)[0]] = row
    return words


@pytest.mark.parametrize("what", PARTS)
def test_a_crafted_part_with_valid_checksums_is_rebuilt(path, what):
    forge(path, *PARTS[what])
    rebuilt(path)


@pytest.mark.parametrize("what", PARTS)
@pytest.mark.parametrize("region", [None, NEARBY])
def test_a_crafted_part_of_a_large_index_does_no_harm_until_it_is_found_out(path, sampled, what, region):
    current(path).unlink()
    with Store.open(path, write=True) as store:
        lists(store).close()
        forge(path, *PARTS[what])
        notices: list[str] = []
        with lists(store, notices.append) as search:
            for query in looks(20, seed=77):
                search.nearest(query, 10, region)
            store.remove([str(i) for i in range(0, COUNT, 5)])  # to be left out of the next index
            store.put(records(300, 4, "new "), looks(300, 4))
            search.refresh()
            search.settle()
            check(search, store, region=region)
    assert len(notices) == 1 and "Rebuilding the search index" in notices[0]


SEARCHED = """
import sys
from pathlib import Path
from viewfix.search.indexed import IndexedSearch
from viewfix.store.store import Store
with Store.open(sys.argv[1]) as store:
    search = IndexedSearch(store, Path(sys.argv[1] + ".index"), exact_below=100, lists_from=300, notice=print)
    for row in (1, 500):
        print(search.nearest(store.descriptors([row])[0], 3)[0][0])
    search.close()
"""


def test_overflowing_sizes_do_not_crash_the_process(path):
    forge(path, "sizes", "<i8", overflowing)
    run = subprocess.run([sys.executable, "-c", SEARCHED, str(path)], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, f"{run.returncode}: {run.stderr[-300:]}"
    notice, *found = run.stdout.splitlines()
    assert "Rebuilding" in notice and found == ["1", "500"]


STRANGE = [-1, -(2**63), 2**63, 10**400, True, "5", 1.5, None, [], {}]


@pytest.mark.parametrize("value", STRANGE, ids=lambda value: str(value)[:20])
@pytest.mark.parametrize("key", ["rows", "lists", "trained_on", "last_row", "removals"])
def test_a_manifest_with_strange_numbers_is_rebuilt(path, key, value):
    def change(found: dict[str, Any]) -> None:
        (found if key in found else found["version"])[key] = value

    rewrite(path, change)
    rebuilt(path)


def places_named(name: str) -> Change:
    def change(found: dict[str, Any]) -> None:
        found["files"]["places"][0] = name

    return change


MANIFESTS: dict[str, Change] = {
    "a file of another folder": places_named("../fiji.map"),
    "an absolute path": places_named("/dev/zero"),
    "no name": places_named(""),
    "the folder itself": places_named("."),
    "a number for a name": places_named(5),  # type: ignore[arg-type]
    "a null character in a name": places_named("places-\0"),
    "a part that is not named": lambda found: found["files"].pop("places") and None,
    "a checksum that is text": lambda found: found["files"]["places"][1].__setitem__(0, "5"),
    "a checksum too few": lambda found: found["files"]["places"][1].pop() and None,
    "files in a list": lambda found: found | {"files": [1, 2]},
    "files without checksums": lambda found: found | {"files": {"places": "ab"}},
    "a witness beyond all numbers": lambda found: found | {"witnesses": {"9" * 30: "0"}},
    "a witness that is a word": lambda found: found | {"witnesses": {"x": "0"}},
    "a witness of another type": lambda found: found | {"witnesses": {"5": 5}},
    "a million witnesses": lambda found: found | {"witnesses": {str(row): "0" for row in range(1_000_000)}},
    "witnesses in a list": lambda found: found | {"witnesses": [1]},
    "a model that is a number": lambda found: found | {"model": 5},
    "a version without an id": lambda found: found | {"version": {"last_row": 1, "removals": 0}},
    "nothing but a list": lambda found: [found],
}


@pytest.mark.parametrize("what", MANIFESTS)
def test_a_crafted_manifest_is_rebuilt(path, what):
    rewrite(path, MANIFESTS[what])
    rebuilt(path)


UNREADABLE = {
    "empty": b"",
    "a null character": b"\0",
    "nested lists": b"[" * 100_000,
    "an infinite format": b'{"format": 1e999}',
    "a format that is not a number": b'{"format": NaN}',
    "a version that is a number": b'{"format": 2, "version": 3}',
    "not UTF-8": b'{"format": "\xff"}',
}


@pytest.mark.parametrize("what", UNREADABLE)
def test_a_manifest_that_is_not_readable_is_rebuilt(path, what):
    current(path).write_bytes(UNREADABLE[what])
    rebuilt(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
@pytest.mark.parametrize("part", ["current.json", "places", "lists"])
def test_a_pipe_in_place_of_a_file_does_not_block(path, part):
    [file] = [each for each in index_file.folder_of(path).iterdir() if each.name.split("-")[0] == part]
    file.unlink()
    os.mkfifo(file)
    rebuilt(path)


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="the system has no symbolic links")
def test_a_link_out_of_the_folder_is_not_followed(path, tmp_path):
    [file] = [each for each in index_file.folder_of(path).iterdir() if each.name.startswith("places-")]
    shutil.move(file, tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    assert "is damaged" in rebuilt(path)


def test_a_folder_in_place_of_the_manifest_leaves_the_index_in_memory(path):
    current(path).unlink()
    current(path).mkdir()
    notices: list[str] = []
    with Store.open(path, write=True) as store, lists(store, notices.append) as search:
        check(search, store)
    assert len(notices) == 2 and "Rebuilding" in notices[0] and "stays in memory" in notices[1]


def test_the_old_names_of_parts_are_read(path):
    def change(found: dict[str, Any]) -> None:
        for new, old in {"projection": "turn", "centroids": "middles"}.items():
            name, checksums = found["files"].pop(new)
            renamed = name.replace(new, old)
            (index_file.folder_of(path) / name).rename(index_file.folder_of(path) / renamed)
            found["files"][old] = [renamed, checksums]

    rewrite(path, change)
    before = files(path)
    with Store.open(path, write=True) as store:
        with lists(store) as search:  # a notice would fail
            check(search, store)
            assert files(path) == before
            store.put(records(300, 4, "new "), looks(300, 4))
            search.refresh()
        assert {name.split("-")[0] for name in files(path)} >= {"projection", "centroids"}
        assert not {name.split("-")[0] for name in files(path)} & {"turn", "middles"}, "they are swept away"


# Windows' rules, emulated


def in_use(path: Path) -> bool:
    """Whether this process has a file open, or mapped into memory."""
    opened = [link.readlink() for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return path.absolute() in opened or str(path.absolute()) in Path("/proc/self/maps").read_text()


@pytest.fixture
def windows(monkeypatch) -> None:
    """A file that was opened for reading cannot be synced; one that is open or mapped cannot be replaced or deleted."""
    fcntl = pytest.importorskip("fcntl")
    if not Path("/proc/self/maps").exists():
        pytest.skip("the rules are emulated by /proc")
    sync, replace, unlink = os.fsync, Path.replace, Path.unlink

    def strict_sync(file: int) -> None:
        if fcntl.fcntl(file, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(9, "Bad file descriptor")
        sync(file)

    def strict_replace(self: Path, target: Path) -> Path:
        if in_use(self) or in_use(Path(target)):
            raise PermissionError(13, "The process cannot access the file", str(target))
        return replace(self, target)

    def strict_unlink(self: Path, missing_ok: bool = False) -> None:
        if in_use(self):
            raise PermissionError(13, "The process cannot access the file", str(self))
        unlink(self, missing_ok)

    monkeypatch.setattr(os, "fsync", strict_sync)
    monkeypatch.setattr("viewfix.files.sync_folder", lambda folder: None)  # as on Windows, where no folder is opened
    monkeypatch.setattr(Path, "replace", strict_replace)
    monkeypatch.setattr(Path, "unlink", strict_unlink)


def test_an_index_is_kept_and_renewed_under_the_rules_of_windows(path, windows):
    shutil.rmtree(index_file.folder_of(path))
    with Store.open(path, write=True) as store:
        with lists(store) as search:  # a notice that it stays in memory would fail
            check(search, store)
            first = set(files(path))
            assert "current.json" in first
            store.put(records(300, 4, "new "), looks(300, 4))
            search.refresh()
            search.settle()
            assert len(search._live.main.sketches) == COUNT + 300
            check(search, store)
        store.put(records(300, 5, "more "), looks(300, 5))
        with lists(store) as search:
            search.refresh()
        assert not set(files(path)) & (first - {"current.json"}), "what was mapped is swept away later"
        assert len(files(path)) <= 2 * len(first) - 1, "the last generation and the one that was in use meanwhile"


def test_a_manifest_that_another_process_reads_is_replaced_a_moment_later(path, windows, monkeypatch):
    opened = current(path).open("rb")
    pauses = []
    monkeypatch.setattr(manifest.time, "sleep", lambda seconds: (pauses.append(seconds), opened.close()))
    with Store.open(path, write=True) as store:
        store.put(records(300, 4, "new "), looks(300, 4))
        with lists(store) as search:
            search.refresh()
            search.settle()
            assert len(search._live.main.sketches) == COUNT + 300
    assert pauses
