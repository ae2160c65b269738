"""The search index of PostgreSQL: built while others work, rebuilt after a kill, for long descriptors too."""

from __future__ import annotations

import numpy as np
import pytest

from viewfix.geo import Circle
from viewfix.search.open import open_search
from viewfix.store.postgres import vector_index
from viewfix.store.postgres.store import PostgresStore
from viewfix.store.store import ModelIdentity, Store

from .conftest import fresh_name
from .made import TOY, descriptors, nearest_ids, record, records
from .servers import PostgresServer


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vector_index, "INDEX_FROM", 500)


def uses_index(store: Store) -> bool:
    """Whether the index of a map was used since it was built."""
    assert isinstance(store, PostgresStore)
    store.lines("SELECT pg_stat_force_next_flush()")  # on the one connection that its pool has here
    query = "SELECT coalesce(sum(idx_scan), 0) FROM pg_stat_user_indexes WHERE schemaname = %s AND indexrelname = %s"
    return bool(store.lines(query, (store.url.map, vector_index.INDEX))[0][0])


def test_the_index_is_built_for_large_maps_and_agrees_with_an_exact_search(server: PostgresServer) -> None:
    name, units = fresh_name(), descriptors(3000)
    known = {r.photo.id: (r, unit) for r, unit in zip(records(3000), units, strict=True)}
    with Store.create(server.url(name), TOY) as store:
        store.put(records(400), units[:400])
        search = open_search(store)
        search.refresh()
        assert not uses_index(store)
        store.put(records(2600, 400), units[400:])
        search.refresh()
        found = 0
        queries = descriptors(50, seed=3)
        for query in queries:
            ids = [p.id for p in store.photos(search.nearest(query, 10)[0])]
            found += len(set(ids) & set(nearest_ids(known, query, 10, None)))
        assert found / 500 > 0.97
        assert uses_index(store)
        rows, _ = search.nearest(queries[0], 700)  # more than the graph is asked for at first
        assert len(rows) == 700
        search.refresh()  # nothing to do


def test_a_large_region_is_searched_by_the_index_and_a_small_one_exactly(
    server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("viewfix.search.postgres.SMALL_REGION", 200)
    units = descriptors(2000)
    known = {r.photo.id: (r, unit) for r, unit in zip(records(2000), units, strict=True)}
    with Store.create(server.url(fresh_name()), TOY) as store:
        store.put(records(2000), units)
        search = open_search(store)
        search.refresh()
        for radius_m, least in ((1000.0, 1.0), (9000.0, 0.95)):  # 90 photos each way, and 810
            region = Circle(60.0 + 0.09, 24.9, radius_m)
            found = 0
            for query in descriptors(20, seed=4):
                ids = [p.id for p in store.photos(search.nearest(query, 10, region)[0])]
                found += len(set(ids) & set(nearest_ids(known, query, 10, region)))
            assert found / 200 >= least


def test_an_index_left_by_a_killed_build_is_rebuilt(server: PostgresServer) -> None:
    name, units = fresh_name(), descriptors(1000)
    with Store.create(server.url(name), TOY) as store:
        store.put(records(1000), units)
        search = open_search(store)
        search.refresh()
        server.run(f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{name}.{vector_index.INDEX}'::regclass")
        assert search.nearest(units[3], 1)[1][0] > 0.999  # exactly, meanwhile
        search.refresh()
        with server.connect() as connection:
            query = f"SELECT indisvalid FROM pg_index WHERE indexrelid = '{name}.{vector_index.INDEX}'::regclass"
            assert connection.execute(query).fetchone() == (True,)


def test_one_process_builds_the_index_and_others_continue(server: PostgresServer) -> None:
    name, units = fresh_name(), descriptors(1000)
    with Store.create(server.url(name), TOY) as store, Store.open(server.url(name)) as other:
        store.put(records(1000), units)
        with store.alone(f"index of {store.map_id}") as mine:  # type: ignore[attr-defined]
            assert mine is not None
            open_search(other).refresh()  # somebody is at it: not waited for
            store.put([record(2000)], units[:1])
        assert not uses_index(store)


def test_descriptors_too_long_for_hnsw_are_indexed_by_their_signs(server: PostgresServer) -> None:
    dim = 4200
    units = np.random.default_rng(0).standard_normal((600, dim)).astype(np.float32)
    units /= np.linalg.norm(units, axis=1)[:, None]
    name = fresh_name()
    url = server.url(name, options="-cenable_sort%3Doff")  # so few are sorted faster than they are looked for
    with Store.create(url, ModelIdentity("long", "a" * 64, dim)) as store:
        store.put(records(600), units)
        search = open_search(store)
        search.refresh()
        near = units[17] + 0.2 * units[18]
        rows, similarities = search.nearest(near / np.linalg.norm(near), 2)
        assert [p.id for p in store.photos(rows)] == [record(17).photo.id, record(18).photo.id]
        assert similarities[0] == pytest.approx(1 / np.sqrt(1.04), abs=1e-2)
        assert uses_index(store)


@pytest.mark.parametrize("indexed", [False, True])
def test_long_descriptors_without_negative_numbers_are_found(server: PostgresServer, indexed: bool) -> None:
    """Their signs are measured from their mean: measured from zero, all photos would have the same."""
    dim, rng = 4200, np.random.default_rng(0)
    places = np.abs(rng.standard_normal((80, dim)))
    units = (places[np.arange(800) % 80] + np.abs(0.7 * rng.standard_normal((800, dim)))).astype(np.float32)
    units /= np.linalg.norm(units, axis=1)[:, None]
    url = server.url(fresh_name(), options="-cenable_sort%3Doff")  # so few are sorted faster than they are looked for
    with Store.create(url, ModelIdentity("positive", "a" * 64, dim)) as store:
        store.put(records(800), units)
        search = open_search(store)
        if indexed:
            search.refresh()
        found = 0
        for place in range(0, 80, 8):
            query = places[place] + np.abs(0.7 * rng.standard_normal(dim))
            query = (query / np.linalg.norm(query)).astype(np.float32)
            true = store.rows()[np.argsort(-(store.descriptors(store.rows()) @ query), kind="stable")[:10]]
            found += len(set(search.nearest(query, 10)[0].tolist()) & set(true.tolist()))
        assert found >= 98
        assert uses_index(store) == indexed


def test_an_index_by_signs_that_are_not_centred_is_built_again(server: PostgresServer) -> None:
    dim, name = 4200, fresh_name()
    units = np.abs(np.random.default_rng(0).standard_normal((600, dim))).astype(np.float32)
    units /= np.linalg.norm(units, axis=1)[:, None]
    with Store.create(server.url(name), ModelIdentity("positive", "a" * 64, dim)) as store:
        store.put(records(600), units)
        assert isinstance(store, PostgresStore)
        over = f"(binary_quantize(vector)::bit({dim})) bit_hamming_ops"
        with store.transaction() as connection:
            connection.execute(f"CREATE INDEX {vector_index.INDEX} ON descriptors USING hnsw ({over})")
        search = open_search(store)
        assert search.nearest(units[3], 1)[1][0] > 0.999, "all are compared until the new index is there"
        search.refresh()
        query = f"SELECT pg_get_indexdef('{name}.{vector_index.INDEX}'::regclass)"
        assert vector_index.SIGNS in store.lines(query)[0][0]
        assert search.nearest(units[3], 1)[1][0] > 0.999


def test_a_migration_to_longer_descriptors_without_negative_numbers_builds_their_index(server: PostgresServer) -> None:
    dim = 4200
    units = np.abs(np.random.default_rng(0).standard_normal((600, dim))).astype(np.float32)
    units /= np.linalg.norm(units, axis=1)[:, None]
    place = server.url(fresh_name())
    with Store.create(place, TOY) as store:
        store.put(records(600), descriptors(600))
        for dims, fingerprint in ((dim, "b"), (dim, "c"), (TOY.dim, "d")):
            with Store.open(place, write=True) as writer:
                migration = writer.begin_migration(ModelIdentity("other", fingerprint * 64, dims))
                wide = units if dims == dim else descriptors(600)
                migration.put(records(600), wide)
                migration.finish()
            with Store.open(place) as reader:
                assert isinstance(reader, PostgresStore)
                assert reader.read(vector_index.state, reader.url.map, dims) == "ready"
                assert open_search(reader).nearest(wide[7], 1)[1][0] > 0.999
