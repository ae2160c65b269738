"""Connections that abandon a statement if the server does not respond at all, for example because it is frozen."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Generator, Iterator, Mapping
from typing import Any

from ...optional import optional

SLACK_S = 5.0
"""The server ends a statement at its `statement_timeout`; after this much longer it counts as gone."""


def connection_class(parameters: Mapping[str, Any]) -> Any:
    """The class of connections for a map: with a time limit where the URL sets `statement_timeout`, else psycopg's.

    The server's own limit is not enough: a server that is stopped or cut off never answers, and a thread would wait
    for it for ever.
    """
    psycopg = optional("psycopg")
    limit_s = _limit_s(str(parameters.get("options", "")))
    if limit_s is None:
        return psycopg.Connection

    def wait(self: Any, gen: Any, *args: Any, **kwargs: Any) -> Any:
        limited = gen if self.limit_s is None else _limited(self, gen, self.limit_s)
        return psycopg.Connection.wait(self, limited, *args, **kwargs)

    return type("TimedConnection", (psycopg.Connection,), {"wait": wait, "limit_s": limit_s})


@contextlib.contextmanager
def unlimited(connection: Any) -> Iterator[None]:
    """Let statements on a connection take as long as they need, for work such as building an index."""
    limit_s = getattr(connection, "limit_s", None)
    if limit_s is None:
        yield
        return
    connection.execute("SET statement_timeout = 0")
    connection.limit_s = None
    try:
        yield
    finally:
        connection.limit_s = limit_s
        if not connection.closed:
            connection.execute("RESET statement_timeout")


def _limited(connection: Any, gen: Any, limit_s: float) -> Generator[Any, Any, Any]:
    """Limit psycopg's wait generator: psycopg resumes it every tenth of a second, with or without an answer."""
    give_up = time.monotonic() + limit_s
    try:
        state = next(gen)
        while True:
            ready = yield state
            if not ready and time.monotonic() > give_up:
                connection.pgconn.finish()
                raise optional("psycopg").OperationalError(f"no answer within {limit_s:.0f} s")
            state = gen.send(ready)
    except StopIteration as end:
        return end.value


def _limit_s(options: str) -> float | None:
    found = re.search(r"statement_timeout\s*=\s*(\d+)", options)
    return int(found[1]) / 1000 + SLACK_S if found and int(found[1]) > 0 else None
