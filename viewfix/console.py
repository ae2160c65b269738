"""Progress bars and tables for people at a terminal, shared by the command line and the demo."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from .types import Progress as Report
from .types import silent

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

LINE_EVERY_S = 10.0


@contextmanager
def progress(*, quiet: bool = False, always: bool = False) -> Iterator[Report]:
    """Show progress on standard error while the block runs, so that standard output can be piped.

    At a terminal every stage gets a bar. Elsewhere nothing is shown, unless `always` is set: then every stage prints a
    line when it begins, every LINE_EVERY_S seconds, and when it ends.
    """
    if quiet:
        yield silent
    elif err.is_terminal:
        with _bars() as report:
            yield report
    else:
        yield _lines() if always else silent


@contextmanager
def _bars() -> Iterator[Report]:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True) as bars:
        stages: dict[str, TaskID] = {}

        def report(stage: str, done: int, total: int | None) -> None:
            if stage not in stages:
                stages[stage] = bars.add_task(stage, total=total)
            bars.update(stages[stage], completed=done, total=total)

        yield report


def _lines() -> Report:
    printed_at: dict[str, float] = {}
    finished: set[str] = set()

    def report(stage: str, done: int, total: int | None) -> None:
        now, at_end = time.monotonic(), done == total
        is_due = stage not in printed_at or now - printed_at[stage] >= LINE_EVERY_S
        if stage in finished or not (is_due or at_end):
            return
        printed_at[stage] = now
        if at_end:
            finished.add(stage)
        err.print(f"{stage}: {done} of {total}" if total else stage, markup=False)

    return report
