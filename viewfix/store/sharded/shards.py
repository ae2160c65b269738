"""The servers of one map: which of them stores a photo, and queries to several at once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from ..postgres.store import PostgresStore
from ..records import Rows

Result = TypeVar("Result")

SHARD_BITS = 40
"""The row numbers of shard n begin at n * 2**40. Those of up to 8,191 shards stay below 2**53."""


class Shards:
    """The open stores of one map, in the order of their numbers."""

    def __init__(self, stores: Sequence[PostgresStore]) -> None:
        self.stores = stores
        self._threads = ThreadPoolExecutor(4 * len(stores), thread_name_prefix="shards")

    def number_of(self, photo_id: str) -> int:
        """The number of the shard that stores the photo with this id."""
        digest = hashlib.blake2b(photo_id.encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") % len(self.stores)

    def of(self, photo_id: str) -> PostgresStore:
        """The shard that stores the photo with this id."""
        return self.stores[self.number_of(photo_id)]

    def split(self, ids: Sequence[str]) -> dict[int, list[int]]:
        """The indices into `ids` that belong to each shard, by its number; shards without any are left out."""
        found: dict[int, list[int]] = {}
        for at, photo_id in enumerate(ids):
            found.setdefault(self.number_of(photo_id), []).append(at)
        return found

    def together(self, calls: Sequence[Callable[[], Result]]) -> list[Result]:
        """Run all calls at once, the last one in this thread. Returns the results in order, or raises an exception."""
        if not calls:
            return []
        others = [self._threads.submit(call) for call in calls[:-1]]
        last = calls[-1]()
        return [*(other.result() for other in others), last]

    def by_ids(self, ids: Sequence[str], query: Callable[[PostgresStore, list[str]], Result]) -> list[Result]:
        """Call `query` for each shard with the ids that it stores."""
        calls = [partial(query, self.stores[n], [ids[i] for i in at]) for n, at in self.split(ids).items()]
        return self.together(calls)

    def by_rows(self, rows: npt.ArrayLike, query: Callable[[PostgresStore, Rows], Result]) -> list[Result]:
        """Call `query` for each shard with the rows that it stores."""
        asked = np.asarray(rows, np.int64)
        numbers = asked >> SHARD_BITS
        there = [n for n in np.unique(numbers).tolist() if 0 <= n < len(self.stores)]
        return self.together([partial(query, self.stores[n], asked[numbers == n]) for n in there])

    def all(self, query: Callable[[PostgresStore], Result]) -> list[Result]:
        """Call `query` for every shard."""
        return self.together([partial(query, store) for store in self.stores])

    def stop(self) -> None:
        """End the threads."""
        self._threads.shutdown()

    def close(self) -> None:
        self.stop()
        for store in self.stores:
            store.close()
