"""Work on photos goes in, its result comes out, a few at a time; who comes when too many wait is sent away at once."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from .trouble import HttpError, too_busy

Result = TypeVar("Result")

USUAL_S = 0.1
"""How long a photo takes before any was measured."""


class Workers:
    """Threads that decode, embed and search, beside the event loop: one a core, one core each.

    Measured with benchmarks/serve.py: on a CPU a batch of photos takes as long as the photos of it one by one, so
    nothing is gained by waiting for a batch to fill.
    """

    def __init__(self, workers: int, waiting: int, answer_s: float) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="locate")
        self._workers, self._most, self._answer_s = workers, workers + waiting, answer_s
        self._lock = threading.Lock()
        self.inside = 0
        self._usual_s = USUAL_S

    @property
    def waiting(self) -> int:
        """How many wait for a worker."""
        return max(0, self.inside - self._workers)

    async def run(self, work: Callable[[], Result]) -> Result:
        """What `work` returns.

        Raises:
            Trouble: 429 where too many wait; 503 where it takes too long. A photo that is being worked on when its
                time is over keeps its place until it is done, so that no more are begun than there are cores.
        """
        with self._lock:
            if self.inside >= self._most:
                raise too_busy(self.inside * self._usual_s / self._workers)
            self.inside += 1

        def timed() -> Result:
            began = time.monotonic()
            try:
                return work()
            finally:
                took_s = time.monotonic() - began
                with self._lock:
                    self._usual_s = 0.9 * self._usual_s + 0.1 * took_s

        future = self._pool.submit(timed)
        future.add_done_callback(self._done)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), self._answer_s)
        except TimeoutError:
            line = f"The photo was not answered within {self._answer_s:.0f} s. Ask again, or with verify=off."
            raise HttpError(503, "too_long", line, {"Retry-After": "10"}) from None

    def _done(self, future: object) -> None:
        with self._lock:
            self.inside -= 1

    def close(self) -> None:
        """Finish what was begun."""
        self._pool.shutdown(wait=True)
