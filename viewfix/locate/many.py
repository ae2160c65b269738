"""Ordered work on all cores, a bounded number of items ahead of the consumer."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from ..embed.describe import cores
from ..types import Progress

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 4
"""Items in progress for each core: enough that no core waits, few enough that memory stays small."""


def in_order(items: Iterable[Item], one: Callable[[Item], Result], progress: Progress) -> Iterator[tuple[Item, Result]]:
    """Apply a function to each item on all cores. Yields pairs of item and result, in order."""
    total = len(items) if isinstance(items, Sequence) else None
    waiting: deque[tuple[Item, Future[Result]]] = deque()
    pool = ThreadPoolExecutor(cores(), thread_name_prefix="locate")
    done = 0

    def first() -> tuple[Item, Result]:
        nonlocal done
        item, result = waiting.popleft()
        found = result.result()
        done += 1
        progress("locating", done, total)
        return item, found

    try:
        for item in items:
            waiting.append((item, pool.submit(one, item)))
            if len(waiting) >= AHEAD * cores():
                yield first()
        while waiting:
            yield first()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
