"""Decide which files of a folder have settled: only those are read, so that a half-copied photo never is."""

from __future__ import annotations

from collections.abc import Iterable

from .snapshot import Snapshot, Stamp


class Settling:
    """The last known state of each file of a folder, and since when it has not changed.

    Args:
        settle_s: a file has settled when its size and time are the same for this many seconds.
    """

    def __init__(self, settle_s: float) -> None:
        self._settle_s = settle_s
        self._since: dict[str, tuple[Stamp, float]] = {}
        self._done: dict[str, Stamp] = {}
        self._gone_since: dict[str, float] = {}

    @property
    def waits(self) -> bool:
        """Whether some change has not settled yet."""
        return bool(self._since) or bool(self._gone_since)

    def look(self, now: Snapshot, at_s: float) -> list[str]:
        """Note what is there at a time, in seconds. Returns the ids that have changed and settled, in order."""
        settled = []
        for photo_id, stamp in now.stamps.items():
            if self._done.get(photo_id) == stamp:
                self._since.pop(photo_id, None)
                continue
            before, since_s = self._since.setdefault(photo_id, (stamp, at_s))
            if before != stamp:
                self._since[photo_id] = (stamp, at_s)
            elif at_s - since_s >= self._settle_s and stamp[0][1] > 0:
                settled.append(photo_id)
        for photo_id in [each for each in self._since if each not in now.stamps]:
            del self._since[photo_id]
        return sorted(settled)

    def gone(self, now: Snapshot, known: Iterable[str], at_s: float) -> list[str]:
        """The ids among `known` that have been missing for long enough, in order."""
        missing = {each for each in known if each not in now.stamps and now.knows(each)}
        self._gone_since = {each: self._gone_since.get(each, at_s) for each in missing}
        return sorted(each for each, since_s in self._gone_since.items() if at_s - since_s >= self._settle_s)

    def done(self, now: Snapshot, ids: Iterable[str]) -> None:
        """Note that these were read, or removed: they are reported again when they change."""
        for photo_id in ids:
            self._since.pop(photo_id, None)
            self._gone_since.pop(photo_id, None)
            if photo_id in now.stamps:
                self._done[photo_id] = now.stamps[photo_id]
            else:
                self._done.pop(photo_id, None)
