"""Measure the time of every stage of a query, one query at a time."""

from __future__ import annotations

import contextlib
import platform
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .. import photos
from ..embed.describe import cores
from ..models.model import Model
from ..photos.views import load_view
from ..types import Progress, silent
from .descriptors import PictureInfo
from .result import Latency, Stage

SAMPLE = 100
WARM_UP = 3
"""The first pictures load what is loaded only once, and are not counted."""


def measure(
    pictures: Sequence[PictureInfo],
    model: Model,
    search: Callable[[npt.NDArray[np.float32]], object],
    *,
    progress: Progress = silent,
) -> Latency:
    """Time decode, embed and search of up to SAMPLE queries, evenly spread over those given.

    Args:
        pictures: readable ones. Their bytes are read before the clock starts.
        model: loaded for one thread, as in a map.
        search: called with a (dim,) float32 descriptor of length 1.
    """
    spread = np.unique(np.linspace(0, len(pictures) - 1, min(SAMPLE, len(pictures))).astype(int))
    chosen = [pictures[row] for row in spread]
    times: list[tuple[float, float, float]] = []
    for done, query in enumerate([*chosen[:WARM_UP], *chosen]):
        data = photos.read_bytes(query.source)  # reading from a disk or a network is not measured
        start = time.perf_counter()
        picture = load_view(data, query.view, least_side_px=model.least_side_px)
        decoded = time.perf_counter()
        descriptor = model.embed([picture])[0]
        embedded = time.perf_counter()
        search(descriptor)
        times.append((decoded - start, embedded - decoded, time.perf_counter() - embedded))
        progress("timing", done + 1, len(chosen) + WARM_UP)
    table = 1000 * np.array(times[min(WARM_UP, len(chosen)) :])
    return Latency(
        queries=len(table),
        decode=_stage(table[:, 0]),
        embed=_stage(table[:, 1]),
        search=_stage(table[:, 2]),
        verify=None,  # queries by descriptor are not verified
        total=_stage(table.sum(axis=1)),
        machine=machine(),
    )


def _stage(ms: npt.NDArray[np.float64]) -> Stage:
    p50, p95 = np.percentile(ms, [50, 95])
    return Stage(float(p50), float(p95))


def machine() -> str:
    """The name of the processor if the system tells it, and the number of cores that may be used."""
    name = platform.processor() or platform.machine()
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        name = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return f"{name}, {cores()} cores, one thread a query"
