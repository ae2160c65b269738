"""Work goes in; it is done on a thread of its own, until it is done or nobody wants it any more."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Background:
    """At most one thread. It ends with its work, with `stop`, or within a second of the end of the program."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, work: Callable[[], None]) -> None:
        """Begin it, unless some is under way. It asks `stopped` now and then, and ends early when that is true."""
        with self._lock:
            if not self.busy and not self._stopping.is_set():
                self._thread = threading.Thread(target=work, name="viewfix index")
                self._thread.start()

    @property
    def busy(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def stopped(self) -> bool:
        """Whether the work is to end. A program that forgot to close its map does not wait for it either."""
        return self._stopping.is_set() or not threading.main_thread().is_alive()

    def pause(self, seconds: float) -> None:
        """Wait, but no longer than until the work is to end."""
        self._stopping.wait(seconds)

    def wait(self) -> None:
        """Until the work is done."""
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def stop(self) -> None:
        """End the work, and begin none any more."""
        with self._lock:
            self._stopping.set()
        self.wait()
