"""Where the time of one answer goes, by stage."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal

Stage = Literal["decode", "embed", "search", "features", "match", "geometry", "pose", "fuse"]
"""A part of the work on one photo.

`decode` reads the photo, for its descriptor and again for its local features; `embed` runs the model; `search` finds
the most similar photos of the map; `features` extracts the local features of the query and gets those of the
candidates; `match` pairs them; `geometry` counts the pairs that agree; `pose` compares directions; `fuse` lets the
candidates vote and weighs the evidence.
"""

_spent: ContextVar[dict[str, float] | None] = ContextVar("viewfix_timings", default=None)


@contextmanager
def timed() -> Iterator[dict[str, float]]:
    """Collect the stages of the block, which must run in one thread. Yields the milliseconds by stage, as they grow."""
    spent: dict[str, float] = {}
    token = _spent.set(spent)
    try:
        yield spent
    finally:
        _spent.reset(token)


@contextmanager
def stage(name: Stage) -> Iterator[None]:
    """Add the time of the block to a stage. Does nothing outside `timed`. Stages must not be nested."""
    spent = _spent.get()
    if spent is None:
        yield
        return
    began = time.perf_counter()
    try:
        yield
    finally:
        spent[name] = spent.get(name, 0.0) + 1000 * (time.perf_counter() - began)
