"""A map over two servers, read through the foreign tables of a third: docs/coordinator.sql is run unchanged."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import viewfix.store.postgres.vector_index as module
from viewfix.errors import StorageFailed
from viewfix.geo import Circle
from viewfix.search.open import open_search
from viewfix.store.points import PointSource
from viewfix.store.postgres.store import PostgresStore
from viewfix.store.store import Store
from viewfix.types import PointOfInterest, Position, Skipped

from .conftest import fresh_name
from .made import DIM, TOY, descriptors, nearest_ids, record, records
from .servers import PostgresServer

SCRIPT = Path(__file__).parents[2] / "docs" / "coordinator.sql"


@pytest.fixture
def coordinator(two_servers: list[PostgresServer]) -> Iterator[PostgresServer]:
    server = PostgresServer()
    yield server
    server.close()


def test_a_map_over_two_servers_is_read_through_a_third(
    two_servers: list[PostgresServer], coordinator: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "INDEX_FROM", 300)
    name, units = fresh_name(), descriptors(800)
    known = {r.photo.id: (r, unit) for r, unit in zip(records(800), units, strict=True)}
    with Store.create(",".join(server.url(name) for server in two_servers), TOY) as store:
        store.put(records(800), units, [Skipped("z.jpg", "damaged")])
        with store.points.replacing(PointSource("a.csv")) as filling:
            filling.put(PointOfInterest("n/1", "Church", "a=b", Position(60.0, 24.9)), name_key="church", wikidata=None)
        open_search(store).refresh()
        version = store.version
    given = {"map": name, "dim": DIM, "database": "postgres", "user": "viewfix"}
    given |= {f"host{n}": server.folder for n, server in enumerate(two_servers)}
    options = [part for key, value in given.items() for part in ("-v", f"{key}={value}")]
    psql = [str(coordinator._bin / "psql"), "-q", "-h", str(coordinator.folder), "-U", "viewfix"]
    done = subprocess.run([*psql, *options, "-f", str(SCRIPT), "postgres"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with Store.open(coordinator.url(name)) as store:
        assert isinstance(store, PostgresStore)
        assert len(store) == 800 and store.version == version
        assert [each.id for each in store.skipped()] == ["z.jpg"] and len(store.points) == 1
        search, found = open_search(store), 0
        for query in descriptors(20, seed=6):
            ids = [photo.id for photo in store.photos(search.nearest(query, 10)[0])]
            found += len(set(ids) & set(nearest_ids(known, query, 10, None)))
            near = Circle(60.02, 24.9, 700.0)
            ids = [photo.id for photo in store.photos(search.nearest(query, 10, near)[0])]
            assert ids == nearest_ids(known, query, 10, near)
        assert found / 200 > 0.97
        plan = store.lines(
            "EXPLAIN (VERBOSE, COSTS OFF) SELECT row FROM descriptors ORDER BY vector <#> %s::halfvec(32) LIMIT 50",
            (str(units[0].tolist()),),
        )
        remote = [line for (line,) in plan if "Remote SQL" in line]
        assert len(remote) == 2 and all("ORDER BY" in line for line in remote), plan
        assert store.known([record(5).photo.id])[record(5).photo.id] == record(5)
        rows = store.rows()
        assert (np.sort(rows) == rows).all() and len(rows) == 800
    with (
        Store.open(coordinator.url(name), write=True) as store,
        pytest.raises(StorageFailed, match="list of its servers"),
    ):
        store.put(records(1), descriptors(1))
