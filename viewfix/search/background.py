"""One background thread that can be waited for and stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Background:
    """At most one thread. It ends when its work is done, after `stop`, or within a second after the program ends."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, work: Callable[[], None]) -> None:
        """Start `work` unless other work is running. It must poll `stopped`, and return early if that is true."""
        with self._lock:
            if not self.busy and not self._stopping.is_set():
                self._thread = threading.Thread(target=work, name="viewfix index")
                self._thread.start()

    @property
    def busy(self) -> bool:
        """Whether work is running."""
        return self._thread is not None and self._thread.is_alive()

    def stopped(self) -> bool:
        """Whether the work should end. Also true if the main thread has ended without closing its map."""
        return self._stopping.is_set() or not threading.main_thread().is_alive()

    def pause(self, seconds: float) -> None:
        """Sleep, but wake up early when `stop` is called."""
        self._stopping.wait(seconds)

    def wait(self) -> None:
        """Wait until the work is done."""
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def stop(self) -> None:
        """End the running work and accept no more."""
        with self._lock:
            self._stopping.set()
        self.wait()
