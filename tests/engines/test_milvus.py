"""Milvus in particular: a killed server, a lost or foreign collection, regions as filters."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest

from viewfix.errors import BadInput, NotAMap, StorageFailed
from viewfix.geo import Box, Circle
from viewfix.search.open import open_search
from viewfix.store.address import Address
from viewfix.store.milvus.cells import cells, within
from viewfix.store.milvus.url import MilvusUrl
from viewfix.store.store import Store

from .conftest import fresh_name
from .made import TOY, descriptors, nearest_ids, record, records
from .servers import Milvus


def place_of(text: str) -> MilvusUrl:
    return MilvusUrl.of(Address(text))


def test_a_url_names_milvus_and_the_records(monkeypatch: pytest.MonkeyPatch) -> None:
    place = place_of("milvus://host:19530/city")
    assert (place.uri, place.collection, place.records.text) == ("http://host:19530", "viewfix_city", "city.map")
    place = place_of(
        "milvus://me:secret@host/city?secure=1&index=ivf_pq&records=postgresql://a/db?map=c&sslmode=require"
    )
    assert (place.uri, place.token, place.index) == ("https://host:19530", "me:secret", "ivf_pq")
    assert place.records.text == "postgresql://a/db?map=c&sslmode=require"
    two = "postgresql://a/db?map=c,postgresql://b/db?map=c"
    assert place_of(f"milvus://host/city?records={two}").records.text == two
    assert place_of("milvus://host/city?records=postgresql%3A%2F%2Fa%2Fdb%3Fmap%3Dc&index=hnsw").index == "hnsw"
    monkeypatch.setenv("VIEWFIX_RECORDS", "elsewhere.map")
    assert place_of("milvus://host/city").records.text == "elsewhere.map"
    assert "secret" not in str(place.address)
    for wrong in (
        "milvus://host",
        "milvus://host/a b",
        "milvus://host/city?index=best",
        "milvus://host/city?nonsense=1",
    ):
        with pytest.raises(BadInput):
            place_of(wrong)


def test_a_region_touches_the_cells_of_the_positions_in_it() -> None:
    rng = np.random.default_rng(0)
    for region in (Circle(60.17, 24.94, 2000.0), Box(59.9, 24.8, 60.1, 25.2), Circle(-33.0, 179.99, 3000.0)):
        text = within(region)
        assert "cell in" in text
        lats = (
            rng.uniform(-33.1, -32.9, 500)
            if isinstance(region, Circle) and region.lat < 0
            else rng.uniform(59.8, 60.3, 500)
        )
        lons = (
            rng.uniform(179.9, 180.0, 500)
            if isinstance(region, Circle) and region.lat < 0
            else rng.uniform(24.7, 25.3, 500)
        )
        touched = {int(n) for part in text.split("[")[1:] for n in part.split("]")[0].split(",")}
        inside = region.contains(lats, lons)
        assert inside.any() and set(cells(lats[inside], lons[inside]).tolist()) <= touched
    assert "cell in" not in within(Box(-60.0, -100.0, 60.0, 100.0))


@pytest.mark.heavy
def test_a_server_that_is_down_is_reported_in_one_line(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(StorageFailed, match="cannot be reached") as error:
        Store.create(f"milvus://127.0.0.1:1/city?records={tmp_path / 'a.map'}", TOY)
    assert "\n" not in str(error.value) and time.monotonic() - began < 60
    assert not (tmp_path / "a.map").exists()
    with pytest.raises(NotAMap, match="its records are not at"):
        Store.open(f"milvus://127.0.0.1:1/city?records={tmp_path / 'a.map'}")


@pytest.mark.slow
def test_a_large_region_is_a_filter_of_milvus(milvus: Milvus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("viewfix.search.milvus.SMALL_REGION", 20)
    units = descriptors(1000)
    known = {r.photo.id: (r, unit) for r, unit in zip(records(1000), units, strict=True)}
    with Store.create(milvus.url(fresh_name(), str(tmp_path / "a.map")), TOY) as store:
        store.put(records(1000), units)
        search = open_search(store)
        for region in (Circle(60.05, 24.9, 1500.0), Box(60.0, 24.8, 60.03, 25.0)):
            for query in descriptors(5, seed=2):
                rows, _ = search.nearest(query, 10, region)
                assert [p.id for p in store.photos(rows)] == nearest_ids(known, query, 10, region)


@pytest.mark.slow
def test_a_collection_that_is_lost_or_of_another_map_is_rebuilt(milvus: Milvus, tmp_path: Path) -> None:
    place = milvus.url(fresh_name(), str(tmp_path / "a.map"))
    units = descriptors(50)
    with Store.create(place, TOY) as store:
        store.put(records(50), units)
        store.collection.drop()  # type: ignore[attr-defined]
    said: list[str] = []
    with Store.open(place) as store:  # who reads compares all of a small map
        rows, similarities = open_search(store, notice=said.append).nearest(units[7], 1)
        assert store.photos(rows)[0].id == record(7).photo.id and similarities[0] > 0.99
    assert len(said) == 1 and "is not used: it is missing" in said[0]
    with Store.open(place, write=True) as store:  # who writes makes it anew
        assert store.collection.count(1000, 0) == 50  # type: ignore[attr-defined]
        store.collection.remove([3])  # type: ignore[attr-defined]
        assert store.collection.count(1000, 0) == 49  # type: ignore[attr-defined]
    with Store.open(place) as store:
        rows, similarities = open_search(store, notice=said.append).nearest(units[2], 1)
        assert rows.tolist() == [3] and "it has 49 of 50 photos" in said[1]
    Store.open(place, write=True).close()
    with Store.open(place) as store:
        assert open_search(store, notice=said.append).nearest(units[2], 1)[0].tolist() == [3] and len(said) == 2
    (tmp_path / "a.map").unlink()  # the records are lost: what Milvus has is no map
    with pytest.raises(NotAMap):
        Store.open(place)
    with pytest.raises(BadInput, match="already a collection"):
        Store.create(place, TOY)
    Store.create(tmp_path / "a.map", TOY).close()  # another map under the same name
    with Store.open(place, write=True) as store:
        store.put(records(3), descriptors(3, seed=9))
        assert len(open_search(store).nearest(units[7], 10)[0]) == 3


@pytest.mark.slow
def test_milvus_killed_while_writing_loses_nothing_that_was_acknowledged(milvus: Milvus, tmp_path: Path) -> None:
    if not milvus.can_be_killed:
        pytest.skip("the Milvus of VIEWFIX_TEST_MILVUS is somebody else's")
    place = milvus.url(fresh_name(), str(tmp_path / "a.map"))
    with Store.create(place, TOY) as store:
        acknowledged = written_and_asked_until_it_dies(store, milvus)
    milvus.start()
    with Store.open(place, write=True) as store:
        assert len(store) == 20 + 20 * len(acknowledged)
        assert store.collection.count(10**9, 0) >= len(store)  # type: ignore[attr-defined]
        search = open_search(store)
        for start in (acknowledged[0], acknowledged[-1]):
            rows, similarities = search.nearest(descriptors(20, seed=start)[5], 1)
            assert store.photos(rows)[0].id == record(start + 5).photo.id and similarities[0] > 0.99
        store.put(records(5, 200_000), descriptors(5, seed=1))
        assert search.nearest(descriptors(5, seed=1)[0], 1)[1][0] > 0.99


def written_and_asked_until_it_dies(store: Store, milvus: Milvus) -> list[int]:
    """The acknowledged photos, after a writing and a searching thread each got one clear error."""
    acknowledged: list[int] = []
    failed: list[BaseException] = []
    wrong: list[object] = []
    first = descriptors(20, seed=0)

    def write() -> None:
        try:
            for start in range(20, 100_000, 20):  # none of those that are asked for is replaced
                store.put(records(20, start), descriptors(20, seed=start))
                acknowledged.append(start)
        except BaseException as error:
            failed.append(error)

    def ask() -> None:
        try:
            while True:
                rows, similarities = search.nearest(first[3], 1)
                if store.photos(rows)[0].id != record(3).photo.id or similarities[0] < 0.99:
                    wrong.append(rows)
        except BaseException as error:
            failed.append(error)

    store.put(records(20), first)
    store._note()  # type: ignore[attr-defined]  # so that Milvus is asked, and not only the truth
    search = open_search(store)
    threads = [threading.Thread(target=write), threading.Thread(target=ask)]
    for thread in threads:
        thread.start()
    until = time.monotonic() + 60
    while len(acknowledged) < 20 and time.monotonic() < until:
        time.sleep(0.05)
    milvus.kill()
    for thread in threads:
        thread.join(120)
    assert not wrong and len(failed) == 2
    for error in failed:
        assert isinstance(error, StorageFailed) and "\n" not in str(error) and "Milvus" in str(error)
    return acknowledged
