"""Send photos to the workers of a Ray cluster and return their descriptors in order, as `embed.describe` does.

Ray tasks, not Ray Data: the stream of a map is not known beforehand, since what was committed a moment ago decides
what is read next; and every run of a Ray Data pipeline starts its own pool of actors, so that every chunk would load
the model again. Nor actors: one whose node died waits for a free place, and its work waits with it, whereas a task
runs on any core that is free, new nodes included.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from ... import __version__
from ...errors import BadInput, ViewfixError
from ...models import catalogue
from ...models.model import Model
from ...models.onnx import OnnxModel
from ...types import Skipped
from ..describe import Describe, Outcome, Pending, Settled, Work, describe
from .cluster import Cluster, Where
from .worker import Absent, Job, Result, WorkerFailure, describe_chunk

CHUNK = 16
"""Photos a task: half a second of work, beside which the milliseconds of sending it do not count."""

RETRIES = 5
"""How often Ray repeats a task whose node or process died."""

AHEAD = 4
"""Chunks kept for each that is in work: how far the others may run ahead of a slow one."""


def describer(cluster: Where) -> Describe:
    """The function that describes photos on a cluster; on this machine where there is none."""
    if cluster is None:
        return describe
    where = Cluster.of(cluster)

    def on_machines(work: Iterable[Work], model: Model) -> Iterator[Outcome]:
        with where.connected() as ray:
            dispatcher = _Dispatcher(ray, where.workers, _job(ray, model))
            try:
                yield from dispatcher.describe(work)
            finally:
                dispatcher.stop()

    return on_machines


def _job(ray: ModuleType, model: Model) -> Job:
    """Which model the workers use: one that ships by its name, another by the bytes of its file."""
    if not isinstance(model, OnnxModel):
        raise BadInput(
            f"The model {model.name} is not an .onnx file, so it cannot be sent to Ray. Embed on this machine."
        )
    ships = any(known.ships and known.name == model.name and known.file == model.path for known in catalogue.CATALOGUE)
    content = () if ships else [ray.put(model.path.read_bytes())]
    return Job(__version__, model.name, model.fingerprint, content)


@dataclass
class _Chunk:
    """Items of the stream in order, those for a worker as None, and Ray's reference to the results of these."""

    items: list[Settled | Skipped | None]
    reference: Any = None


@dataclass
class _Dispatcher:
    """Chunks on their way: a bounded number in work, and a bounded number that wait for one before them."""

    ray: ModuleType
    workers: int | None
    job: Job
    chunks: deque[_Chunk] = field(default_factory=deque)
    in_work: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        options = {"num_cpus": 1, "max_retries": RETRIES, "scheduling_strategy": "SPREAD"}
        self._remote = self.ray.remote(**options)(describe_chunk)

    def describe(self, work: Iterable[Work]) -> Iterator[Outcome]:
        items = iter(work)
        while chunk := list(itertools.islice(items, CHUNK)):
            at_once = self._at_once()
            while len(self.in_work) >= at_once:
                self._wait()
            self._send(chunk)  # before results are handed on: no worker waits while those are written
            yield from self._ready()
            while len(self.chunks) >= AHEAD * at_once:
                self._wait()
                yield from self._ready()
        while self.chunks:
            self._wait()
            yield from self._ready()

    def stop(self) -> None:
        """Cancel what is still in work: after Ctrl-C or on a full disk nothing of it is needed."""
        for reference in self.in_work:
            self.ray.cancel(reference)

    def _at_once(self) -> int:
        """Tasks in work: one a worker; where their number is left to Ray, two a core, so that none waits for us."""
        return self.workers or max(2, 2 * int(self.ray.cluster_resources().get("CPU", 1)))

    def _send(self, chunk: list[Work]) -> None:
        pending = [item for item in chunk if isinstance(item, Pending)]
        made = _Chunk([None if isinstance(item, Pending) else item for item in chunk])
        if pending:
            made.reference = self._remote.remote(pending, self.job)
            self.in_work.append(made.reference)
        self.chunks.append(made)

    def _wait(self) -> None:
        """Until one of the tasks is done, if any is in work."""
        if self.in_work:
            _, self.in_work = self.ray.wait(self.in_work, num_returns=1)

    def _ready(self) -> Iterator[Outcome]:
        """Results that have nothing unfinished before them."""
        busy = set(self.in_work)
        while self.chunks and self.chunks[0].reference not in busy:
            chunk = self.chunks.popleft()
            results = iter(self._results(chunk.reference) if chunk.reference is not None else ())
            for item in chunk.items:
                yield item if item is not None else _checked(next(results))

    def _results(self, reference: Any) -> list[Result]:
        """The results of a task; its error, or Ray's, as one line."""
        try:
            results = self.ray.get(reference)
        except self.ray.exceptions.RayError as error:
            raise _failed(error) from error
        if isinstance(results, WorkerFailure):
            raise type(results.error)(f"A Ray worker on {results.host} cannot go on: {results.error}")
        return list(results)


def _checked(result: Result) -> Outcome:
    """Skip a file that neither the worker nor this machine has; refuse one that only this machine has."""
    if not isinstance(result, Absent):
        return result
    if Path(result.photo.source).exists():
        raise BadInput(
            f"The Ray worker on {result.host} has no file {result.photo.source}, which this machine has. Put photos "
            "where all machines see them by one path, or name them in a manifest by s3:// or https://."
        )
    return Skipped(result.photo.id, result.reason)


def _failed(error: Exception) -> ViewfixError:
    cause = getattr(error, "cause", None) or error
    why = " ".join(str(cause).split())
    if "No module named 'viewfix" in why:
        return BadInput(
            f"A Ray worker has no viewfix that can embed ({why[-120:]}). "
            f"Install viewfix[cluster]=={__version__} on all machines."
        )
    return ViewfixError(
        f"A Ray worker failed over the photos it had ({type(cause).__name__}: {why[:200]}). What was stored stays; "
        "read Ray's logs, then run the same command again."
    )
