"""A place goes in; connections of PostgreSQL come out, shared between threads, their errors in our words."""

from __future__ import annotations

import contextlib
import logging
import zlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from ...errors import BadInput, MapBusy, NotAMap, StorageFailed, ViewfixError
from ...optional import optional
from .place import Place
from .timed import connection_class, unlimited

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[Any]

Result = TypeVar("Result")

MOST_CONNECTIONS = 16
WAIT_SECONDS = 5.0  # for a connection of the pool: then the server is taken to be gone

# Of an HNSW graph 120 candidates are looked at: of 200,000 photos that finds 0.98 to 0.99 of the true ten. Where more
# are wanted, or a region leaves most of them out, the search goes on from there (pgvector 0.8).
_SETTINGS = (
    "SET hnsw.ef_search = 120",
    "SET hnsw.iterative_scan = relaxed_order",
    "SET hnsw.max_scan_tuples = 40000",
    "SET enable_seqscan = off",  # reading everything looks as cheap as the graph to the planner, and is not
    "SET jit = off",  # compiling takes longer than any of our questions
    "SET plan_cache_mode = force_custom_plan",  # a plan for the region at hand, not for regions in general
)


class Pool:
    """Connections that see the tables of one map, borrowed by one thread at a time."""

    def __init__(self, place: Place) -> None:
        self.place = place
        pools = optional("psycopg_pool")
        logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # what it warns of is raised, in our words
        with alone(place) as connection:
            self._path = search_path(connection, place)
        with told(place):
            self._pool = pools.ConnectionPool(
                connection_class=connection_class(place.parameters),
                kwargs={**place.parameters, "autocommit": True},
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
    def borrowed(self) -> Iterator[Connection]:
        """A connection on which each statement is a transaction of its own."""
        with told(self.place), self._pool.connection() as connection:
            yield connection

    def read(self, question: Callable[..., Result], *values: Any) -> Result:
        """Ask `question(connection, *values)`; again, once, where the connection has died: reading does no harm."""
        operational = optional("psycopg").OperationalError
        with told(self.place):
            for last_try in (False, True):
                with self._pool.connection() as connection:
                    try:
                        return question(connection, *values)
                    except operational:
                        if last_try or not connection.closed:
                            raise
                with alone(self.place):  # where the server is gone that is said at once, not when the pool gives up
                    self._pool.check()  # it was restarted: the others of the pool are dead too
            raise AssertionError("the second try returns or raises")

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Connection]:
        """All of it or nothing."""
        with told(self.place, writing=True), self._pool.connection() as connection, connection.transaction():
            yield connection

    def close(self) -> None:
        self._pool.close()


@contextlib.contextmanager
def alone(place: Place) -> Iterator[Connection]:
    """One connection outside of a pool: what is wrong with the server is said at once, not when a pool gives up."""
    kind = connection_class(place.parameters)
    with told(place), contextlib.closing(kind.connect(**place.parameters, autocommit=True)) as connection:
        yield connection


@contextlib.contextmanager
def advisory(place: Place, pool: Pool, purpose: str) -> Iterator[Connection | None]:
    """A connection for work that one process at a time may do; None while another process does it."""
    key = (0x7669, zlib.crc32(purpose.encode()) - 2**31)
    with told(place), pool.borrowed() as connection:
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


def search_path(connection: Connection, place: Place) -> str:
    """The map's schema, and the one that the types of pgvector are in."""
    query = "SELECT nspname FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace WHERE extname = 'vector'"
    found = connection.execute(query).fetchone()
    home = '"' + (found[0] if found else "public").replace('"', '""') + '"'
    return f'"{place.map}", {home}, public'


@contextlib.contextmanager
def told(place: Place, *, writing: bool = False) -> Iterator[None]:
    """Turn the errors of PostgreSQL into ours: what happened, what was seen, what to do next."""
    psycopg, pools = optional("psycopg"), optional("psycopg_pool")
    try:
        yield
    except (psycopg.Error, pools.PoolTimeout, pools.PoolClosed, pools.TooManyRequests) as error:
        raise _in_our_words(place, error, writing) from error


# By SQLSTATE, the longer one first: what happened, and what to do next.
_TROUBLES: list[tuple[str, type[ViewfixError], str]] = [
    ("53100", StorageFailed, "the server's disk is full, the last batch was not written, what was committed before is "
     "safe. Make room there and run the same command again"),
    ("53300", StorageFailed, "the server has no connection left. Raise its max_connections, or try again later"),
    ("28P01", BadInput, "the server refuses the password. Put the right one into ~/.pgpass, PGPASSWORD or the URL"),
    ("28", BadInput, "the server refuses the user. Check the user of the URL, and pg_hba.conf on the server"),
    ("3D000", NotAMap, "there is no such database. Make it with: createdb NAME"),
    ("42501", StorageFailed, "the user may not do that. Let the owner of the database grant it; docs/postgres.md lists "
     "the rights that each command needs"),
    ("25006", StorageFailed, "the server only reads, as a replica does. Write through the URL of the primary"),
    ("0A000", StorageFailed, "that cannot be done here: a map behind foreign tables is only read. Write through the "
     "list of its servers"),
    ("55P03", MapBusy, "another process holds what is wanted. Try again when it has finished"),
    ("57014", StorageFailed, "the server gave up, for it took longer than statement_timeout allows. Raise that"),
    ("40", MapBusy, "another process changed the same at the same moment. Run the same command again"),
    ("42P01", NotAMap, "a table of the map is missing. Was it deleted meanwhile?"),
    ("22", StorageFailed, "the server refuses a value. That is a fault of viewfix: please report it"),
]  # fmt: skip


def _in_our_words(place: Place, error: Exception, writing: bool) -> ViewfixError:
    seen = " ".join(str(error).split()) or type(error).__name__
    state = getattr(error, "sqlstate", None) or _state_of(seen)
    for prefix, kind, text in _TROUBLES:
        if state.startswith(prefix):
            return kind(f"{place.address}: {text} ({seen}).")
    if type(error).__name__ == "PoolClosed":
        return StorageFailed(f"The map {place.address} was closed. Open it again before you use it.")
    if state.startswith(("08", "57P")) or not state:
        unsure = (
            "Whether the last batch was written is not known; the same command finds out and goes on. "
            if writing
            else ""
        )
        return StorageFailed(
            f"{place.address} cannot be reached ({seen}). {unsure}Check that the server runs and that this machine may "
            "connect to it, then run the same command again."
        )
    return StorageFailed(f"{place.address} could not be read or written ({seen}, SQLSTATE {state}).")


def _state_of(seen: str) -> str:
    """A connection that fails has no SQLSTATE, only the server's text."""
    texts = {
        "password authentication failed": "28P01",
        "no password supplied": "28P01",
        "no pg_hba.conf entry": "28000",
        "does not exist": "3D000" if "database" in seen else "28000",
        "too many clients": "53300",
        "remaining connection slots": "53300",
    }
    return next((state for text, state in texts.items() if text in seen), "")
