"""Create or open the shards of a map over several servers, and check that none is missing."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Sequence

from ...errors import BadInput, ModelMismatch, NotAMap
from ...shell import shell_quoted
from ..address import Address
from ..postgres.store import PostgresStore
from ..postgres.url import check_size
from ..records import ModelIdentity
from .shards import SHARD_BITS

KEY = "shard"
"""In the meta of each shard: the id of its set, its number in the set, and the number of shards."""


def create(address: Address, model: ModelIdentity) -> list[PostgresStore]:
    """Create an empty map over several servers; if one of them fails, nothing stays on the others.

    Raises:
        BadInput: a map exists at one of the URLs already, or two URLs are the same.
    """
    check_size(model)
    urls = _urls(address)
    one_set = uuid.uuid4().hex
    made: list[PostgresStore] = []
    try:
        for number, url in enumerate(urls):
            shard = {KEY: {"set": one_set, "number": number, "of": len(urls)}}
            first_row = max(1, number << SHARD_BITS)
            made.append(PostgresStore.created(Address(url), model, first_row=first_row, meta=shard))
    except BaseException:
        for store in made:
            with contextlib.suppress(Exception):
                store.discard()
        raise
    return made


def open_all(address: Address, *, write: bool) -> list[PostgresStore]:
    """Open the shards of a map, in the order of their numbers, whatever the order of their URLs.

    Raises:
        NotAMap: there is no shard at one URL, a shard is missing, or the shards belong to several maps.
        StorageFailed: a server cannot be reached.
        ModelMismatch: `write` is False, but a migration is not finished.
    """
    found: list[PostgresStore] = []
    try:
        for url in _urls(address):
            found.append(PostgresStore.opened(Address(url), write=write, alone=False))
        _check(found)
        found.sort(key=lambda store: int(store.meta(KEY)["number"]))
        if not write and len({store.model.fingerprint for store in found}) > 1:
            raise ModelMismatch(
                f"{address}: a migration to another model was interrupted between two shards. Continue it with: "
                f"viewfix migrate {address.typed} --model {shell_quoted(_target(found))}"
            )
    except BaseException:
        for store in found:
            store.close()
        raise
    return found


def _check(stores: Sequence[PostgresStore]) -> None:
    shards = [store.meta(KEY) for store in stores]
    for store, shard in zip(stores, shards, strict=True):
        if shard is None:
            raise NotAMap(
                f"{store.address} is a complete map, not a shard. Use its URL alone, or copy it to several servers: "
                f"viewfix copy {store.address.typed} 'URL,URL'"
            )
        if shard["set"] != shards[0]["set"]:
            raise NotAMap(f"{stores[0].address} and {store.address} belong to two maps. Name the shards of one map.")
    missing = set(range(shards[0]["of"])) - {shard["number"] for shard in shards}
    if missing:
        numbers = ", ".join(str(number + 1) for number in sorted(missing))
        raise NotAMap(
            f"{stores[0].address} belongs to a map over {shards[0]['of']} servers, and shard {numbers} was not named. "
            "Name all of them, with commas between their URLs: without one, photos would be missing from every answer."
        )


def _target(stores: Sequence[PostgresStore]) -> str:
    """The name of the model that an unfinished migration switches to."""
    pending = next((found for store in stores if (found := store.pending_migration()) is not None), None)
    return pending.name if pending is not None else stores[0].model.name


def _urls(address: Address) -> list[str]:
    urls = address.urls
    if len(set(urls)) != len(urls):
        raise BadInput(f"{address} has the same URL twice. Name each shard once.")
    for url in urls:
        if Address(url).scheme not in ("postgresql", "postgres"):
            raise BadInput(
                f"{Address(url)} is not a URL of PostgreSQL: only maps in PostgreSQL can lie on several servers."
            )
    return urls
