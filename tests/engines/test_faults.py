"""Servers that are down, killed or wrong: one line, nothing acknowledged is lost, no partial answers."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from viewfix.errors import BadInput, NotAMap, StorageFailed, ViewfixError
from viewfix.search.open import open_search
from viewfix.store.postgres import schema
from viewfix.store.store import ModelIdentity, Store

from .conftest import Engine, fresh_name
from .made import DIM, TOY, descriptors, record, records
from .servers import PostgresServer


@pytest.fixture(params=["postgres", "shards"])
def distant(request: pytest.FixtureRequest, two_servers: list[PostgresServer]) -> Engine:
    if request.param == "postgres":
        return Engine("postgres", lambda: two_servers[0].url(fresh_name()), two_servers[:1])

    def place() -> str:
        name = fresh_name()
        return ",".join(server.url(name) for server in two_servers)

    return Engine("shards", place, two_servers)


def one_line(error: BaseException) -> str:
    assert isinstance(error, ViewfixError), repr(error)
    text = str(error)
    assert "\n" not in text and len(text) > 40
    return text


def test_a_server_killed_while_writing_loses_nothing_that_was_acknowledged(distant: Engine) -> None:
    place = distant.place()
    acknowledged: list[str] = []
    failed: list[BaseException] = []
    store = Store.create(place, TOY)

    def write() -> None:
        try:
            for start in range(0, 100_000, 20):
                store.put(records(20, start), descriptors(20, seed=start))
                acknowledged.extend(r.photo.id for r in records(20, start))
        except BaseException as error:
            failed.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    while len(acknowledged) < 200:
        time.sleep(0.01)
    distant.kill()
    writer.join(60)
    assert "the same command" in one_line(failed[0])
    store.close()
    distant.start()
    with Store.open(place, write=True) as store:
        ids = store.ids()
        assert set(acknowledged) <= set(ids) and len(ids) == len(set(ids)) == len(store)
        every = [(int(key[-9:-4]), key) for key in acknowledged]
        unit = descriptors(20, seed=every[-1][0] // 20 * 20)[every[-1][0] % 20]
        rows, similarities = open_search(store).nearest(unit, 1)
        assert store.photos(rows)[0].id == every[-1][1] and similarities[0] > 0.99
        store.put(records(20, every[-1][0] // 20 * 20), descriptors(20))  # the same again: nothing twice
        assert len(store) == len(ids)


def test_a_server_killed_while_reading_is_one_clear_error_and_never_a_partial_answer(distant: Engine) -> None:
    place = distant.place()
    units = descriptors(400)
    with Store.create(place, TOY) as store:
        store.put(records(400), units)
    errors: list[BaseException] = []
    wrong: list[list[str]] = []
    with Store.open(place) as store:
        search = open_search(store)
        expected = {n: [p.id for p in store.photos(search.nearest(units[n], 5)[0])] for n in range(0, 400, 20)}

        def ask(first: int) -> None:
            n = first
            while not errors:
                n = (n + 20) % 400
                try:
                    found = [p.id for p in store.photos(search.nearest(units[n], 5)[0])]
                except BaseException as error:
                    errors.append(error)
                else:
                    if found != expected[n]:
                        wrong.append(found)

        threads = [threading.Thread(target=ask, args=(20 * n,)) for n in range(3)]
        for thread in threads:
            thread.start()
        time.sleep(0.3)
        distant.kill()
        for thread in threads:
            thread.join(60)
        assert errors and not wrong
        assert all("cannot be reached" in one_line(error) for error in errors)
        began = time.monotonic()
        with pytest.raises(StorageFailed):
            search.nearest(units[0], 5)
        assert time.monotonic() - began < 15
        distant.start()
        again = open_search(store)  # the same store goes on, when the server is back
        assert [p.id for p in store.photos(again.nearest(units[20], 5)[0])] == expected[20]


def test_a_server_that_is_down_is_reported_at_once(distant: Engine) -> None:
    place = distant.place()
    Store.create(place, TOY).close()
    distant.kill()
    began = time.monotonic()
    for ask in (Store.open, Store.exists):
        with pytest.raises(StorageFailed, match="cannot be reached") as error:
            ask(place)
        one_line(error.value)
    assert time.monotonic() - began < 5


def test_a_wrong_password_is_reported_but_not_shown(server: PostgresServer) -> None:
    name = fresh_name()
    Store.create(server.url(name), TOY).close()
    rules = server.folder / "data" / "pg_hba.conf"
    before = rules.read_text()
    server.run("CREATE ROLE guest LOGIN PASSWORD 'right'", f"GRANT USAGE ON SCHEMA {name} TO guest")
    try:
        rules.write_text("local all guest scram-sha-256\n" + before)
        server.run("SELECT pg_reload_conf()")
        time.sleep(0.2)
        url = f"postgresql://guest:secret@/postgres?host={server.folder}&map={name}"
        with pytest.raises(BadInput, match="password") as error:
            Store.open(url)
        assert "secret" not in one_line(error.value)
        url = url.replace("secret", "right")
        with pytest.raises(StorageFailed, match="lacks a right"):
            Store.open(url)
        server.run(f"GRANT SELECT ON ALL TABLES IN SCHEMA {name} TO guest")
        with Store.open(url) as store:
            assert len(store) == 0
            with pytest.raises(StorageFailed, match="write=True"):
                store.remove(["x"])
        with Store.open(url, write=True) as store, pytest.raises(StorageFailed, match="lacks a right"):
            store.put([record(1)], descriptors(1))
    finally:
        rules.write_text(before)
        server.run("SELECT pg_reload_conf()", "DROP OWNED BY guest", "DROP ROLE guest")


def test_a_missing_database_and_a_url_without_a_map_are_reported(server: PostgresServer) -> None:
    with pytest.raises(NotAMap, match="no such database") as error:
        Store.open(server.url("city", database="nowhere"))
    one_line(error.value)
    for url in (f"postgresql:///postgres?host={server.folder}", server.url("No Name"), server.url("x;drop")):
        with pytest.raises(BadInput, match="map=NAME"):
            Store.open(url)
    with pytest.raises(BadInput, match="is not a URL of PostgreSQL"):
        Store.open("postgresql://host/db?map=city&nonsense=1")


def test_tables_that_are_not_a_map_are_left_alone(server: PostgresServer) -> None:
    name = fresh_name()
    server.run(f"CREATE SCHEMA {name}", f"CREATE TABLE {name}.mine (x int)")
    with pytest.raises(NotAMap, match="is not a map"):
        Store.open(server.url(name))
    with pytest.raises(BadInput, match="already something"):
        Store.create(server.url(name), TOY)
    server.run(f"INSERT INTO {name}.mine VALUES (1)")


def test_an_existing_empty_schema_is_used(server: PostgresServer) -> None:
    name = fresh_name()
    server.run(f"CREATE SCHEMA {name}")
    assert not Store.exists(server.url(name))
    Store.create(server.url(name), TOY).close()
    assert Store.exists(server.url(name))


@pytest.fixture
def small_disk(server: PostgresServer) -> Iterator[str]:
    """A tablespace of 8 MB."""
    folder = server.folder / "small"
    folder.mkdir(exist_ok=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip("no small disk can be mounted here: that takes root")
    try:
        shutil.chown(folder, "nobody")
        server.run(f"CREATE TABLESPACE small LOCATION '{folder}'")
        yield "small"
    finally:
        with contextlib.suppress(Exception):
            server.run("DROP TABLESPACE small")
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="a small disk takes root to mount")
def test_a_full_disk_is_reported_and_committed_batches_stay(server: PostgresServer, small_disk: str) -> None:
    url = server.url(fresh_name(), options=f"-cdefault_tablespace%3D{small_disk}")
    acknowledged = 0
    with Store.create(url, TOY) as store:
        with pytest.raises(StorageFailed, match="disk is full.*Make room") as error:
            for start in range(0, 1_000_000, 2_000):
                store.put(records(2_000, start), descriptors(2_000, seed=start))
                acknowledged += 2_000
        one_line(error.value)
        assert 0 < acknowledged == len(store)
        unit = descriptors(2_000, seed=0)[7]
        assert store.photos(open_search(store).nearest(unit, 1)[0])[0].id == record(7).photo.id
        store.discard()


def test_a_map_of_a_newer_viewfix_is_refused(server: PostgresServer) -> None:
    name = fresh_name()
    Store.create(server.url(name), TOY).close()
    server.run(f"UPDATE {name}.meta SET value = '99' WHERE key = 'schema'")
    with pytest.raises(NotAMap, match="newer viewfix.*99") as error:
        Store.open(server.url(name))
    one_line(error.value)


def test_a_map_of_an_older_schema_is_brought_up_to_date_once(
    server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = fresh_name()
    with Store.create(server.url(name), TOY) as store:
        store.put(records(3), descriptors(3))

    def next_step(connection: Any, values: Mapping[str, int]) -> None:
        connection.execute(f"CREATE TABLE later AS SELECT {values['dim']} AS dim")

    newest = len(schema.STEPS) + 1
    monkeypatch.setattr(schema, "STEPS", [*schema.STEPS, next_step])
    opened: list[Store] = []
    threads = [
        threading.Thread(target=lambda: opened.append(Store.open(server.url(name), write=True))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(opened) == 3 and {len(store) for store in opened} == {3}
    assert opened[0].info()["schema_version"] == newest == opened[0].schema_version
    assert opened[0].lines("SELECT dim FROM later") == [(DIM,)]  # type: ignore[attr-defined]
    for store in opened:
        store.close()
    monkeypatch.undo()
    with pytest.raises(NotAMap, match="newer viewfix"):
        Store.open(server.url(name))


def test_a_server_without_pgvector_says_what_to_install(server: PostgresServer) -> None:
    columns = "name text, default_version text, installed_version text"
    server.run("CREATE DATABASE bare")
    with contextlib.closing(server.connect(dbname="bare")) as connection:
        connection.execute("CREATE SCHEMA fake")  # what its list of extensions says is what is believed
        connection.execute(f"CREATE TABLE fake.pg_available_extensions ({columns})")
        url = server.url(fresh_name(), database="bare", options="-csearch_path%3Dfake,pg_catalog")
        with pytest.raises(StorageFailed, match="no pgvector.*Install it") as error:
            Store.create(url, TOY)
        one_line(error.value)
        connection.execute("INSERT INTO fake.pg_available_extensions VALUES ('vector', '0.8.1', '0.7.4')")
        with pytest.raises(StorageFailed, match="pgvector 0.7.4, but 0.8 is needed.*ALTER EXTENSION"):
            Store.create(url, TOY)
    Store.create(server.url(fresh_name(), database="bare"), TOY).close()  # installed by whoever may


def test_a_replica_is_read_and_says_where_to_write(server: PostgresServer) -> None:
    name = fresh_name()
    with Store.create(server.url(name), TOY) as store:
        store.put(records(3), descriptors(3))
    url = server.url(name, options="-c%20default_transaction_read_only%3Don")  # refuses as a replica does
    with Store.open(url) as store:
        assert len(store) == 3 and not store.local_features("x").keep({("a", "b"): b"c"})
    with Store.open(url, write=True) as store, pytest.raises(StorageFailed, match="the primary"):
        store.put(records(3), descriptors(3))


def test_a_lost_connection_is_reopened_for_readers(server: PostgresServer) -> None:
    name = fresh_name()
    with Store.create(server.url(name), TOY) as store:
        store.put(records(3), descriptors(3))
        server.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'viewfix'")
        assert len(store) == 3


def test_a_closed_map_says_so(server: PostgresServer) -> None:
    store = Store.create(server.url(fresh_name()), TOY)
    store.close()
    store.close()
    with pytest.raises(StorageFailed, match="was closed"):
        len(store)


def test_all_shards_of_one_map_must_be_named_and_no_others(two_servers: list[PostgresServer]) -> None:
    name, other = fresh_name(), fresh_name()
    first, second = (server.url(name) for server in two_servers)
    with Store.create(f"{first},{second}", TOY) as store:
        store.put(records(40), descriptors(40))
        assert {len(shard) for shard in store.shards} != {0, 40}  # type: ignore[attr-defined]
    with Store.open(f"{second},{first}") as store:  # in any order
        assert len(store) == 40
        rows = open_search(store).nearest(descriptors(40)[17], 1)[0]
        assert store.photos(rows)[0].id == record(17).photo.id
    for place, said in (
        (first, "shard 1 of a map over 2 servers"),
        (second, "shard 2 of a map over 2 servers"),
        (f"{first},{first}", "twice"),
        (f"{first},{two_servers[1].url(other)}", "no map at"),
    ):
        with pytest.raises(ViewfixError, match=said) as error:
            Store.open(place)
        one_line(error.value)
    Store.create(two_servers[1].url(other), TOY).close()
    with pytest.raises(NotAMap, match="a complete map, not a shard"):
        Store.open(f"{first},{two_servers[1].url(other)}")
    with pytest.raises(BadInput, match="already something"):  # and nothing half made stays
        Store.create(f"{two_servers[0].url(other)},{two_servers[1].url(other)}", TOY)
    assert not Store.exists(two_servers[0].url(other))


def test_a_shard_that_is_down_is_named(two_servers: list[PostgresServer]) -> None:
    name = fresh_name()
    place = ",".join(server.url(name) for server in two_servers)
    with Store.create(place, TOY) as store:
        store.put(records(40), descriptors(40))
        two_servers[1].kill()
        with pytest.raises(StorageFailed, match=str(two_servers[1].folder)):
            open_search(store).nearest(descriptors(1)[0], 3)
        with pytest.raises(StorageFailed, match=str(two_servers[1].folder)):
            Store.open(place)


def test_shards_of_two_models_are_reported_with_the_command_to_continue(two_servers: list[PostgresServer]) -> None:
    from viewfix.store.store import ModelIdentity

    name = fresh_name()
    place = ",".join(server.url(name) for server in two_servers)
    other = ModelIdentity("other", "e" * 64, DIM)
    with Store.create(place, TOY) as store:
        store.put(records(40), descriptors(40))
        migration = store.begin_migration(other)
        migration.put(records(40), descriptors(40, seed=5))
        migration._open[0].finish()  # type: ignore[attr-defined]  killed before the second
    with pytest.raises(ViewfixError, match="viewfix migrate .* --model other") as error:
        Store.open(place)
    one_line(error.value)
    with Store.open(place, write=True) as store:
        assert store.model == TOY
        migration = store.begin_migration(other)
        assert migration.done() == 40 and not list(migration.todo())
        migration.finish()
    with Store.open(place) as store:
        assert store.model == other
        assert open_search(store).nearest(descriptors(40, seed=5)[3], 1)[1][0] > 0.99


def test_three_builders_of_one_folder_store_every_photo_once(server: PostgresServer, street: Path) -> None:
    count = len(list(street.glob("*.jpg")))
    for attempt in range(2):
        url = server.url(fresh_name())
        command = [sys.executable, "-m", "viewfix", "build", url, str(street), "-q"]
        quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        builders = [subprocess.Popen(command, **quiet) for _ in range(3)]  # type: ignore[call-overload]
        for builder in builders:
            said, errors = builder.communicate(timeout=180)
            assert builder.returncode == 0 and not errors, (attempt, said, errors)
        with Store.open(url) as store:
            assert len(store) == count == len(set(store.ids()))


@pytest.mark.parametrize("dim", [16_001, 16_384, 32_768])
def test_a_model_with_too_many_numbers_is_refused_before_connecting(dim: int) -> None:
    url = "postgresql://nobody@localhost:1/nowhere?map=city"  # nothing answers there
    for place in (url, f"{url},{url.replace('city', 'town')}", f"milvus://localhost:1/city?records={url}"):
        with pytest.raises(BadInput, match=f"at most 16,000 numbers.*{dim:,}.*in a file") as error:
            Store.create(place, ModelIdentity("wide", "f" * 64, dim))
        one_line(error.value)
