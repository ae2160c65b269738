"""Frames that were decoded to choose them, kept until they are described: decoding is most of the work of a film."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

MOST_BYTES = 128_000_000
"""About 40 frames of 1080p. A frame that does not fit is decoded again."""

MOST_LATER = 100
"""A frame that was not asked for while this many others were added was not needed: its photo is in the map already."""

Key = tuple[str, float]


@dataclass
class RecentFrames:
    """A bounded store of decoded frames by film and time. Thread-safe."""

    most_bytes: int = MOST_BYTES
    _frames: dict[Key, tuple[int, int, object]] = field(default_factory=dict)
    _bytes: int = 0
    _added: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, film: str, time_s: float, frame: object, size_bytes: int) -> None:
        """Keep a frame, if there is room."""
        with self._lock:
            self._added += 1
            for key in [key for key, (number, _, _) in self._frames.items() if number < self._added - MOST_LATER]:
                self._drop(key)
            self._drop((film, time_s))
            if self._bytes + size_bytes <= self.most_bytes:
                self._frames[film, time_s] = self._added, size_bytes, frame
                self._bytes += size_bytes

    def take(self, film: str, time_s: float) -> object | None:
        """The frame, which is then no longer kept; None if it is not there."""
        with self._lock:
            return self._drop((film, time_s))

    def clear(self) -> None:
        with self._lock:
            self._frames.clear()
            self._bytes = 0

    def _drop(self, key: Key) -> object | None:
        found = self._frames.pop(key, None)
        if found is None:
            return None
        self._bytes -= found[1]
        return found[2]


RECENT = RecentFrames()
"""The frames of this process."""
