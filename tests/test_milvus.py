"""A map in Milvus without a server: in which order truth and collection are written, and what is told of failures.

Against a real server: tests/engines/test_milvus.py and, with all other engines, tests/engines/test_contract.py.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engines.made import TOY, descriptors, nearest_ids, record, records

from viewfix.errors import BadInput, NotAMap, StorageFailed
from viewfix.geo import Box, Region
from viewfix.search import milvus as searching
from viewfix.search.open import open_search
from viewfix.store.address import Address
from viewfix.store.milvus import store as storing
from viewfix.store.milvus.collection import MOST, Label
from viewfix.store.milvus.errors import translate_errors
from viewfix.store.milvus.sync import KEY
from viewfix.store.milvus.url import MilvusUrl
from viewfix.store.regions import inside
from viewfix.store.store import ModelIdentity, Store


class Server:
    """What a Milvus would hold: by name of collection, its description and its rows."""

    def __init__(self) -> None:
        self.described: dict[str, str] = {}
        self.rows: dict[str, dict[int, tuple[float, float, np.ndarray]]] = {}
        self.fails = ""  # the name of what does not work


class Fake:
    """A collection in a dictionary; see viewfix.store.milvus.collection.Collection."""

    server: Server

    def __init__(self, place: MilvusUrl) -> None:
        self.url, self.name = place, place.collection

    def _asked(self, what: str) -> None:
        if self.server.fails in (what, "all"):
            raise StorageFailed(f"Milvus is down: {what}")

    @property
    def _rows(self) -> dict[int, tuple[float, float, np.ndarray]]:
        return self.server.rows[self.name]

    def found(self) -> str | None:
        self._asked("found")
        return self.server.described.get(self.name)

    def make(self, made: Label) -> None:
        self._asked("make")
        self.server.described[self.name], self.server.rows[self.name] = made.text(), {}

    def load(self) -> None:
        self._asked("load")

    def drop(self) -> None:
        del self.server.described[self.name], self.server.rows[self.name]

    def put(self, rows: np.ndarray, lats: np.ndarray, lons: np.ndarray, units: np.ndarray) -> int:
        self._asked("put")
        self._rows.update(zip(rows.tolist(), zip(lats, lons, units, strict=True), strict=True))
        return 7

    def remove(self, rows: list[int]) -> None:
        self._asked("remove")
        for row in rows:
            self._rows.pop(row, None)

    def count(self, through: int, at: int) -> int:
        return sum(row <= through for row in self._rows)

    def rows_between(self, after: int, through: int) -> np.ndarray:
        return np.array(sorted(row for row in self._rows if after < row <= through), np.int64)

    def shortlist(self, query: np.ndarray, count: int, region: Region | None, at: int) -> np.ndarray:
        self._asked("shortlist")
        found = [
            (-float(unit @ query), row)
            for row, (lat, lon, unit) in self._rows.items()
            if region is None or inside(region, np.array([lat]), np.array([lon]))[0]
        ]
        return np.array([row for _, row in sorted(found)[:count]], np.int64)

    def close(self) -> None: ...


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    found = Server()
    monkeypatch.setattr(Fake, "server", found, raising=False)
    monkeypatch.setattr(storing, "Collection", Fake)
    return found


@pytest.fixture
def place(tmp_path: Path) -> str:
    return f"milvus://somewhere/city?records={tmp_path / 'city.map'}"


def made(place: str, count: int = 100) -> None:
    with Store.create(place, TOY) as store:
        store.put(records(count), descriptors(count))


def known(count: int) -> dict[str, tuple[Any, Any]]:
    return {r.photo.id: (r, unit) for r, unit in zip(records(count), descriptors(count), strict=True)}


def found(store: Store, query: np.ndarray, region: Region | None = None) -> list[str]:
    said: list[str] = []
    rows, _ = open_search(store, notice=said.append).nearest(query, 10, region)
    return [photo.id for photo in store.photos(rows)]


def test_milvus_has_the_rows_before_the_truth_commits(server: Server, place: str) -> None:
    with Store.create(place, TOY) as store:
        seen: list[tuple[int, int]] = []
        store.put(
            records(5),
            descriptors(5),
            before_commit=lambda rows: seen.append((len(server.rows["viewfix_city"]), len(store))),
        )
        assert seen == [(5, 0)] and len(store) == 5


def test_what_milvus_does_not_take_is_not_in_the_map(server: Server, place: str) -> None:
    made(place)
    with Store.open(place, write=True) as store:
        server.fails = "put"
        with pytest.raises(StorageFailed, match="Milvus is down"):
            store.put(records(5, 200), descriptors(5, seed=5))
        with pytest.raises(StorageFailed, match="Milvus is down"):
            store.update_photo(record(3, lat=10.0))
        assert len(store) == 100 and store.known([record(3).photo.id])[record(3).photo.id] == record(3)
        server.fails = ""


def test_what_the_truth_did_not_commit_never_comes_out(server: Server, place: str) -> None:
    made(place)

    def no(rows: np.ndarray) -> None:
        raise RuntimeError("no room")

    with Store.open(place, write=True) as store:
        query = descriptors(5, seed=5)[0]
        with pytest.raises(RuntimeError, match="no room"):
            store.put(records(5, 200), descriptors(5, seed=5), before_commit=no)
        assert len(server.rows["viewfix_city"]) == 105
        assert found(store, query) == nearest_ids(known(100), query, 10, None)
        rows = store.put(records(3, 300), descriptors(3, seed=8))  # under numbers that the failed batch had
        assert found(store, descriptors(3, seed=8)[1])[0] == record(301).photo.id
        assert len(rows) == 3 and len(server.rows["viewfix_city"]) == 105


def test_a_removal_that_milvus_misses_is_a_removal(
    server: Server, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    made(place)
    with Store.open(place, write=True) as store, caplog.at_level(logging.WARNING, "viewfix"):
        server.fails = "remove"
        assert store.remove([record(7).photo.id]) == 1
        assert "1 removed photos stay in Milvus" in caplog.text
        assert record(7).photo.id not in found(store, descriptors(100)[7])
        server.fails = ""


def test_a_collection_that_lacks_a_photo_is_not_asked(server: Server, place: str) -> None:
    made(place)
    del server.rows["viewfix_city"][50]
    said: list[str] = []
    with Store.open(place) as store:
        rows, _ = open_search(store, notice=said.append).nearest(descriptors(100)[49], 1)
        assert rows.tolist() == [50] and "it has 99 of 100 photos" in said[0]
    with Store.open(place, write=True):
        assert len(server.rows["viewfix_city"]) == 100


def test_a_large_map_without_a_whole_collection_gives_no_answer(
    server: Server, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(place)
    monkeypatch.setattr(searching, "EXACT_BELOW", 50)
    for spoil, why in (
        (lambda: server.rows["viewfix_city"].pop(1), "it has 99 of 100 photos"),
        (lambda: server.described.update(viewfix_city="of somebody else"), "it belongs to another map"),
        (server.described.clear, "it is missing"),
    ):
        spoil()
        with Store.open(place) as store, pytest.raises(StorageFailed, match=f"cannot be used: {why}.*viewfix build"):
            open_search(store)
    with Store.open(place, write=True) as store:
        assert found(store, descriptors(100)[3])[0] == record(3).photo.id


def test_a_filling_that_was_stopped_goes_on_and_is_no_whole_meanwhile(
    server: Server, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(place)
    server.described.clear()
    monkeypatch.setattr("viewfix.store.milvus.sync.CHUNK", 10)
    put, times = Fake.put, []

    def sometimes(self: Fake, *values: Any) -> int:
        times.append(1)
        if len(times) == 4:
            raise StorageFailed("killed")
        return put(self, *values)

    monkeypatch.setattr(Fake, "put", sometimes)
    with pytest.raises(StorageFailed, match="killed"):
        Store.open(place, write=True)
    with Store.open(place) as store:
        assert store.meta(KEY)["through"] == 30 == len(server.rows["viewfix_city"])
        for number in (5, 95):  # of those that are in it, and of those that are not
            assert found(store, descriptors(100)[number])[0] == record(number).photo.id
    with Store.open(place, write=True) as store:
        assert len(times) == 4 + 7 and store.meta(KEY)["through"] == 100


def test_photos_that_came_past_milvus_are_found(server: Server, place: str, tmp_path: Path) -> None:
    made(place)
    with Store.open(tmp_path / "city.map", write=True) as records_only:
        records_only.put(records(10, 200), descriptors(10, seed=5))
    query = descriptors(10, seed=5)[4]
    with Store.open(place) as store:
        assert found(store, query)[0] == record(204).photo.id
    with Store.open(place, write=True) as store:
        assert len(server.rows["viewfix_city"]) == 110
        assert found(store, query)[0] == record(204).photo.id


def test_a_collection_made_anew_while_it_is_searched_is_looked_at_again(server: Server, place: str) -> None:
    made(place)
    with Store.open(place) as store:
        search = open_search(store)
        server.described.clear()
        Store.open(place, write=True).close()
        server.rows["viewfix_city"].pop(8)  # of the new one, which the search has not seen yet
        rows, _ = search.nearest(descriptors(100)[7], 1)
        assert rows.tolist() == [8]


def test_a_region_is_searched_to_its_end(server: Server, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made(place)
    monkeypatch.setattr(searching, "SMALL_REGION", 5)
    region = Box(60.0, 24.8, 60.004, 25.0)
    shortlist = Fake.shortlist
    monkeypatch.setattr(Fake, "shortlist", lambda self, *asked: shortlist(self, *asked)[:4])  # as lists may give it
    with Store.open(place) as store:
        for query in descriptors(5, seed=3):
            assert found(store, query, region) == nearest_ids(known(100), query, 10, region)
            assert found(store, query) == nearest_ids(known(100), query, 10, None)
        search = open_search(store)
        assert len(search.nearest(descriptors(1)[0], MOST + 1)[0]) == 100


def test_records_that_cannot_be_are_refused(server: Server, place: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="several servers"):
        Store.create("milvus://h/city?records=postgresql://a/db?map=c,postgresql://b/db?map=c", TOY)
    with pytest.raises(BadInput, match="in Milvus, which cannot store them"):
        Store.create("milvus://h/city?records=milvus://h/other", TOY)
    made(place)
    other = place.replace("city.map", "other.map")
    with pytest.raises(BadInput, match="already a collection viewfix_city"):
        Store.create(other, TOY)
    assert not (tmp_path / "other.map").exists()


def test_a_map_that_could_not_be_made_leaves_nothing(server: Server, place: str, tmp_path: Path) -> None:
    server.fails = "make"
    with pytest.raises(StorageFailed):
        Store.create(place, ModelIdentity("toy", "f" * 64, 32))
    assert not (tmp_path / "city.map").exists()


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("code", "message", "kind", "told"),
    [
        (
            2,
            "Fail connecting to server on somewhere:19530",
            StorageFailed,
            "cannot be reached at http://somewhere:19530",
        ),
        (100, "collection not found[collection=viewfix_city]", StorageFailed, "run: viewfix build"),
        (101, "collection not loaded[collection=4707]", StorageFailed, "in a minute"),
        (800, "database not found[database=nosuch]", NotAMap, "no such database"),
        (65535, "database:nosuch not found", NotAMap, "no such database"),
        (1400, "auth check failure, please check username and password are correct", BadInput, "refuses the user"),
        (9, "quota exceeded[reason=disk quota exceeded]", StorageFailed, "no room left"),
        (65535, "something\nelse with me:secret in it", StorageFailed, "to Milvus failed (something else with ***"),
    ],
)
def test_what_milvus_says_is_told_in_one_line(code: int, message: str, kind: type, told: str) -> None:
    exceptions = pytest.importorskip("pymilvus").exceptions
    place = MilvusUrl.of(Address("milvus://me:secret@somewhere/city"))
    with pytest.raises(kind) as error, translate_errors(place):
        raise exceptions.MilvusException(code=code, message=message)
    assert told in str(error.value) and "\n" not in str(error.value) and "secret" not in str(error.value)


@pytest.mark.parametrize("records", ["postgresql://me:secret@a/db", "postgresql%3A%2F%2Fme%3Asecret%40a%2Fdb"])
def test_no_password_of_the_records_is_shown(records: str) -> None:
    assert "secret" not in str(Address(f"milvus://host/city?records={records}"))
