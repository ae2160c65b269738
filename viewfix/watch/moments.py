"""The moments at which to look at a folder: when the system reports a change, and now and then in case it did not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ..optional import optional

TICK_S = 1.0
"""How often a file that is being copied is looked at, and whether the folder is still there."""

LOOK_EVERY_S = 60.0
"""How often to look without a report: some network disks send none."""

SLEPT_S = 10.0
"""If the clock has advanced by this much more than it should, the machine slept, and reports were lost."""

Reports = Callable[[Path, threading.Event], Iterator[bool]]
"""Yields about every TICK_S whether the system reported a change of a folder. Ends when the event is set."""


def moments(root: Path, stop: threading.Event, is_waiting: Callable[[], bool], reports: Reports) -> Iterator[bool]:
    """Yield True when it is time to look at the folder, and False when it is away. Ends when `stop` is set.

    Args:
        root: the folder. It may go away and come back, as a memory card does.
        stop: ends the iteration.
        is_waiting: whether a change has not settled yet, so that the folder is looked at every TICK_S.
        reports: the reports of the system.
    """
    while not stop.is_set():
        if not _identity(root):
            yield False
            stop.wait(TICK_S)
            continue
        yield from _while_there(root, stop, is_waiting, reports)


def _while_there(root: Path, stop: threading.Event, is_waiting: Callable[[], bool], reports: Reports) -> Iterator[bool]:
    """Look until the folder goes away, or is another one: reports of a card that was replaced do not arrive."""
    here = _identity(root)
    looked_s = ticked_s = time.time()
    yield True
    for reported in reports(root, stop):
        if _identity(root) != here:
            return
        now_s = time.time()
        slept = not 0 <= now_s - ticked_s < TICK_S + SLEPT_S
        ticked_s = now_s
        if reported or slept or is_waiting() or now_s - looked_s >= LOOK_EVERY_S:
            looked_s = now_s
            yield True


def _identity(root: Path) -> tuple[int, int] | None:
    try:
        about = root.stat()
        next(root.iterdir(), None)
    except OSError:
        return None
    return about.st_dev, about.st_ino


def system_reports(root: Path, stop: threading.Event) -> Iterator[bool]:
    """The reports of the operating system, by watchfiles; if it cannot watch the folder, one every ten ticks.

    Raises:
        MissingExtra: watchfiles is not installed.
    """
    watchfiles = optional("watchfiles")
    tick_ms = int(1000 * TICK_S)
    try:
        for changes in watchfiles.watch(
            root, stop_event=stop, watch_filter=None, debounce=tick_ms, rust_timeout=tick_ms, yield_on_timeout=True
        ):
            yield bool(changes)
    except (OSError, RuntimeError):  # too many folders to watch, or a disk that cannot be watched
        while not stop.wait(10 * TICK_S):
            yield True
