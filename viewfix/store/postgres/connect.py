"""PostgreSQL connections to one map, shared between threads."""

from __future__ import annotations

import contextlib
import logging
import zlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from ...optional import optional
from .errors import translate_errors
from .timed import connection_class, unlimited
from .url import DatabaseUrl

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[Any]

Result = TypeVar("Result")

MOST_CONNECTIONS = 16
WAIT_SECONDS = 5.0  # for a connection of the pool; after that the server counts as gone

# A search of the HNSW graph looks at 120 candidates: in 200,000 photos that finds 0.98 to 0.99 of the true ten. Where
# more are wanted, or a region excludes most of them, the search continues from there (pgvector 0.8).
_SETTINGS = (
    "SET hnsw.ef_search = 120",
    "SET hnsw.iterative_scan = relaxed_order",
    "SET hnsw.max_scan_tuples = 40000",
    "SET enable_seqscan = off",  # the planner estimates a full scan as cheap as the graph, which it is not
    "SET jit = off",  # compiling takes longer than any of our queries
    "SET plan_cache_mode = force_custom_plan",  # a plan for the region at hand, not for regions in general
)


class Pool:
    """Connections that see the tables of one map, each borrowed by one thread at a time."""

    def __init__(self, url: DatabaseUrl) -> None:
        self.url = url
        pools = optional("psycopg_pool")
        logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # translate_errors raises what it would warn of
        with connected(url) as connection:
            self._path = search_path(connection, url)
        with translate_errors(url):
            self._pool = pools.ConnectionPool(
                connection_class=connection_class(url.parameters),
                kwargs={**url.parameters, "autocommit": True},
                min_size=0,
                max_size=MOST_CONNECTIONS,
                timeout=WAIT_SECONDS,
                reconnect_timeout=WAIT_SECONDS,
                configure=self._configure,
                open=True,
            )

    def _configure(self, connection: Connection) -> None:
        connection.execute(f"SET search_path TO {self._path}")
        for setting in _SETTINGS:
            connection.execute(setting)

    @contextlib.contextmanager
    def borrow(self) -> Iterator[Connection]:
        """A connection on which each statement is a separate transaction."""
        with translate_errors(self.url), self._pool.connection() as connection:
            yield connection

    def read(self, query: Callable[..., Result], *values: Any) -> Result:
        """Call `query(connection, *values)`, and retry once if the connection was lost: reading is safe to repeat."""
        operational = optional("psycopg").OperationalError
        with translate_errors(self.url):
            for last_try in (False, True):
                with self._pool.connection() as connection:
                    try:
                        return query(connection, *values)
                    except operational:
                        if last_try or not connection.closed:
                            raise
                with connected(self.url):  # if the server is gone this fails at once; the pool would wait
                    self._pool.check()  # it was restarted: the other connections of the pool are dead too
            raise AssertionError("the second try returns or raises")

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A connection in a transaction: the whole block is committed, or nothing."""
        with translate_errors(self.url, writing=True), self._pool.connection() as connection, connection.transaction():
            yield connection

    def close(self) -> None:
        self._pool.close()


@contextlib.contextmanager
def connected(url: DatabaseUrl) -> Iterator[Connection]:
    """One connection outside of a pool: if the server is down it fails at once, not after a timeout."""
    kind = connection_class(url.parameters)
    with translate_errors(url), contextlib.closing(kind.connect(**url.parameters, autocommit=True)) as connection:
        yield connection


@contextlib.contextmanager
def advisory_lock(pool: Pool, purpose: str) -> Iterator[Connection | None]:
    """A connection for work that only one process may do at a time; None while another process does it."""
    key = (0x7669, zlib.crc32(purpose.encode()) - 2**31)
    with pool.borrow() as connection:
        locked = connection.execute("SELECT pg_try_advisory_lock(%s, %s)", key).fetchone()
        if locked is None or not locked[0]:
            yield None
            return
        try:
            with unlimited(connection):
                yield connection
        finally:
            if not connection.closed:
                connection.execute("SELECT pg_advisory_unlock(%s, %s)", key)


@contextlib.contextmanager
def creation_lock(connection: Connection, name: str) -> Iterator[None]:
    """Let one process at a time create things of that name, until the transaction of the caller ends."""
    connection.execute("SELECT pg_advisory_xact_lock(%s, %s)", (0x7669, zlib.crc32(name.encode()) - 2**31))
    yield


def search_path(connection: Connection, url: DatabaseUrl) -> str:
    """The map's schema, and the one that holds the types of pgvector."""
    query = "SELECT nspname FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace WHERE extname = 'vector'"
    found = connection.execute(query).fetchone()
    home = '"' + (found[0] if found else "public").replace('"', '""') + '"'
    return f'"{url.map}", {home}, public'
