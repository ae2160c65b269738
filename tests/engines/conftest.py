"""Every engine that is available here, as places for new maps; servers are started once a process."""

from __future__ import annotations

import importlib.util
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from .servers import Milvus, PostgresServer, why_not

_NUMBERS = itertools.count(1)


@dataclass
class Engine:
    """Creates places for maps of one engine, with its servers, which a test may kill and restart."""

    name: str
    place: Callable[[], str]
    servers: list[Any] = field(default_factory=list)

    def kill(self) -> None:
        self.servers[-1].kill()

    def start(self) -> None:
        self.servers[-1].start()


@pytest.fixture(scope="session")
def postgres_servers() -> Iterator[list[PostgresServer]]:
    if (reason := why_not()) is not None:
        pytest.skip(reason)
    servers: list[PostgresServer] = []
    try:
        for _ in range(2):
            servers.append(PostgresServer())
        yield servers
    finally:
        for server in servers:
            server.close()


@pytest.fixture
def server(postgres_servers: list[PostgresServer]) -> Iterator[PostgresServer]:
    """One PostgreSQL server, restarted after the test if necessary."""
    yield postgres_servers[0]
    _see_to(postgres_servers)


@pytest.fixture
def two_servers(postgres_servers: list[PostgresServer]) -> Iterator[list[PostgresServer]]:
    yield postgres_servers
    _see_to(postgres_servers)


@pytest.fixture(scope="session")
def milvus() -> Iterator[Milvus]:
    for package in ("milvus", "pymilvus"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed, so there is no Milvus to test with")
    import viewfix.store.milvus.collection as module

    module.PARTITIONS = 4  # each takes a while to be made
    server = Milvus()
    yield server
    server.close()


def _see_to(servers: list[PostgresServer]) -> None:
    for server in servers:
        if server._process is None:
            server.start()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests with Milvus as slow: creating a collection takes three seconds."""
    for item in items:
        if "[milvus" in item.name and Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.slow)


def fresh_name() -> str:
    """A map name that no test of this process has used."""
    return f"m{next(_NUMBERS)}"


ENGINES = ("sqlite", "postgres", "shards", "milvus")


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    name: str = request.param
    if name == "sqlite":
        return Engine(name, lambda: str(tmp_path / f"{fresh_name()}.map"))
    if name == "milvus":
        server: Milvus = request.getfixturevalue("milvus")
        beside: list[PostgresServer] = request.getfixturevalue("two_servers")

        def over_records() -> str:
            name = fresh_name()
            return server.url(name, beside[0].url(name))

        return Engine(name, over_records, [server])
    servers: list[PostgresServer] = request.getfixturevalue("two_servers")
    if name == "postgres":
        return Engine(name, lambda: servers[0].url(fresh_name()), servers[:1])

    def shards() -> str:
        name = fresh_name()
        return ",".join(server.url(name) for server in servers)

    return Engine(name, shards, servers)
