"""Map files that are damaged, hostile, linked, replaced or badly named: one line each, and nothing is run or lost."""

from __future__ import annotations

import gc
import logging
import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path, PureWindowsPath

import numpy as np
import pytest

from viewfix.errors import BadInput, MapBusy, NotAMap, StorageFailed, ViewfixError
from viewfix.geo import Circle
from viewfix.search.open import open_search
from viewfix.shell import shell_quoted
from viewfix.store.batches import record_batches
from viewfix.store.sqlite.connect import Pool, connect, uri_of
from viewfix.store.sqlite.path import MapPath
from viewfix.store.store import ModelIdentity, Record, Store
from viewfix.types import Photo, Position

DIM = 16
TOY = ModelIdentity("toy", "f" * 64, DIM)


def looks(count: int, seed: int = 0) -> np.ndarray:
    found = np.random.default_rng(seed).standard_normal((count, DIM)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def records(count: int) -> list[Record]:
    return [Record(Photo(f"{n}.jpg", f"/p/{n}.jpg", Position(60 + n * 1e-4, 25)), f"hash-{n}") for n in range(count)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with Store.create(tmp_path / "city.map", TOY) as store:
        store.put(records(10), looks(10))
    return tmp_path / "city.map"


def change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def refused(path: Path | str, kind: type[ViewfixError] = NotAMap, *, write: bool = False) -> str:
    began = time.monotonic()
    with pytest.raises(kind) as error:
        Store.open(path, write=write)
    assert time.monotonic() - began < 3
    assert "\n" not in str(error.value)
    return str(error.value)


# What a file may define

ENDLESS = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT"
HOSTILE = {
    "a view in place of a table": (
        "ALTER TABLE meta RENAME TO meta_",
        f"CREATE VIEW meta AS {ENDLESS} n AS key, n AS value FROM r",
    ),
    "a view beside the tables": (f"CREATE VIEW v AS {ENDLESS} n FROM r",),
    "a trigger": ("CREATE TRIGGER t AFTER DELETE ON photos BEGIN DELETE FROM meta; END",),
    "a computed column": (
        "DROP TABLE skipped",
        "CREATE TABLE skipped (id TEXT PRIMARY KEY, reason TEXT AS (printf('%.*c', 100000000, 'x')))",
    ),
    "an index that computes": ("CREATE INDEX heavy ON photos (printf('%.*c', 1000, id))",),
    "a virtual table in place of a table": (
        "DROP TABLE skipped",
        "CREATE VIRTUAL TABLE skipped USING rtree(id, reason, other)",
    ),
    "a table that is missing": ("DROP TABLE counts",),
    "a column that is missing": ("DROP TABLE counts", "CREATE TABLE counts (photos INTEGER NOT NULL)"),
    "a check that computes": (
        "DROP TABLE counts",
        "CREATE TABLE counts (photos INTEGER NOT NULL CHECK (length(printf('%.*c', 99, 'x'))), "
        "removals INTEGER NOT NULL)",
    ),
}


@pytest.mark.parametrize("write", [False, True])
@pytest.mark.parametrize("what", HOSTILE)
def test_a_file_that_defines_what_a_map_does_not_is_refused_at_once(path: Path, what: str, write: bool) -> None:
    change(path, *HOSTILE[what])
    assert "is not a map, or is damaged" in refused(path, write=write)


def test_tables_of_other_programs_in_the_file_are_ignored(path: Path) -> None:
    change(path, "CREATE TABLE notes (text TEXT)", "CREATE INDEX notes_by_text ON notes (text)")
    with Store.open(path, write=True) as store:
        assert len(store) == 10


def test_a_map_with_an_unfinished_migration_is_a_map(path: Path) -> None:
    with Store.open(path, write=True) as store:
        migration = store.begin_migration(ModelIdentity("other", "e" * 64, DIM))
        migration.put(records(10), looks(10))
        migration.finish()
    with Store.open(path, write=True) as store:
        assert store.model.name == "other"
        store.begin_migration(TOY)
    assert Store.open(path, write=True).close() is None


@pytest.mark.parametrize(
    "model",
    ["[]", '"x"', "{", '{"name": "x"}', '{"name": "a", "fingerprint": "../../up", "dim": 16}',
     '{"name": "../../etc/passwd", "fingerprint": "f", "dim": 16}',
     '{"name": "/etc/passwd", "fingerprint": "f", "dim": 16}',
     '{"name": "a", "fingerprint": "f", "dim": 1e9}', '{"name": 3, "fingerprint": "f", "dim": 16}', "[" * 100_000],
)  # fmt: skip
def test_a_model_that_makes_no_sense_is_refused(path: Path, model: str) -> None:
    change(path, f"UPDATE meta SET value = '{model}' WHERE key = 'model'")
    assert "damaged" in refused(path, ViewfixError)


def test_opening_has_a_time_limit(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(connection: sqlite3.Connection, *_: object) -> int:
        connection.execute(f"{ENDLESS} count(*) FROM r").fetchone()
        return 4

    monkeypatch.setattr("viewfix.store.sqlite.connect.OPENING_S", 0.2)
    monkeypatch.setattr("viewfix.store.sqlite.schema.found", endless)
    assert "took too long to open" in refused(path)


# Damaged rows


@pytest.mark.parametrize(
    "damage",
    ["lat = 91.0", "lon = -180.5", "lat = 9e999", "lat = 'north'", "lon = x'00'", "heading_deg = 'x', lat = 999",
     "taken_at = 'yesterday'", "view = '{'", "view = '[1]'", "view = '{\"yaw_deg\": 1e9}'",
     "camera = '{\"focal_px\": \"x\"}'"],
)  # fmt: skip
def test_a_row_with_a_damaged_photo_is_named_and_the_others_answer(
    path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    change(path, f"UPDATE photos SET {damage} WHERE row = 4")
    with caplog.at_level(logging.WARNING, "viewfix"), Store.open(path) as store:
        photos = store.photos(store.rows())
        assert [photo.id for photo in photos] == [f"{n}.jpg" for n in range(10) if n != 3]
        assert len(list(store.records(chunk=3))) == 9 and "3.jpg" not in store.known(["3.jpg", "4.jpg"])
        search = open_search(store)
        for n in (0, 5, 9):
            assert store.photos(search.nearest(looks(10)[n], 3)[0])[0].id == f"{n}.jpg"
            assert store.photos(search.nearest(looks(10)[n], 3, Circle(60, 25, 1000))[0])[0].id == f"{n}.jpg"
        assert len(store.rows_in(Circle(60, 25, 1000))) in (9, 10)
        assert [len(batch) for _, batch, _ in record_batches(store, 4)] == [3, 4, 2]
        assert store.info()["photos"] == 10
    assert "row 4 is damaged and is left out" in caplog.text and "swapped" not in caplog.text
    assert caplog.text.count("row 4 ") == 1, "a row is named once"


@pytest.mark.parametrize("vector", ["NaN", "infinity", "zeros", "short", "text"])
def test_a_row_with_a_damaged_descriptor_is_named_and_the_others_answer(
    path: Path, vector: str, caplog: pytest.LogCaptureFixture
) -> None:
    halves = looks(1)[0].astype(np.float16)
    halves[5] = {"NaN": np.nan, "infinity": -np.inf}.get(vector, halves[5])
    stored = {"zeros": bytes(2 * DIM), "short": b"x" * 7, "text": "text"}.get(vector, halves.tobytes())
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE descriptors SET vector = ? WHERE row = 4", (stored,))
        connection.commit()
    with caplog.at_level(logging.WARNING, "viewfix"), Store.open(path) as store:
        assert store.present([3, 4, 5])[0].tolist() == [3, 5]
        assert [len(rows) for rows, _ in store.iter_descriptors(chunk=4)] == [3, 4, 2]
        search = open_search(store)
        for n in (0, 5, 9):
            rows, similarities = search.nearest(looks(10)[n], 10)
            assert store.photos(rows)[0].id == f"{n}.jpg" and len(rows) == 9 and np.isfinite(similarities).all()
    assert "row 4 is damaged and is left out" in caplog.text


def test_a_damaged_photo_that_is_added_again_is_whole(path: Path) -> None:
    change(path, "UPDATE photos SET lat = 999 WHERE row = 4")
    with Store.open(path, write=True) as store:
        assert not store.known(["3.jpg"])
        store.put(records(10)[3:4], looks(10)[3:4])
        assert len(store) == 10 and len(store.photos(store.rows())) == 10


def test_points_of_interest_off_the_globe_are_left_out(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    from viewfix.store.points import PointSource
    from viewfix.types import PointOfInterest

    with Store.open(path, write=True) as store, store.points.replacing(PointSource("a.csv")) as writer:
        for n in range(3):
            point = PointOfInterest(f"n/{n}", "Church", "a=b", Position(60, 25 + n))
            writer.put(point, name_key="church", wikidata=None)
    change(path, "UPDATE points SET lat = 100 WHERE number = 2", "UPDATE points SET names = '{' WHERE number = 3")
    with caplog.at_level(logging.WARNING, "viewfix"), Store.open(path) as store:
        assert [each.id for each in store.points.all()] == ["n/0"] == [each.id for each in store.points.get([1, 2, 3])]
    assert "point of interest 2" in caplog.text


# One file, one identity


@pytest.fixture
def links(path: Path) -> Callable[[str], Path]:
    def made(kind: str) -> Path:
        folder = path.parent / "there"
        folder.mkdir(exist_ok=True)
        try:
            if kind == "symbolic":
                (folder / "link.map").symlink_to("../city.map")
            else:
                os.link(path, folder / "link.map")
        except OSError as error:
            pytest.skip(f"no links here: {error}")
        return folder / "link.map"

    return made


def test_one_file_has_one_writer_by_whatever_link(path: Path, links: Callable[[str], Path]) -> None:
    link = links("symbolic")
    with Store.open(path, write=True):
        assert "is being written by another process" in refused(link, MapBusy, write=True)
    with Store.open(link, write=True) as store:
        assert "is being written by another process" in refused(path, MapBusy, write=True)
        store.remove(["0.jpg"])
    assert sorted(each.name for each in link.parent.iterdir()) == ["link.map"], "log and lock lie beside the real file"
    assert len(Store.open(path)) == 9


def test_a_map_is_not_written_through_a_hard_link(path: Path, links: Callable[[str], Path]) -> None:
    link = links("hard")
    with Store.open(path, write=True) as store:
        store.remove(["0.jpg"])
        for write in (False, True):
            assert "under another name" in refused(link, MapBusy, write=write)
    assert "several names (hard links)" in refused(link, StorageFailed, write=True)
    with Store.open(link) as store:
        assert len(store) == 9
    shutil.copy(link, link.with_name("own.map"))
    Store.open(link.with_name("own.map"), write=True).close()


def test_a_log_beside_another_name_of_the_file_is_not_ignored(path: Path, links: Callable[[str], Path]) -> None:
    store = Store.open(path, write=True)
    store.remove(["0.jpg"])
    hard, symbolic = links("hard"), path.parent / "symbolic.map"
    symbolic.symlink_to(path)
    assert "under another name" in refused(hard, MapBusy)
    assert len(Store.open(symbolic)) == 9
    store.close()


@pytest.mark.parametrize("write", [False, True])
def test_a_link_that_leads_nowhere_is_not_a_place_for_a_new_map(tmp_path: Path, write: bool) -> None:
    link = tmp_path / "link.map"
    link.symlink_to(tmp_path / "disk" / "city.map")
    assert Store.exists(link)
    assert "leads nowhere. Is a disk missing?" in refused(link, write=write)
    with pytest.raises(NotAMap, match="leads nowhere"):
        Store.create(link, TOY)
    assert not (tmp_path / "disk").exists()


def test_a_file_that_is_replaced_under_an_open_map_changes_no_answer(
    path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = tmp_path / "other.map"
    with Store.create(other, TOY) as store:
        store.put([Record(Photo("other", "/o", Position(1, 1)), "o")], looks(1, seed=9))
    store, wrong = Store.open(path), []
    other.replace(path)

    def ask() -> None:
        try:
            for _ in range(20):
                if [photo.id for photo in store.photos(store.rows())] != [f"{n}.jpg" for n in range(10)]:
                    wrong.append("another answer")
                _ = store.version
        except ViewfixError as error:
            wrong.append(str(error))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    with caplog.at_level(logging.WARNING, "viewfix"):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong and caplog.text.count("was replaced by another file") == 1
    store.close()
    assert [photo.id for photo in Store.open(path).all_photos()] == ["other"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has other limits")
def test_a_path_that_is_too_long_is_called_that(tmp_path: Path) -> None:
    deep = tmp_path
    for _ in range(14):
        deep /= "d" * 40
    deep.mkdir(parents=True)
    for place in (deep / "home.map", tmp_path / ("x" * 250 + ".map")):
        for ask in (Store.open, Store.exists, lambda path: Store.create(path, TOY)):
            with pytest.raises(BadInput, match=r"is too long.*bytes.*Choose a shorter one") as error:
                ask(place)
            assert "permission" not in str(error.value)


def test_the_longest_path_works(tmp_path: Path) -> None:
    short = 504 - len(os.fsencode(tmp_path)) - 1
    folder = tmp_path
    while short > 200:
        folder /= "d" * 99
        short -= 100
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / ("x" * (short - 4) + ".map")
    with Store.create(place, TOY) as store:
        store.put(records(3), looks(3))
    assert len(Store.open(place)) == 3
    with pytest.raises(BadInput, match="too long"):
        Store.create(place.with_name("y" + place.name), TOY)


def test_what_killed_processes_left_is_deleted_by_the_next_writer(path: Path) -> None:
    left = [f".{path.name}.0123abcd.part", f"{path.name}.new", f"{path.name}.new.onnx"]
    for name in left:
        path.with_name(name).write_bytes(b"half")
    path.with_name(".other.map.0123abcd.part").write_bytes(b"of another map")
    Store.open(path).close()
    assert path.with_name(left[0]).exists(), "a reader deletes nothing"
    Store.open(path, write=True).close()
    assert sorted(each.name for each in path.parent.iterdir()) == [".other.map.0123abcd.part", "city.map"]


def test_a_map_that_nobody_closed_leaves_no_open_connection(path: Path) -> None:
    store = Store.open(path)
    list(store.records())
    pool: Pool = store._connections.pool  # type: ignore[attr-defined]
    [connection] = pool._idle
    del store, pool
    gc.collect()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")


def test_nothing_stored_in_a_file_is_trusted(path: Path) -> None:
    with closing(connect(path, "ro")) as connection:
        assert connection.execute("PRAGMA trusted_schema").fetchone() == (0,)


def test_a_photo_that_differs_by_rounding_keeps_its_row(path: Path) -> None:
    with Store.open(path, write=True) as store:
        before = store.version
        [old] = store.known(["7.jpg"]).values()
        at = Position(np.nextafter(old.photo.position.lat, 90), np.nextafter(25.0, 0))
        store.update_photo(Record(Photo("7.jpg", "/elsewhere", at), "hash-7"))
        assert store.version == before and store.known(["7.jpg"])["7.jpg"].photo.source == "/elsewhere"


# Names that shells and SQLite read in their own way


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("C:\\maps\\city #1.map", "file:///C:/maps/city%20%231.map"),
        ("\\\\server\\share\\city.map", "file:////server/share/city.map"),
        ("\\\\?\\C:\\maps\\city.map", "file:////%3F/C:/maps/city.map"),
    ],
)
def test_a_windows_path_is_a_uri_that_sqlite_reads(path: str, uri: str) -> None:
    assert uri_of(PureWindowsPath(path)) == uri


@pytest.mark.parametrize(
    ("text", "windows", "typed"),
    [
        ("city.map", False, "city.map"),
        ("my city.map", False, "'my city.map'"),
        ("-x.map", False, "./-x.map"),
        ("it's.map", False, "'it'\"'\"'s.map'"),
        ("C:\\maps\\city.map", True, "C:\\maps\\city.map"),
        ("my city.map", True, '"my city.map"'),
        ("-x.map", True, ".\\-x.map"),
        ("postgresql://h/d?map=a&x=1", True, '"postgresql://h/d?map=a&x=1"'),
        ("$home.map", True, "'$home.map'"),
    ],
)
def test_an_argument_in_a_suggested_command_can_be_pasted(text: str, windows: bool, typed: str) -> None:
    assert shell_quoted(text, windows=windows) == typed


def test_a_command_for_a_map_that_begins_with_a_dash_can_be_pasted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "viewfix build ./-x.map PHOTOS" in refused("-x.map")
    assert MapPath.of("-x.map").quoted == "./-x.map"
