"""Every search finds what a comparison with all photos finds, even while the map changes."""

from __future__ import annotations

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
from viewfix.search import index_file
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
    """(count, DIM) descriptors of 120 places, ten photos or more of each."""
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
    """Search for 20 new photos: similarities are true and in order, and nearly all of the true results are found."""
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
def test_the_nearest_photos_are_found(store, engine, region):
    check(ENGINES[engine](store), store, region=REGIONS[region])


@every_engine
@pytest.mark.parametrize("k", [1, 400, COUNT, 5000])
def test_a_search_returns_k_photos_or_all_of_a_smaller_map(store, engine, k):
    check(ENGINES[engine](store), store, k=k)


@every_engine
def test_a_search_in_an_empty_map_returns_nothing(tmp_path, engine):
    with Store.create(tmp_path / "empty.map", TOY) as store:
        rows, similarities = ENGINES[engine](store).nearest(looks(1, 0)[0], 5)
        assert rows.shape == similarities.shape == (0,)


@every_engine
@pytest.mark.parametrize("region", [None, Circle(-17, 180, 8_000)])
def test_a_search_sees_every_change_of_the_map(store, engine, region):
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
def test_when_most_photos_were_removed_the_next_best_are_found(store, engine):
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
def test_a_smaller_k_returns_the_beginning_of_a_larger_one(store, engine, region):
    search, where = ENGINES[engine](store), REGIONS[region]
    store.put(records(150, 5, "new "), looks(150, 5))
    store.remove([str(i) for i in range(0, COUNT, 7)])
    if isinstance(
        search, IndexedSearch
    ):  # a new index, if so many changes start one, must not come between two searches
        search.nearest(looks(1, seed=77)[0], 1)
        search.settle()
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
def test_the_oldest_of_identical_photos_come_first(tmp_path, engine, region, copies):
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
def test_equal_similarities_are_sorted_by_row(k):
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
def test_the_fast_test_for_a_circle_agrees_with_the_geodesic(circle, seed):
    rng = np.random.default_rng(seed)
    spread = circle.radius_m / 111_000
    lats = np.clip(circle.lat + spread * rng.normal(0, 1, 300), -90, 90)
    lons = (circle.lon + spread / max(0.01, np.cos(np.radians(circle.lat))) * rng.normal(0, 1, 300) + 180) % 360 - 180
    np.testing.assert_array_equal(inside(circle, lats, lons), circle.contains(lats, lons))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.tuples(st.floats(-0.3, 0.3), st.floats(-0.3, 0.3)), radius_m=st.floats(0, 60_000))
def test_sketches_find_all_photos_in_a_circle(made, at, radius_m):
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
