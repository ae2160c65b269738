"""Milvus errors as errors of viewfix: what happened, what was found, what to do next."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from ...errors import BadInput, NotAMap, StorageFailed, ViewfixError
from ...optional import optional
from .url import MilvusUrl


@contextlib.contextmanager
def translate_errors(url: MilvusUrl) -> Iterator[None]:
    """Raise errors of Milvus and its client as ViewfixErrors about the map at a URL."""
    exceptions, grpc = optional("pymilvus").exceptions, optional("grpc")
    try:
        yield
    except (exceptions.MilvusException, grpc.RpcError, ConnectionError, TimeoutError) as error:
        raise _translated(url, error) from error
    except ValueError as error:
        if "closed channel" not in str(error):  # gRPC has no class for it
            raise
        raise StorageFailed(f"{url.address} was closed. Open it again.") from error


# Codes of Milvus' answers, and of its client where it got none.
_NO_ANSWER, _NO_COLLECTION, _NOT_LOADED, _NO_DATABASE = (1, 2), 100, (101, 103), 800
_NO_ROOM = (3, 4, 9)  # out of memory, out of disk, a quota
_REFUSED = ("unauthenticated", "auth check failure", "permission", "privilege")
_AWAY = ("unavailable", "deadline", "timeout", "timed out", "fail connecting", "not ready", "no available")


def _translated(url: MilvusUrl, error: BaseException) -> ViewfixError:
    seen, code = _seen(url, error), getattr(error, "code", None)
    low = seen.lower()
    if any(word in low for word in _REFUSED):
        return BadInput(
            f"{url.address}: Milvus refuses the user, the password or the token ({seen}). Set the right ones in "
            "the URL: milvus://USER:PASSWORD@HOST/NAME"
        )
    if code == _NO_DATABASE or "database" in low and "not found" in low:
        return NotAMap(
            f"{url.address}: Milvus has no such database ({seen}). Create it, or name another with ?database=NAME."
        )
    if code == _NO_COLLECTION:
        return StorageFailed(
            f"{url.address}: Milvus has lost the collection {url.collection} ({seen}). Nothing else is lost. To fill "
            f"it again from {url.records}, run: viewfix build {url.address.typed} PHOTOS"
        )
    if code in _NOT_LOADED:
        return StorageFailed(
            f"{url.address}: Milvus is still loading the collection ({seen}), as it does after a start. Run the same "
            "command again in a minute."
        )
    if code in _NO_ROOM or "quota" in low or "no space" in low:
        return StorageFailed(
            f"{url.address}: Milvus has no room left ({seen}). Make room there, then run the same command again."
        )
    if code in _NO_ANSWER or any(word in low for word in _AWAY):
        return StorageFailed(
            f"{url.address}: Milvus cannot be reached at {url.uri} ({seen}). Nothing that was stored is lost: the "
            f"records are in {url.records}. Check that the server runs, then run the same command again."
        )
    return StorageFailed(f"{url.address}: the request to Milvus failed ({seen}). See the log of Milvus.")


def _seen(url: MilvusUrl, error: BaseException) -> str:
    """The message of Milvus, on one line, and without the password that it may repeat."""
    message = getattr(error, "message", None) or error
    grpc = optional("grpc")
    cause = error.__cause__
    if isinstance(error, grpc.RpcError):
        message = f"{error.code().name}: {error.details()}" if isinstance(error, grpc.Call) else "no answer"
    elif isinstance(cause, grpc.RpcError) and isinstance(cause, grpc.Call):  # the client's own message is only "fail"
        message = f"{cause.code().name}: {cause.details()}"
    text = " ".join(str(message).split())[:300] or type(error).__name__
    for secret in (url.token, url.token.partition(":")[2]):
        text = text.replace(secret, "***") if secret else text
    return url.address.without_secrets(text)
