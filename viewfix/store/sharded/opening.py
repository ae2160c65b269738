"""The addresses of shards go in; their stores come out, in order, if they are all of them and of one map."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Sequence

from ...errors import BadInput, ModelMismatch, NotAMap
from ..address import Address
from ..postgres.store import PostgresStore
from ..records import ModelIdentity

SHARD_BITS = 40
"""A row number says which shard it is of: shard n has those from n * 2**40. Up to 8,191 shards stay below 2**53."""

KEY = "shard"
"""In the meta of each shard: the set it belongs to, its number in it, and how many there are."""


def create(address: Address, model: ModelIdentity) -> list[PostgresStore]:
    """Make an empty map over several servers; none of it stays when one of them fails.

    Raises:
        BadInput: there is something at one of them, or one stands there twice.
    """
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
    """The shards of a map, in the order of their numbers, whatever the order of the addresses.

    Raises:
        NotAMap: one of them is none, one is missing, or they are of several maps.
        StorageFailed: one cannot be reached.
        ModelMismatch: to be read, but a migration of them is not finished.
    """
    found: list[PostgresStore] = []
    try:
        for url in _urls(address):
            found.append(PostgresStore.opened(Address(url), write=write, alone=False))
        _check(found)
        found.sort(key=lambda store: int(store.meta(KEY)["number"]))
        if not write and len({store.model.fingerprint for store in found}) > 1:
            raise ModelMismatch(
                f"{address}: a migration to another model was stopped between two shards. Run it again, it goes on: "
                f"viewfix migrate '{address}' --model {_target(found)}"
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
                f"{store.address} is a map of its own, not a shard of one. Name it alone, or copy it into a map over "
                f"several servers: viewfix copy '{store.address}' 'URL,URL'"
            )
        if shard["set"] != shards[0]["set"]:
            raise NotAMap(f"{stores[0].address} and {store.address} are of two maps. Name the shards of one.")
    missing = set(range(shards[0]["of"])) - {shard["number"] for shard in shards}
    if missing:
        numbers = ", ".join(str(number + 1) for number in sorted(missing))
        raise NotAMap(
            f"{stores[0].address} is of a map over {shards[0]['of']} servers, and shard {numbers} was not named. "
            "Name all of them, with commas between their URLs: without one, photos would be missing from every answer."
        )


def _target(stores: Sequence[PostgresStore]) -> str:
    """The name of the model that an unfinished migration leads to."""
    pending = next((found for store in stores if (found := store.pending_migration()) is not None), None)
    return pending.name if pending is not None else stores[0].model.name


def _urls(address: Address) -> list[str]:
    urls = address.urls
    if len(set(urls)) != len(urls):
        raise BadInput(f"{address} names one server twice under one name of a map. Name each shard once.")
    for url in urls:
        if Address(url).scheme not in ("postgresql", "postgres"):
            raise BadInput(f"{Address(url)} is no URL of PostgreSQL: only maps in PostgreSQL lie on several servers.")
    return urls
