"""Worker threads beside the event loop, with a bounded queue and a time limit for every request."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from .errors import too_busy, too_long

Result = TypeVar("Result")

USUAL_S = 0.1
"""How long a request takes before one was measured."""


class Workers:
    """Threads for whatever may take time or wait: decoding, embedding, searching, databases, disks.

    For photos there is one thread a core. Measured with benchmarks/serve.py: on a CPU a batch of photos takes as long
    as the photos of it one by one, so nothing is gained by waiting for a batch to fill.
    """

    def __init__(self, name: str, workers: int, waiting: int, answer_s: float) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix=name)
        self._workers, self._most, self._answer_s = workers, workers + waiting, answer_s
        self._lock = threading.Lock()
        self._usual_s = USUAL_S
        self.inside = 0

    @property
    def waiting(self) -> int:
        """How many requests wait for a thread."""
        return max(0, self.inside - self._workers)

    async def run(self, work: Callable[[], Result]) -> Result:
        """Run `work` in a thread and return its result.

        Raises:
            HttpError: 429 where too many wait; 503 where it takes too long. Work that was begun keeps its place until
                it ends, so that no more is begun than there are cores.
        """
        with self._lock:
            if self.inside >= self._most:
                raise too_busy(self.inside * self._usual_s / self._workers)
            self.inside += 1
        future = self._pool.submit(self._timed, work)
        future.add_done_callback(self._done)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), self._answer_s)
        except TimeoutError:
            raise too_long(self._answer_s) from None

    def _timed(self, work: Callable[[], Result]) -> Result:
        began = time.monotonic()
        try:
            return work()
        finally:
            took_s = time.monotonic() - began
            with self._lock:
                self._usual_s = 0.9 * self._usual_s + 0.1 * took_s

    def _done(self, future: object) -> None:
        with self._lock:
            self.inside -= 1

    def close(self) -> None:
        """Begin nothing new. What was begun ends by itself, or with the process."""
        self._pool.shutdown(wait=False, cancel_futures=True)
