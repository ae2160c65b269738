"""A place goes in; a client of Milvus comes out, and what goes wrong with it is told in our words."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from typing import Any

from ...errors import BadInput, NotAMap, StorageFailed, ViewfixError
from ...optional import optional
from .place import Place

TIMEOUT_S = 30.0
"""The longest that one question may take; without it the client would try again for minutes."""


def connected(place: Place) -> Any:
    """A client of the Milvus at a place.

    Raises:
        StorageFailed: it cannot be reached.
        BadInput: it refuses the user, or has no such database.
    """
    milvus = optional("pymilvus")
    # It prints pages of traceback for each error, of those too that are raised: they are told in our words instead.
    logging.getLogger("pymilvus").setLevel(logging.CRITICAL + 1)
    with told(place):
        return milvus.MilvusClient(place.uri, token=place.token, db_name=place.database, timeout=TIMEOUT_S)


@contextlib.contextmanager
def told(place: Place) -> Iterator[None]:
    """Turn the errors of Milvus into ours: what happened, what was seen, what to do next."""
    exceptions, grpc = optional("pymilvus").exceptions, optional("grpc")
    try:
        yield
    except (exceptions.MilvusException, grpc.RpcError, ConnectionError, TimeoutError) as error:
        raise _in_our_words(place, error) from error
    except ValueError as error:
        if "closed channel" not in str(error):  # gRPC has no class for it
            raise
        raise StorageFailed(f"{place.address} was closed. Open it again.") from error


# Codes of Milvus' answers, and of its client where it got none.
_NO_ANSWER, _NO_COLLECTION, _NOT_LOADED, _NO_DATABASE = (1, 2), 100, (101, 103), 800
_NO_ROOM = (3, 4, 9)  # out of memory, out of disk, a quota
_REFUSED = ("unauthenticated", "auth check failure", "permission", "privilege")
_AWAY = ("unavailable", "deadline", "timeout", "timed out", "fail connecting", "not ready", "no available")


def _in_our_words(place: Place, error: BaseException) -> ViewfixError:
    seen, code = _seen(place, error), getattr(error, "code", None)
    low = seen.lower()
    if any(word in low for word in _REFUSED):
        return BadInput(
            f"{place.address}: Milvus refuses the user, the password or the token ({seen}). Put the right ones into "
            "the URL: milvus://USER:PASSWORD@HOST/NAME"
        )
    if code == _NO_DATABASE or "database" in low and "not found" in low:
        return NotAMap(f"{place.address}: Milvus has no such database ({seen}). Make it, or name another: ?database=")
    if code == _NO_COLLECTION:
        return StorageFailed(
            f"{place.address}: Milvus has lost the collection {place.collection} ({seen}). Nothing else is: run "
            f"viewfix build '{place.address}' PHOTOS as before, and it is filled again from {place.records}."
        )
    if code in _NOT_LOADED:
        return StorageFailed(
            f"{place.address}: Milvus is still loading the collection ({seen}), as it does after a start. Run the same "
            "command again in a minute."
        )
    if code in _NO_ROOM or "quota" in low or "no space" in low:
        return StorageFailed(
            f"{place.address}: Milvus has no room left ({seen}). Make room there, then run the same command again."
        )
    if code in _NO_ANSWER or any(word in low for word in _AWAY):
        return StorageFailed(
            f"{place.address}: Milvus cannot be reached at {place.uri} ({seen}). Nothing that was stored is lost: the "
            f"truth lies in {place.records}. Check that the server runs, then run the same command again."
        )
    return StorageFailed(f"{place.address}: Milvus could not do that ({seen}). Look into its log.")


def _seen(place: Place, error: BaseException) -> str:
    """What Milvus said, on one line, and without the password that a message may repeat."""
    message = getattr(error, "message", None) or error
    grpc = optional("grpc")
    cause = error.__cause__
    if isinstance(error, grpc.RpcError):
        message = f"{error.code().name}: {error.details()}" if isinstance(error, grpc.Call) else "no answer"
    elif isinstance(cause, grpc.RpcError) and isinstance(cause, grpc.Call):  # of these the client says only "fail"
        message = f"{cause.code().name}: {cause.details()}"
    text = " ".join(str(message).split())[:300] or type(error).__name__
    for secret in (place.token, place.token.partition(":")[2]):
        text = text.replace(secret, "***") if secret else text
    return text
