"""Listing of boxes, several at once: a box whose answer is full or too slow is asked for again in quarters."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from ...errors import BadInput
from ...geo import Box
from ...types import Skipped
from .area import quarters
from .http import Refused, Unreachable
from .service import MOST_ITEMS, Item

LEAST_SIDE_DEG = 1e-5
"""One metre: a box of this size is not divided further, even if its answer is full."""

MOST_SLOW = 2
"""How often a box is divided because it failed. A service that fails for a sixteenth of it, too, is down."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer for one box. `full`: there may be more pictures than it lists."""

    items: list[Item | Skipped]
    full: bool = False


def list_boxes(boxes: Iterable[Box], request: Callable[[Box], Answer], at_once: int) -> Iterator[Item | Skipped]:
    """Request boxes, `at_once` at a time, and yield what they list, each picture once.

    Raises:
        ServiceStopped: a request failed, and so did its quarters.
        BadInput: there are more than MOST_ITEMS pictures.
    """
    waiting: deque[tuple[Box, int]] = deque()  # quarters, each with the number of failures above it
    coming = iter(boxes)
    running: dict[Future[Answer], tuple[Box, int]] = {}
    seen: set[str] = set()
    pool = ThreadPoolExecutor(at_once, thread_name_prefix="list")
    try:
        while True:
            while len(running) < at_once:
                box, failures = waiting.popleft() if waiting else (next(coming, None), 0)
                if box is None:
                    break
                running[pool.submit(request, box)] = (box, failures)
            if not running:
                return
            for done in wait(running, return_when=FIRST_COMPLETED).done:
                box, failures = running.pop(done)
                answer = _result(done, divisible=failures < MOST_SLOW and _divisible(box))
                if answer is None or (answer.full and _divisible(box)):
                    waiting.extend((quarter, failures + (answer is None)) for quarter in quarters(box))
                    continue
                for item in answer.items:
                    if item.id not in seen:
                        seen.add(item.id)
                        yield item
                if len(seen) > MOST_ITEMS:
                    raise BadInput(f"There are more than {MOST_ITEMS} pictures in this area. Choose a smaller one.")
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _result(done: Future[Answer], *, divisible: bool) -> Answer | None:
    """The answer; None if the box was too much for the service, and quarters of it may not be."""
    try:
        return done.result()
    except Unreachable as error:
        if not (error.slow and divisible):
            raise
    except Refused as error:
        if not (error.status >= 500 and divisible):
            raise
    return None


def _divisible(box: Box) -> bool:
    return min(box.north - box.south, box.east - box.west) > LEAST_SIDE_DEG
