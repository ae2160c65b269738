"""Every search gives what comparing with everything gives, also while the map changes and when its cache is broken."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import faiss
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from viewfix.geo import Box, Circle, Region
from viewfix.search import index_builder, index_file
from viewfix.search.exact import ExactSearch
from viewfix.search.indexed import IndexedSearch
from viewfix.search.open import open_search
from viewfix.search.search import Search, best
from viewfix.store.regions import inside
from viewfix.store.store import ModelIdentity, Record, Store
from viewfix.types import Photo, Position

faiss.omp_set_num_threads(1)  # the tests share the cores, and threads that wait for each other take all of them

DIM = 30  # no multiple of four
COUNT = 1200
PLACES = 120
TOY = ModelIdentity("toy", "f" * 64, DIM)


def unit(values: np.ndarray) -> np.ndarray:
    return (values / np.linalg.norm(values, axis=-1, keepdims=True)).astype(np.float32)


def looks(count: int, seed: int) -> np.ndarray:
    """(count, DIM) photos of 120 places, ten each and more."""
    places = np.random.default_rng(0).standard_normal((PLACES, DIM))
    noise = np.random.default_rng(seed + 1).standard_normal((count, DIM))
    return unit(places[np.arange(count) % PLACES] + 0.4 * noise)


def records(count: int, seed: int = 0, prefix: str = "") -> list[Record]:
    """Photos in Fiji, on both sides of the 180th meridian, within 30 km."""
    rng = np.random.default_rng(seed)
    lats, lons = rng.normal(-17, 0.1, count), (rng.normal(180, 0.1, count) + 180) % 360 - 180
    return [
        Record(Photo(f"{prefix}{i}", f"/{i}", Position(float(lats[i]), float(lons[i]))), "hash") for i in range(count)
    ]


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("made") / "fiji.map"
    with Store.create(path, TOY) as store:
        store.put(records(COUNT), looks(COUNT, 0))
    return path


@pytest.fixture
def path(made, tmp_path) -> Path:
    return Path(shutil.copy(made, tmp_path / "fiji.map"))


@pytest.fixture
def store(path):
    with Store.open(path, write=True) as found:
        yield found


def unexpected(notice: str) -> None:
    raise AssertionError(notice)


def indexed(store: Store, **more) -> IndexedSearch:
    return IndexedSearch(store, index_file.folder_of(store.path), exact_below=100, **more)


def sketches(store: Store, notice: Callable[[str], None] = unexpected, **more) -> IndexedSearch:
    return indexed(store, notice=notice, **more)


def lists(store: Store, notice: Callable[[str], None] = unexpected) -> IndexedSearch:
    return indexed(store, lists_from=300, notice=notice)


ENGINES: dict[str, Callable[[Store], Search]] = {
    "exact": ExactSearch,
    "small map": open_search,
    "sketches": sketches,
    "lists": lists,
}
every_engine = pytest.mark.parametrize("engine", ENGINES)
REGIONS: dict[str, Region | None] = {
    "everywhere": None,
    "a circle across the 180th meridian": Circle(-17, 180, 8_000),
    "a circle beside it": Circle(-17.02, -179.95, 4_000),
    "a box across the 180th meridian": Box(-17.1, 179.9, -16.9, -179.9),
    "half the world": Box(-90, -180, 90, 0),
    "a circle round the world": Circle(0, 0, 2e7),
    "nowhere": Circle(60, 25, 1000),
    "the poles": Circle(90, 0, 10_000),
}


def check(search: Search, store: Store, k: int = 10, region: Region | None = None, least: float = 0.97) -> None:
    """Ask with 20 new photos: true similarities in order, the right number, and nearly all of the true ones."""
    within, lats, lons = store.positions()
    if region is not None:
        within = within[region.contains(lats, lons)]
    units = store.descriptors(within)
    shared = asked = 0
    for query in looks(PLACES, seed=77)[::6]:
        rows, similarities = search.nearest(query, k, region)
        truth = units @ query
        true_rows = within[np.argsort(-truth, kind="stable")[:k]]
        assert rows.dtype == np.int64 and similarities.dtype == np.float32
        assert len(rows) == len(similarities) == len(true_rows) == len(set(rows.tolist()))
        assert (np.diff(similarities) <= 0).all()
        np.testing.assert_allclose(similarities, truth[np.searchsorted(within, rows)], atol=1e-6)
        shared += len(set(rows.tolist()) & set(true_rows.tolist()))
        asked += len(true_rows)
    assert shared >= least * asked


@every_engine
@pytest.mark.parametrize("region", REGIONS)
def test_the_nearest_are_found(store, engine, region):
    check(ENGINES[engine](store), store, region=REGIONS[region])


@every_engine
@pytest.mark.parametrize("k", [1, 400, COUNT, 5000])
def test_as_many_as_asked_for_or_as_there_are(store, engine, k):
    check(ENGINES[engine](store), store, k=k)


@every_engine
def test_an_empty_map_has_nothing_near(tmp_path, engine):
    with Store.create(tmp_path / "empty.map", TOY) as store:
        rows, similarities = ENGINES[engine](store).nearest(looks(1, 0)[0], 5)
        assert rows.shape == similarities.shape == (0,)


@every_engine
@pytest.mark.parametrize("region", [None, Circle(-17, 180, 8_000)])
def test_a_search_follows_the_map(store, engine, region):
    search = ENGINES[engine](store)
    check(search, store, region=region)
    store.put(records(150, 5, "new "), looks(150, 5))
    check(search, store, region=region)
    store.remove([str(i) for i in range(0, COUNT, 3)])
    check(search, store, region=region)
    store.put(records(200, 6), looks(200, 6))  # other pixels and places under old ids
    check(search, store, region=region)
    store.update_photo(Record(Photo("7", "/7", Position(-17.0, 180.0)), "hash"))
    check(search, store, region=region)
    if isinstance(search, IndexedSearch):
        search.refresh()
        check(search, store, region=region)


@every_engine
def test_removing_all_photos_of_a_place_shows_the_next_best(store, engine):
    search = ENGINES[engine](store)
    search.nearest(looks(1, 0)[0], 1)
    store.remove([str(i) for i in range(COUNT) if i % 12])  # 11 of 12: what is left lies beyond the first candidates
    check(search, store, k=60)


@every_engine
def test_threads_share_a_search_while_the_map_grows(store, engine):
    search, wrong = ENGINES[engine](store), []
    query = looks(1, 77)[0]

    def ask():
        try:
            for _ in range(40):
                rows, similarities = search.nearest(query, 5)
                if len(set(rows.tolist())) != 5 or (np.diff(similarities) > 0).any():
                    wrong.append(rows)
        except Exception as error:  # a thread must report whatever happened
            wrong.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for batch in range(8):
        store.put(records(30, batch, f"{batch} "), looks(30, batch))
        if isinstance(search, IndexedSearch):
            search.refresh()
    for thread in threads:
        thread.join()
    assert not wrong
    check(search, store)


@every_engine
@pytest.mark.parametrize("region", REGIONS)
def test_a_smaller_number_gives_the_beginning_of_a_larger_one(store, engine, region):
    search, where = ENGINES[engine](store), REGIONS[region]
    store.put(records(150, 5, "new "), looks(150, 5))
    store.remove([str(i) for i in range(0, COUNT, 7)])
    for query in looks(PLACES, seed=77)[::12]:
        longer, similarities = search.nearest(query, 300, where)
        for k in (100, 60, 33, 20, 19, 10, 3, 1):
            rows, of_rows = search.nearest(query, k, where)
            assert rows.tolist() == longer[:k].tolist(), k
            assert of_rows.tolist() == similarities[:k].tolist(), "to the last bit"
            longer, similarities = rows, of_rows


@every_engine
@pytest.mark.parametrize("region", ["everywhere", "a circle across the 180th meridian", "half the world"])
@pytest.mark.parametrize("copies", [60, 500])
def test_of_photos_that_look_the_same_the_oldest_come_first(tmp_path, engine, region, copies):
    """More of them than any shortlist holds, scattered over the map, and some of them are only added later."""
    same, where = looks(1, 3)[0], REGIONS[region]
    order = np.random.default_rng(1).permutation(COUNT)
    with Store.create(tmp_path / "x.map", TOY) as store:
        units = looks(COUNT, 0)
        units[order[:copies]] = same
        store.put(records(COUNT), units)
        search = ENGINES[engine](store)
        store.put(records(150, 5, "new "), np.repeat(same[None], 150, axis=0))
        within = store.rows() if where is None else store.rows_in(where)
        alike = [row for row in within if store.descriptors([row])[0] @ same > 0.999]
        for k in (1, 5, 10, 20, 50, 100, 200):
            assert search.nearest(same, k, where)[0][: len(alike)].tolist() == alike[:k], k


@pytest.mark.parametrize("k", [1, 2, 5, 10, 100, 200])
def test_the_best_of_equal_similarities_are_the_lowest_rows(k):
    rows = np.random.default_rng(0).permutation(np.arange(1, 101))
    equal = np.full(100, 0.5, np.float32)
    assert best(rows, equal, k)[0].tolist() == list(range(1, min(k, 100) + 1))
    equal[rows == 50] = 0.75
    equal[rows == 1] = 0.25
    assert best(rows, equal, k)[0].tolist() == [50, *(row for row in range(2, 101) if row != 50), 1][:k]


circles = st.builds(
    Circle,
    st.one_of(st.floats(-90, 90), st.sampled_from([-90.0, 90.0, 0.0])),
    st.floats(-180, 180),
    st.floats(-1, 7).map(lambda x: 10**x),
)


@settings(max_examples=60, deadline=None)
@given(circle=circles, seed=st.integers(0, 1000))
def test_the_fast_way_to_ask_a_circle_agrees_with_the_geodesic(circle, seed):
    rng = np.random.default_rng(seed)
    spread = circle.radius_m / 111_000
    lats = np.clip(circle.lat + spread * rng.normal(0, 1, 300), -90, 90)
    lons = (circle.lon + spread / max(0.01, np.cos(np.radians(circle.lat))) * rng.normal(0, 1, 300) + 180) % 360 - 180
    np.testing.assert_array_equal(inside(circle, lats, lons), circle.contains(lats, lons))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.tuples(st.floats(-0.3, 0.3), st.floats(-0.3, 0.3)), radius_m=st.floats(0, 60_000))
def test_sketches_know_the_photos_of_every_circle(made, at, radius_m):
    circle = Circle(-17 + at[0], (360 + at[1]) % 360 - 180, radius_m)
    with Store.open(made) as store:
        with sketches(store) as search:
            found = search._live.main.sketches
        code = found.sketcher.sketch(looks(1, 0))
        inside = store.rows_in(circle)
        assert sorted(found.shortlist(code, COUNT, circle).tolist()) == inside.tolist()
        # Few of many are picked out by their sketches first: the same ones.
        differ = np.bitwise_count(found.codes ^ code).sum(axis=1)[np.isin(found.places[3], inside)]
        rows = found.shortlist(code, 20, circle)
        picked = np.bitwise_count(found.codes ^ code).sum(axis=1)[np.isin(found.places[3], rows)]
        assert len(rows) == min(20, len(inside)) and set(rows) <= set(inside)
        assert sorted(picked) == sorted(differ)[:20]


# The cache

LISTS = ("centroids", "sizes", "lists")


def files(path: Path) -> dict[str, bytes]:
    folder = index_file.folder_of(path)
    return {each.name: each.read_bytes() for each in folder.iterdir() if each.name != "lock"}


def test_a_small_map_has_no_cache(store, path):
    open_search(store).refresh()
    assert not index_file.folder_of(path).exists()


def test_a_cache_is_made_once_and_then_used(store, path, monkeypatch):
    check(lists(store), store)
    before = files(path)
    assert {name.split("-")[0] for name in before} == {"current.json", "projection", "places", "codes", *LISTS}
    monkeypatch.setattr(index_builder, "extend", lambda *_: pytest.fail("it was there"))
    check(lists(store), store)
    assert files(path) == before


def test_making_a_cache_shows_progress(store):
    said: list[tuple[str, int, int | None]] = []
    sketches(store, progress=lambda *what: said.append(what))
    assert said[-1] == ("indexing", COUNT, COUNT)


@pytest.mark.parametrize("part", ["current.json", "projection", "places", "codes", *LISTS])
@pytest.mark.parametrize("harm", ["cut", "flip", "gone", "noise"])
def test_a_broken_cache_is_made_again(store, path, part, harm):
    lists(store).close()
    [victim] = [each for each in index_file.folder_of(path).iterdir() if each.name.split("-")[0] == part]
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
def test_a_strange_stamp_is_a_broken_cache(store, path, stamp):
    sketches(store).close()
    (index_file.folder_of(path) / "current.json").write_text(stamp)
    notices: list[str] = []
    check(sketches(store, notices.append), store)
    assert len(notices) == 1


def test_a_cache_half_written_by_a_killed_process_is_never_used(store, path):
    sketches(store).close()
    before = files(path)
    folder = index_file.folder_of(path)
    (folder / "places-000000000000").write_bytes(b"half")
    (folder / "current-000000000000").write_text("{")
    check(sketches(store), store)
    store.put(records(300, 3, "more "), looks(300, 3))
    with sketches(store) as search:
        search.refresh()
    assert len(files(path)) == len(before), "and it is swept away with the next one"


def test_the_cache_of_another_map_is_not_used(store, path, tmp_path):
    sketches(store).close()
    other = tmp_path / "other.map"
    with Store.create(other, TOY) as second:
        second.put(records(COUNT), looks(COUNT, 9))
        shutil.copytree(index_file.folder_of(path), index_file.folder_of(other))
        notices: list[str] = []
        check(sketches(second, notices.append), second)
    assert "belongs to another map" in notices[0]


def test_a_map_put_back_from_a_copy_does_not_use_the_cache_of_its_future(path, tmp_path):
    backup = Path(shutil.copy(path, tmp_path / "backup"))
    with Store.open(path, write=True) as store:
        store.put(records(200, 1, "then "), looks(200, 1))
        sketches(store).close()
    shutil.copy(backup, path)
    with Store.open(path, write=True) as store:
        store.put(records(300, 2, "now "), looks(300, 2))  # the same rows, other photos
        notices: list[str] = []
        check(sketches(store, notices.append), store)
    assert "restored from a copy" in notices[0]


def test_a_few_new_photos_stay_out_of_the_cache_until_there_are_many(store, path):
    search = sketches(store)
    before = files(path)
    store.put(records(90, 3, "few "), looks(90, 3))
    search.refresh()
    check(search, store)
    assert files(path) == before
    store.put(records(90, 4, "more "), looks(90, 4))
    search.refresh()
    search.settle()
    check(search, store)
    [stamp] = [json.loads(content) for name, content in files(path).items() if name == "current.json"]
    assert stamp["version"]["last_row"] == store.version.last_row


def test_photos_are_added_to_the_lists_without_training_them_again(store):
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
    assert search._live.main.trained_on == 2 * COUNT + 300, "when there are more than twice as many, it is"
    check(search, store)


def test_when_many_photos_are_gone_the_cache_is_made_anew(store):
    search = sketches(store)
    store.remove([str(i) for i in range(300)])
    assert len(search._live.main.sketches) == COUNT
    search.refresh()
    search.settle()
    assert len(search._live.main.sketches) == COUNT - 300
    check(search, store)


def test_a_map_that_grows_gets_a_cache_when_it_is_refreshed(tmp_path):
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


def test_a_reader_does_not_wait_for_a_writer_to_close(store, path):
    with Store.open(path) as reader:
        search = sketches(reader)
        store.put(records(50, 3, "new "), looks(50, 3))
        check(search, reader)
        with Store.open(path) as second:
            check(sketches(second), second)


@pytest.mark.parametrize("failing", ["pathlib.Path.mkdir", "os.fsync", "pathlib.Path.replace"])
def test_where_nothing_can_be_written_the_index_stays_in_memory(store, path, monkeypatch, failing):
    def fails(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(failing, fails)
    notices: list[str] = []
    check(lists(store, notices.append), store)
    assert len(notices) == 1 and "stays in memory" in notices[0] and "No space left" in notices[0]
    if index_file.folder_of(path).exists():
        assert files(path) == {}, "and nothing half is left behind"


def test_without_a_notice_the_log_is_told(store, path, caplog):
    sketches(store).close()
    (index_file.folder_of(path) / "current.json").write_text("{")
    indexed(store).close()
    assert "Rebuilding the search index" in caplog.text and caplog.records[0].name == "viewfix"


def test_an_index_can_be_closed_twice(store):
    with sketches(store) as search:
        search.close()
