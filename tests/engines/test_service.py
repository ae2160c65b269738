"""The service over a map in a real PostgreSQL that freezes, dies and comes back."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

pytest.importorskip("fastapi", reason="the extra [server] is not installed")

from starlette.testclient import TestClient  # noqa: E402

from viewfix import Map  # noqa: E402
from viewfix.errors import StorageFailed  # noqa: E402
from viewfix.server import Settings, create_app  # noqa: E402
from viewfix.store.store import Store  # noqa: E402

from .conftest import fresh_name  # noqa: E402
from .servers import PostgresServer  # noqa: E402

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="only POSIX can freeze a process")


@contextmanager
def frozen(server: PostgresServer) -> Iterator[None]:
    """Stop all processes of a server: connections stay open, but get no answer."""
    assert server._process is not None
    root = psutil.Process(server._process.pid)
    stopped = [root, *root.children(recursive=True)]
    for each in stopped:
        os.kill(each.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for each in stopped:
            os.kill(each.pid, signal.SIGCONT)


def test_a_frozen_database_does_not_block_the_service(server: PostgresServer, street: Path) -> None:
    photo = sorted(street.glob("*.jpg"))[1].read_bytes()
    url = server.url(fresh_name())
    Map.build(url, street).close()
    settings = Settings(probe_s=0.5, statement_s=1.0, answer_s=30.0)
    with TestClient(create_app([url], settings), raise_server_exceptions=False) as client:
        assert client.post("/v1/locate?verify=off", content=photo).json()["properties"]["found"]
        assert client.get("/readyz").status_code == 200
        with frozen(server):
            time.sleep(1.1)  # a probe counts for a second
            answers: list[tuple[int, str, float]] = []

            def ask() -> None:
                began = time.monotonic()
                answer = client.post("/v1/locate?verify=off", content=photo)
                answers.append((answer.status_code, answer.text, time.monotonic() - began))

            asking = [threading.Thread(target=ask) for _ in range(3)]
            for each in asking:
                each.start()
            began = time.monotonic()
            assert client.get("/healthz").status_code == 200
            assert client.get("/metrics").status_code == 200
            assert client.get("/page/page.js").status_code == 200
            assert time.monotonic() - began < 2
            assert client.get("/readyz").status_code == 503
            for each in asking:
                each.join(60)
        assert [status for status, _, _ in answers] == [507] * 3, answers
        assert all("postgresql" not in text and str(server.folder) not in text for _, text, _ in answers)
        until = time.monotonic() + 30
        while client.get("/readyz").status_code != 200:
            assert time.monotonic() < until, "it does not come back"
            time.sleep(0.2)
        assert client.post("/v1/locate?verify=off", content=photo).json()["properties"]["found"]


def test_a_statement_is_abandoned_after_the_timeout_of_the_url(server: PostgresServer) -> None:
    """Both ways: the server ends a slow statement, and the client abandons a server that never answers."""
    from viewfix.store.records import ModelIdentity

    name = fresh_name()
    Store.create(server.url(name), ModelIdentity("toy", "f" * 64, 4)).close()
    limited = server.url(name, options="-c%20statement_timeout%3D500")
    with Store.open(limited) as store:
        began = time.monotonic()
        with pytest.raises(StorageFailed, match="statement_timeout"):
            store.pool.read(lambda connection: connection.execute("SELECT pg_sleep(30)"))  # type: ignore[attr-defined]
        assert time.monotonic() - began < 10
        with frozen(server):
            began = time.monotonic()
            with pytest.raises(StorageFailed):
                len(store)
            assert time.monotonic() - began < 40
        assert len(store) == 0


def test_work_that_holds_a_lock_is_not_limited(server: PostgresServer) -> None:
    """Building an index may take minutes, even if the URL limits statements."""
    from viewfix.store.records import ModelIdentity

    name = fresh_name()
    Store.create(server.url(name), ModelIdentity("toy", "f" * 64, 4)).close()
    with Store.open(server.url(name, options="-c%20statement_timeout%3D300")) as store:
        with store.alone("a test") as connection:  # type: ignore[attr-defined]
            connection.execute("SELECT pg_sleep(0.7)")
        with pytest.raises(StorageFailed):
            store.pool.read(lambda connection: connection.execute("SELECT pg_sleep(0.7)"))  # type: ignore[attr-defined]
