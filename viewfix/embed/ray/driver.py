"""Photos go to the workers of a Ray cluster, Described | Skipped come back in order, as `embed.describe` gives them.

Tasks of Ray, and not Ray Data: the stream of a map is not known beforehand, for what was committed a moment ago
decides what is read next; and every run of a Ray Data pipeline starts a pool of actors of its own, that is, loads every
model again, which chunk by chunk would cost more than it brings. Nor actors: one whose node died waits for a free
place, and what it had in work waits with it, where a task goes to any core that is free, new nodes included.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from ... import __version__
from ...errors import BadInput, ViewfixError
from ...models import catalogue
from ...models.model import Model
from ...models.onnx import OnnxModel
from ...types import Photo, Skipped
from ..describe import Describe, Described, describe
from .cluster import Cluster, Where
from .worker import Absent, Orders, Result, Task, WorkerFailure, describe_chunk

CHUNK = 16
"""Photos a task: half a second of work, beside which the milliseconds of sending it do not count."""

RETRIES = 5
"""So often Ray does a task again whose node or process died."""

AHEAD = 4
"""Chunks held for each that is in work: so far the others may run ahead of a slow one."""


def describer(cluster: Where) -> Describe:
    """What describes photos on a cluster; on the threads of this machine, where none is given."""
    if cluster is None:
        return describe
    where = Cluster.of(cluster)

    def on_machines(
        stream: Iterable[Photo | Skipped], model: Model, *, known_hash: Callable[[str], str | None]
    ) -> Iterator[Described | Skipped]:
        with where.connected() as ray:
            crew = _Crew(ray, where.workers, _orders(ray, model))
            try:
                yield from crew.describe(stream, known_hash)
            finally:
                crew.stop()

    return on_machines


def _orders(ray: ModuleType, model: Model) -> Orders:
    """Which model the workers are to use: one that ships by its name, another by the bytes of its file."""
    if not isinstance(model, OnnxModel):
        raise BadInput(f"The model {model.name} is no .onnx file, so it cannot be sent to Ray. Embed on this machine.")
    ships = any(known.ships and known.name == model.name and known.file == model.path for known in catalogue.CATALOGUE)
    content = () if ships else [ray.put(model.path.read_bytes())]
    return Orders(__version__, model.name, model.fingerprint, content)


@dataclass
class _Chunk:
    """Items of the stream in order, those for a worker as None, and Ray's reference to the results of these."""

    items: list[Skipped | None]
    reference: Any = None


@dataclass
class _Crew:
    """Chunks on their way: a bounded number in work, and a bounded number that wait for one before them."""

    ray: ModuleType
    workers: int | None
    orders: Orders
    chunks: deque[_Chunk] = field(default_factory=deque)
    in_work: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        options = {"num_cpus": 1, "max_retries": RETRIES, "scheduling_strategy": "SPREAD"}
        self._remote = self.ray.remote(**options)(describe_chunk)

    def describe(
        self, stream: Iterable[Photo | Skipped], known_hash: Callable[[str], str | None]
    ) -> Iterator[Described | Skipped]:
        items = iter(stream)
        while chunk := list(itertools.islice(items, CHUNK)):
            at_once = self._at_once()
            while len(self.in_work) >= at_once:
                self._wait()
            self._send(chunk, known_hash)  # before what is done is handed on: no worker waits while that is written
            yield from self._ready()
            while len(self.chunks) >= AHEAD * at_once:
                self._wait()
                yield from self._ready()
        while self.chunks:
            self._wait()
            yield from self._ready()

    def stop(self) -> None:
        """After Ctrl-C or a full disk nobody wants what is still in work."""
        for reference in self.in_work:
            self.ray.cancel(reference)

    def _at_once(self) -> int:
        """Tasks in work: one a worker; where their number is left to Ray, two a core, so that none waits for us."""
        return self.workers or max(2, 2 * int(self.ray.cluster_resources().get("CPU", 1)))

    def _send(self, chunk: list[Photo | Skipped], known_hash: Callable[[str], str | None]) -> None:
        tasks: list[Task] = [(item, known_hash(item.id)) for item in chunk if isinstance(item, Photo)]
        made = _Chunk([item if isinstance(item, Skipped) else None for item in chunk])
        if tasks:
            made.reference = self._remote.remote(tasks, self.orders)
            self.in_work.append(made.reference)
        self.chunks.append(made)

    def _wait(self) -> None:
        """Until one of the tasks is done, if any is in work."""
        if self.in_work:
            _, self.in_work = self.ray.wait(self.in_work, num_returns=1)

    def _ready(self) -> Iterator[Described | Skipped]:
        """What is done and has nothing undone before it."""
        busy = set(self.in_work)
        while self.chunks and self.chunks[0].reference not in busy:
            chunk = self.chunks.popleft()
            results = iter(self._results(chunk.reference) if chunk.reference is not None else ())
            for item in chunk.items:
                yield item if item is not None else _checked(next(results))

    def _results(self, reference: Any) -> list[Result]:
        """What a task brought; its error, or that of Ray, as one line."""
        try:
            results = self.ray.get(reference)
        except self.ray.exceptions.RayError as error:
            raise _failed(error) from error
        if isinstance(results, WorkerFailure):
            raise type(results.error)(f"A Ray worker on {results.host} cannot go on: {results.error}")
        return list(results)


def _checked(result: Result) -> Described | Skipped:
    """A file that neither a worker nor this machine has is one photo less; one that only we have is a wrong set-up."""
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
            f"A Ray worker has no viewfix that can embed for others ({why[-120:]}). "
            f"Install viewfix[cluster]=={__version__} on all machines."
        )
    return ViewfixError(
        f"A Ray worker failed over the photos it had ({type(cause).__name__}: {why[:200]}). What was stored stays; "
        "look into the logs of Ray, then give the same command again."
    )
