"""A map on disk: stored photos are read back unchanged, whatever happens in between."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from viewfix.errors import BadInput, MapBusy, NotAMap, StorageFailed, ViewfixError
from viewfix.geo import Box, Circle
from viewfix.store.sqlite import files as map_files
from viewfix.store.sqlite import schema
from viewfix.store.store import ModelIdentity, Record, Store
from viewfix.types import Photo, Position, Skipped

DIM = 16
TOY = ModelIdentity("toy", "f" * 64, DIM)


def record(name: str, lat: float = 60.0, lon: float = 25.0, content: str = "1") -> Record:
    return Record(Photo(name, f"/photos/{name}", Position(lat, lon)), content)


def looks(count: int, seed: int = 0) -> np.ndarray:
    found = np.random.default_rng(seed).standard_normal((count, DIM)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def files(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a city, 100% & #1.map"


@pytest.fixture
def store(path: Path):
    with Store.create(path, TOY) as made:
        yield made


def one_line(error: pytest.ExceptionInfo[ViewfixError]) -> str:
    text = str(error.value)
    assert "\n" not in text and text.endswith((".", "PHOTOS", "?", "viewfix")) or "viewfix build" in text
    return text


# What goes in comes out


def test_a_stored_photo_is_read_back_unchanged(store):
    photo = Photo(
        "a/1.jpg",
        "/photos/a/1.jpg",
        Position(-89.5, 179.999999, 3.5),
        359.9,
        datetime(2020, 2, 29, 1, 2, 3, tzinfo=UTC),
        "me",
        "CC0",
    )
    bare = Photo("b.jpg", "https://example.org/b.jpg", Position(0, -180))
    store.put([Record(photo, "hash", "12:34"), Record(bare, "other")], looks(2))
    assert store.known(["a/1.jpg", "b.jpg", "c.jpg"]) == {
        "a/1.jpg": Record(photo, "hash", "12:34"),
        "b.jpg": Record(bare, "other", None),
    }
    assert list(store.all_photos()) == [photo, bare]
    assert store.ids() == ["a/1.jpg", "b.jpg"]


def test_a_stored_descriptor_has_length_one_and_float16_rounding(store):
    given_looks = looks(50) * 7.0
    rows = store.put([record(str(i)) for i in range(50)], given_looks)
    order = np.random.default_rng(1).permutation(rows)
    found = store.descriptors(order)
    assert found.dtype == np.float32 and found.shape == (50, DIM)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(found, looks(50)[order - 1], atol=1e-3)


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_a_descriptor_that_cannot_be_compared_is_refused(store, value):
    bad = looks(3)
    bad[1] = value
    with pytest.raises(BadInput, match="The descriptor of b has length"):
        store.put([record("a"), record("b"), record("c")], bad)
    assert len(store) == 0


def test_descriptors_of_another_size_are_refused(store):
    with pytest.raises(BadInput, match="has 16 numbers a photo"):
        store.put([record("a")], np.ones((1, 8), np.float32))


def test_a_changed_photo_replaces_the_old_one_under_a_new_row(store):
    first = store.put([record("a"), record("b")], looks(2))
    before = store.version
    second = store.put([record("a", content="2")], looks(1, seed=2))
    assert len(store) == 2 and store.known(["a"])["a"].content_hash == "2"
    assert second[0] > first.max()
    assert (store.version.last_row, store.version.removals) == (before.last_row + 1, before.removals + 1)
    assert len(store.photos(first)) == 1 and len(store.descriptors(first)) == 1, "the old row is gone"


def test_the_last_of_two_photos_with_the_same_id_in_a_batch_is_stored(store):
    rows = store.put([record("a", content="1"), record("b"), record("a", content="2")], looks(3))
    assert len(store) == 2 and rows[0] == rows[2]
    assert store.known(["a"])["a"].content_hash == "2"
    np.testing.assert_allclose(store.descriptors(rows[:1])[0], looks(3)[2], atol=1e-3)


def test_row_numbers_are_never_reused(store):
    rows = store.put([record("a"), record("b")], looks(2))
    assert store.remove(["a", "b", "nobody"]) == 2
    assert len(store) == 0 and len(store.rows_in(Circle(60, 25, 100))) == 0
    assert store.put([record("a")], looks(1))[0] > rows.max()


def test_rows_that_are_gone_are_left_out_and_the_order_is_kept(store):
    store.put([record(str(i)) for i in range(5)], looks(5))
    store.remove(["2"])
    assert [photo.id for photo in store.photos([5, 3, 1, 99, 2])] == ["4", "0", "1"]
    rows, units = store.present([5, 3, 1, 99, 2])
    assert rows.tolist() == [5, 1, 2] and units.shape == (3, DIM)


def test_a_record_can_change_without_a_new_descriptor(store):
    store.put([record("a")], looks(1))
    before = store.version
    store.update_photo(Record(Photo("a", "/elsewhere/a", Position(60, 25), licence="CC0"), "1", "9:9"))
    assert store.version == before, "nothing a search has to know"
    assert store.known(["a"])["a"].photo.licence == "CC0"


def test_a_photo_that_moved_keeps_its_descriptor_under_a_new_row(store):
    rows = store.put([record("a")], looks(1))
    store.update_photo(record("a", lat=61.0))
    found, lats, _ = store.positions()
    assert found[0] > rows[0] and lats[0] == 61.0 and len(store) == 1
    np.testing.assert_allclose(store.descriptors(found), looks(1), atol=1e-3)
    assert len(store.rows_in(Circle(60, 25, 1000))) == 0 and len(store.rows_in(Circle(61, 25, 1000))) == 1


def test_a_photo_that_is_not_in_the_map_cannot_be_changed(store):
    with pytest.raises(BadInput, match="ghost is not in"):
        store.update_photo(record("ghost"))


def test_a_map_stores_metadata_skipped_photos_and_its_model(store, path):
    store.set_meta("calibration", {"a": [1, 2.5, None]})
    store.put_skipped([Skipped("x", "no position"), Skipped("y", "not a picture")])
    store.put([record("x")], looks(1), skipped=[Skipped("z", "too small")])
    store.close()
    with Store.open(path) as found:
        assert found.model == TOY and found.meta("calibration") == {"a": [1, 2.5, None]} and found.meta("else") is None
        assert found.skipped() == [Skipped("y", "not a picture"), Skipped("z", "too small")], (
            "x is not skipped any more"
        )
        assert (datetime.now(UTC) - found.created_at).total_seconds() < 60


def test_info_describes_a_map_even_across_the_180th_meridian(store):
    store.put([record("a", 10, 179.5), record("b", 12, -179)], looks(2))
    facts = store.info()
    assert facts["photos"] == 2 and facts["model"]["name"] == "toy" and facts["map_bytes"] > 0
    assert facts["area"] == {"south": 10, "west": 179.5, "north": 12, "east": -179}


# Regions

degrees = st.tuples(
    st.one_of(st.floats(-90, 90), st.sampled_from([-90.0, 0.0, 90.0])),
    st.one_of(st.floats(-180, 180), st.sampled_from([-180.0, 179.9999999, 180.0])),
)
circles = st.builds(lambda at, r: Circle(*at, r), degrees, st.floats(0, 3e6))
boxes = st.builds(lambda a, b: Box(min(a[0], b[0]), a[1], max(a[0], b[0]), b[1]), degrees, degrees)


@settings(max_examples=30, deadline=None)
@given(places=st.lists(degrees, min_size=1, max_size=30), region=st.one_of(circles, boxes), data=st.data())
def test_a_region_finds_exactly_what_it_contains(tmp_path_factory, places, region, data):
    if isinstance(region, Box) and data.draw(st.booleans()):  # a photo right on the corner
        places = [*places, (region.north, region.east), (region.south, region.west)]
    with Store.create(tmp_path_factory.mktemp("region") / "x.map", TOY) as store:
        store.put([record(str(i), *at) for i, at in enumerate(places)], looks(len(places)))
        rows, lats, lons = store.positions()
        assert store.rows_in(region).tolist() == rows[region.contains(lats, lons)].tolist()
        assert len(store.rows_in(region, limit=2)) == min(2, len(store.rows_in(region)))


# What cannot be opened


def test_a_missing_map_says_how_to_make_one(tmp_path):
    with pytest.raises(NotAMap) as error:
        Store.open("nowhere.map")
    assert str(error.value) == "There is no map at nowhere.map. Make one with: viewfix build nowhere.map PHOTOS"


@pytest.mark.parametrize("write", [False, True])
@pytest.mark.parametrize("content", [b"", b"hello " * 1000, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_file_that_is_not_a_map_is_refused_and_left_alone(path, content, write):
    path.write_bytes(content)
    with pytest.raises(NotAMap) as error:
        Store.open(path, write=write)
    assert "is not a map" in one_line(error)
    assert path.read_bytes() == content and files(path.parent) == [path.name]


def test_a_folder_and_another_database_are_not_maps(path):
    with pytest.raises(NotAMap, match="is a folder"):
        Store.open(path.parent)
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE photos (id)")
    other.close()
    with pytest.raises(NotAMap, match="was not made by viewfix"):
        Store.open(path, write=True)


def test_a_map_is_not_created_over_another_file_or_in_a_missing_folder(path):
    path.write_text("my thesis")
    with pytest.raises(BadInput, match="already something"):
        Store.create(path, TOY)
    assert path.read_text() == "my thesis"
    with pytest.raises(BadInput, match="There is no folder"):
        Store.create(path.parent / "no" / "x.map", TOY)


@pytest.mark.parametrize("write", [False, True])
def test_a_map_of_a_newer_schema_is_refused(path, write):
    Store.create(path, TOY).close()
    change(path, "PRAGMA user_version = 99")
    with pytest.raises(NotAMap, match="schema is 99.*pip install --upgrade viewfix"):
        Store.open(path, write=write)


def test_a_damaged_map_says_so(path):
    with Store.create(path, TOY) as store:
        store.put([record(str(i)) for i in range(3000)], looks(3000))
    content = bytearray(path.read_bytes())
    content[3 * schema.PAGE_BYTES :] = b"\xa5" * (len(content) - 3 * schema.PAGE_BYTES)
    path.write_bytes(content)
    with pytest.raises(StorageFailed, match="damaged.*Restore it from a copy") as error, Store.open(path) as store:
        list(store.iter_descriptors())
        list(store.all_photos())
    one_line(error)


# An older schema


def second_step(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE photos ADD COLUMN mood TEXT DEFAULT 'fine'")


def change(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()


def test_a_map_of_an_older_schema_is_migrated_when_it_is_opened_for_writing(path, monkeypatch):
    with Store.create(path, TOY) as store:
        store.put([record("a")], looks(1))
    monkeypatch.setattr(schema, "STEPS", [*schema.STEPS, second_step])
    before = path.read_bytes()
    with Store.open(path) as store:
        assert len(store) == 1 and store.info()["schema_version"] == len(schema.STEPS) - 1
    assert path.read_bytes() == before, "a reader changes nothing"
    with Store.open(path, write=True) as store:
        assert len(store) == 1 and store.info()["schema_version"] == len(schema.STEPS)
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT mood FROM photos").fetchall() == [("fine",)]
    connection.close()


def test_a_migration_that_fails_changes_nothing(path, monkeypatch):
    def broken(connection):
        second_step(connection)
        raise sqlite3.OperationalError("database or disk is full")

    Store.create(path, TOY).close()
    before = path.read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr(schema, "STEPS", [*schema.STEPS, broken])
        with pytest.raises(StorageFailed):
            Store.open(path, write=True)
    assert path.read_bytes() == before
    with Store.open(path, write=True) as store:
        assert store.schema_version == len(schema.STEPS)


def test_the_first_schema_can_still_be_read(path):
    """The SQL is repeated here, so that a released step cannot be edited unnoticed."""
    connection = sqlite3.connect(path)
    connection.executescript(
        """
        PRAGMA application_id = 1447447857; PRAGMA user_version = 1;
        CREATE TABLE photos (row INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, source TEXT NOT NULL,
            lat REAL NOT NULL, lon REAL NOT NULL, radius_m REAL, heading_deg REAL, taken_at TEXT, attribution TEXT,
            licence TEXT, content_hash TEXT NOT NULL, content_hint TEXT);
        CREATE INDEX photos_by_source ON photos (source);
        CREATE VIRTUAL TABLE places USING rtree(row, south, north, west, east);
        CREATE TABLE descriptors (row INTEGER PRIMARY KEY, vector BLOB NOT NULL);
        CREATE TABLE skipped (id TEXT PRIMARY KEY, reason TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE counts (photos INTEGER NOT NULL, removals INTEGER NOT NULL);
        INSERT INTO counts VALUES (1, 0);
        INSERT INTO photos VALUES (1, 'a', '/a', 1.5, 2.5, NULL, NULL, '2020-01-01T00:00:00', NULL, NULL, 'h', NULL);
        INSERT INTO places VALUES (1, 1.5, 1.5, 2.5, 2.5);
        INSERT INTO descriptors VALUES (1, x'003c0000');
        INSERT INTO meta VALUES ('map_id', '"m"'), ('created_at', '"2020-01-01T00:00:00+00:00"'),
            ('viewfix', '"0.1.0"'), ('model', '{"name": "toy", "fingerprint": "f", "dim": 2}');
        """
    )
    connection.close()
    before = path.read_bytes()
    with Store.open(path) as store:  # as it is: a reader changes nothing
        assert store.descriptors([1]).tolist() == [[1.0, 0.0]]
        assert store.rows_in(Circle(1.5, 2.5, 10)).tolist() == [1] and store.info()["schema_version"] == 1
        assert len(store.points) == 0 and not list(store.points.all()) and not store.points.sources()
        assert not len(store.points.spots(Circle(1.5, 2.5, 10)).numbers)
        assert not store.local_features("f").load([("a", "h")]) and store.known(["a"])["a"].photo.view is None
    assert path.read_bytes() == before
    with Store.open(path, write=True) as store:
        assert store.descriptors([1]).tolist() == [[1.0, 0.0]]
        assert store.rows_in(Circle(1.5, 2.5, 10)).tolist() == [1]
        assert store.put([record("b")], np.ones((1, 2)))[0] == 2


# Several at once


def test_a_second_writer_is_told_who_is_writing(store, path):
    with pytest.raises(MapBusy) as error:
        Store.open(path, write=True)
    assert f"process {os.getpid()}" in one_line(error)


def test_readers_continue_while_a_batch_is_written(store, path):
    store.put([record("a")], looks(1))
    with Store.open(path) as reader:
        with store.transaction() as connection:
            connection.execute("DELETE FROM photos")
            assert len(list(reader.all_photos())) == 1, "not committed, not seen"
        store.put([record("b")], looks(1))
        assert [photo.id for photo in reader.all_photos()] == ["b"]
    assert store.put([record("c")], looks(1)).tolist() == [3]


def test_many_threads_read_one_store_while_another_writes(store):
    store.put([record(str(i)) for i in range(200)], looks(200))
    wrong: list[object] = []

    def read():
        try:
            for _ in range(30):
                rows, _, _ = store.positions()
                found, units = store.present(rows)
                if len(found) < 200 or not np.isfinite(units).all() or len(store.known(["5"])) != 1:
                    wrong.append(len(found))
        except Exception as error:  # noqa: BLE001 - a thread must report whatever happened
            wrong.append(error)

    threads = [threading.Thread(target=read) for _ in range(6)]
    for thread in threads:
        thread.start()
    for i in range(20):
        store.put([record(f"new {i}")], looks(1))
    for thread in threads:
        thread.join()
    assert not wrong


def test_after_closing_there_is_one_file(path):
    with Store.create(path, TOY) as store:
        store.put([record("a")], looks(1))
    assert files(path.parent) == [path.name]
    store.close()
    with pytest.raises(StorageFailed, match="was closed"):
        len(store)
    with pytest.raises(StorageFailed, match="is closed"):
        store.put([record("b")], looks(1))


def test_a_writer_can_close_while_another_process_reads(path):
    with Store.create(path, TOY) as store:
        store.put([record("a")], looks(1))
        reader = Store.open(path)
    assert len(reader) == 1
    reader.close()
    with Store.open(path) as again:
        assert len(again) == 1


# Things go wrong

KILLED = """
import sys, numpy as np
sys.path.insert(0, {tests!r})
from test_store import record, looks, TOY
from viewfix.store.store import Store
with Store.open({path!r}, write=True) as store:
    for batch in range(10**6):
        store.put([record(f"{{sys.argv[1]}}-{{batch}}-{{i}}") for i in range(50)], looks(50, seed=batch))
        print(batch, flush=True)
"""


def test_a_build_that_is_killed_keeps_every_batch_it_committed(path):
    Store.create(path, TOY).close()
    code = KILLED.format(tests=str(Path(__file__).parent), path=str(path))
    said = 0
    for life in range(3):
        with subprocess.Popen([sys.executable, "-c", code, str(life)], stdout=subprocess.PIPE, text=True) as build:
            for line in build.stdout:
                said += 1
                if int(line) == 7 + 5 * life:
                    break
            build.kill()
            said += len(build.stdout.read().splitlines())
        with Store.open(path, write=True) as store:  # the lock went with its holder
            assert len(store) % 50 == 0, "whole batches only"
            assert 50 * said <= len(store) <= 50 * (said + life + 1)
            rows, lats, _ = store.positions()
            assert len(rows) == len(store) == len(store.present(rows)[0]) == len(store.rows_in(Circle(60, 25, 10)))
    assert files(path.parent) == [path.name]


def test_a_full_disk_loses_nothing_that_was_committed(store):
    store.put([record(str(i)) for i in range(100)], looks(100))
    pages = store._connections._writer.execute("PRAGMA page_count").fetchone()[0]
    store._connections._writer.execute(f"PRAGMA max_page_count = {pages + 1}")
    with pytest.raises(StorageFailed, match="The disk is full.*Make room") as error:
        store.put([record(f"more {i}") for i in range(5000)], looks(5000))
    one_line(error)
    assert len(store) == 100
    store._connections._writer.execute("PRAGMA max_page_count = 1000000")
    store.put([record(f"more {i}") for i in range(5000)], looks(5000))
    assert len(store) == 5100 == len(store.rows())


def test_a_failing_disk_is_reported_in_one_line(store, monkeypatch):
    def fails(*_):
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_WRITE
        raise error

    monkeypatch.setattr("viewfix.store.sqlite.write.put", fails)
    with pytest.raises(StorageFailed, match="disk I/O error.*Check the disk") as error:
        store.put([record("a")], looks(1))
    one_line(error)


def test_a_folder_that_cannot_be_written_is_reported_in_one_line(path, monkeypatch):
    def fails(self, target):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", fails)
    with pytest.raises(StorageFailed, match="cannot be written.*Make the file and its folder writable"):
        Store.create(path, TOY)
    assert files(path.parent) == []


def on_a_read_only_medium(monkeypatch: pytest.MonkeyPatch) -> None:
    """Permissions do not stop root, so SQLite is made to fail as it does on a read-only medium."""
    from viewfix.store.sqlite import connect as module

    honest = module.connect

    def refused(path: Path, mode: module.Mode) -> sqlite3.Connection:
        if mode == "immutable":
            return honest(path, mode)
        error = sqlite3.OperationalError("unable to open database file")
        error.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN
        raise error

    monkeypatch.setattr(module, "connect", refused)


@pytest.mark.parametrize("journal", ["WAL", "DELETE"])
def test_a_map_on_a_read_only_medium_can_be_read(path, monkeypatch, journal):
    with Store.create(path, TOY) as store:
        store.put([record("a")], looks(1))
    change(path, f"PRAGMA journal_mode = {journal}")
    if os.name == "nt" or os.geteuid() == 0:
        on_a_read_only_medium(monkeypatch)
    else:
        path.parent.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        with Store.open(path) as store:
            assert [photo.id for photo in store.all_photos()] == ["a"]
            with pytest.raises(StorageFailed, match="opened for reading"):
                store.put([record("b")], looks(1))
    finally:
        path.parent.chmod(stat.S_IRWXU)


def test_an_unclosed_map_on_a_read_only_medium_says_what_to_do(path, monkeypatch):
    Store.create(path, TOY).close()
    path.with_name(path.name + "-wal").write_bytes(b"log")
    on_a_read_only_medium(monkeypatch)
    with pytest.raises(StorageFailed, match="not closed cleanly.*Copy it") as error:
        Store.open(path)
    one_line(error)


def test_a_half_written_map_is_never_visible(path, monkeypatch):
    def killed(connection, meta):
        raise KeyboardInterrupt

    monkeypatch.setattr(map_files.schema, "make", killed)
    with pytest.raises(KeyboardInterrupt):
        Store.create(path, TOY)
    assert files(path.parent) == []


def test_the_store_needs_no_faiss():
    code = "import sys, viewfix.store.store; assert 'faiss' not in sys.modules and 'pyproj' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
