"""PostgreSQL errors as errors of viewfix: what happened, what was found, what to do next."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from ...errors import BadInput, MapBusy, NotAMap, StorageFailed, ViewfixError
from ...optional import optional
from .url import DatabaseUrl


@contextlib.contextmanager
def translate_errors(url: DatabaseUrl, *, writing: bool = False) -> Iterator[None]:
    """Raise errors of psycopg and its pool as ViewfixErrors about the map at a URL."""
    psycopg, pools = optional("psycopg"), optional("psycopg_pool")
    try:
        yield
    except (psycopg.Error, pools.PoolTimeout, pools.PoolClosed, pools.TooManyRequests) as error:
        raise _translated(url, error, writing) from error
    except UnicodeError as error:  # half a surrogate pair, from the name of a file
        raise BadInput(f"{url.address}: PostgreSQL stores only text that UTF-8 can hold ({error}).") from error


# By SQLSTATE, the longer one first: what happened, and what to do next.
_BY_STATE: list[tuple[str, type[ViewfixError], str]] = [
    ("53100", StorageFailed, "the server's disk is full and the last batch was not written; earlier batches are safe. "
     "Make room there and run the same command again"),
    ("53300", StorageFailed, "the server has no connection left. Raise its max_connections, or try again later"),
    ("28P01", BadInput, "the server refuses the password. Set the right one in ~/.pgpass, PGPASSWORD or the URL"),
    ("28", BadInput, "the server refuses the user. Check the user of the URL, and pg_hba.conf on the server"),
    ("3D000", NotAMap, "there is no such database. Create it with: createdb NAME"),
    ("42501", StorageFailed, "the user lacks a right. Ask the owner of the database to grant it; docs/postgres.md has "
     "the rights that each command needs"),
    ("25006", StorageFailed, "the server is read-only, as a replica is. Use the URL of the primary to write"),
    ("0A000", StorageFailed, "a map behind foreign tables can only be read. To write it, use the list of its servers"),
    ("55P03", MapBusy, "another process holds a lock that is needed. Try again when it has finished"),
    ("57014", StorageFailed, "the statement took longer than statement_timeout. Raise statement_timeout"),
    ("40", MapBusy, "another process changed the same rows at the same moment. Run the same command again"),
    ("42P01", NotAMap, "a table of the map is missing. Was it deleted meanwhile?"),
    ("22P05", BadInput, "the server cannot store a character of that text. Create the database with encoding UTF8"),
    ("22", StorageFailed, "the server refuses a value. This is a bug in viewfix: please report it"),
]  # fmt: skip


def _translated(url: DatabaseUrl, error: Exception, writing: bool) -> ViewfixError:
    seen = url.address.without_secrets(" ".join(str(error).split())) or type(error).__name__
    state = getattr(error, "sqlstate", None) or _state_of(seen)
    for prefix, kind, text in _BY_STATE:
        if state.startswith(prefix):
            return kind(f"{url.address}: {text} ({seen}).")
    if type(error).__name__ == "PoolClosed":
        return StorageFailed(f"The map {url.address} was closed. Open it again before you use it.")
    if state.startswith(("08", "57P")) or not state:
        unsure = (
            "The last batch may or may not have been written: the same command checks that, and continues. "
            if writing
            else ""
        )
        return StorageFailed(
            f"{url.address} cannot be reached ({seen}). {unsure}Check that the server runs and that this machine may "
            "connect to it, then run the same command again."
        )
    return StorageFailed(f"{url.address} could not be read or written ({seen}, SQLSTATE {state}).")


def _state_of(seen: str) -> str:
    """The SQLSTATE of a failed connection, from the server's message: psycopg does not provide it."""
    texts = {
        "password authentication failed": "28P01",
        "no password supplied": "28P01",
        "no pg_hba.conf entry": "28000",
        "does not exist": "3D000" if "database" in seen else "28000",
        "too many clients": "53300",
        "remaining connection slots": "53300",
    }
    return next((state for text, state in texts.items() if text in seen), "")
