"""Dispatch of photos to the workers of a Ray cluster. Results are returned in order, as `embed.describe` returns them.

This uses Ray tasks. Ray Data does not fit, for two reasons: which photos are read depends on what was committed just
before, so the input is not known beforehand; and each run of a Ray Data pipeline starts a new pool of actors, which
would load the model again for every chunk. Actors do not fit either: if a node dies, its actor and the work of the
actor wait for a free place, while a task runs on any free core, also of a new node.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from ... import __version__
from ...errors import BadInput, StorageFailed, ViewfixError
from ...models import catalogue
from ...models.devices import chosen_device
from ...models.model import Model
from ...models.onnx import OnnxModel
from ...types import Skipped
from ..describe import Describe, Outcome, Pending, Settled, Work, describe
from .cluster import Cluster, Where
from .worker import Absent, Job, Result, WorkerFailure, describe_chunk

CHUNK = 16
"""Photos per task: half a second of work, much longer than the milliseconds it takes to send them."""

RETRIES = 5
"""How often Ray repeats a task whose node or process died."""

AHEAD = 4
"""Chunks in memory for each chunk in progress: how far the others may run ahead of a slow one."""


def describer(cluster: Where) -> Describe:
    """The function that describes photos: on a cluster, or on this machine if `cluster` is None."""
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
    """The model for the workers: a shipped one is sent by name, a custom one as the bytes of its file."""
    if not isinstance(model, OnnxModel):
        raise BadInput(
            f"The model {model.name} is not an .onnx file, so it cannot be sent to Ray. Embed on this machine."
        )
    ships = any(known.ships and known.name == model.name and known.file == model.path for known in catalogue.CATALOGUE)
    content = () if ships else [ray.put(model.path.read_bytes())]
    return Job(__version__, model.name, model.fingerprint, content, chosen_device())


@dataclass
class _Chunk:
    """A run of items in order. An item that was sent to a worker is None; `reference` leads to its result."""

    items: list[Settled | Skipped | None]
    reference: Any = None


@dataclass
class _Dispatcher:
    """The chunks in flight: some in progress, and some finished ones that wait for earlier chunks. Both are bounded."""

    ray: ModuleType
    workers: int | None
    job: Job
    chunks: deque[_Chunk] = field(default_factory=deque)
    in_work: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        options = {"num_cpus": 1, "max_retries": RETRIES, "scheduling_strategy": "SPREAD"}
        if self.job.device in ("cuda", "tensorrt"):
            options["num_gpus"] = 1  # Ray hides GPUs from tasks that do not ask for one
        self._remote = self.ray.remote(**options)(describe_chunk)

    def describe(self, work: Iterable[Work]) -> Iterator[Outcome]:
        items = iter(work)
        while chunk := list(itertools.islice(items, CHUNK)):
            at_once = self._at_once()
            while len(self.in_work) >= at_once:
                self._wait()
            self._send(chunk)  # before yielding results, so that no worker idles while the caller stores them
            yield from self._ready()
            while len(self.chunks) >= AHEAD * at_once:
                self._wait()
                yield from self._ready()
        while self.chunks:
            self._wait()
            yield from self._ready()

    def stop(self) -> None:
        """Cancel the tasks in progress: after Ctrl-C or on a full disk, their results are not needed."""
        for reference in self.in_work:
            self.ray.cancel(reference)

    def _at_once(self) -> int:
        """The number of tasks to keep in progress: one per worker, or two per core if no number of workers is set."""
        return self.workers or max(2, 2 * int(self.ray.cluster_resources().get("CPU", 1)))

    def _send(self, chunk: list[Work]) -> None:
        pending = [item for item in chunk if isinstance(item, Pending)]
        made = _Chunk([None if isinstance(item, Pending) else item for item in chunk])
        if pending:
            made.reference = self._remote.remote(pending, self.job, _downloaded(pending))
            self.in_work.append(made.reference)
        self.chunks.append(made)

    def _wait(self) -> None:
        """Wait until one of the tasks in progress is done, if there are any."""
        if self.in_work:
            _, self.in_work = self.ray.wait(self.in_work, num_returns=1)

    def _ready(self) -> Iterator[Outcome]:
        """Yield the results that have no unfinished chunk before them."""
        busy = set(self.in_work)
        while self.chunks and self.chunks[0].reference not in busy:
            chunk = self.chunks.popleft()
            results = iter(self._results(chunk.reference) if chunk.reference is not None else ())
            for item in chunk.items:
                yield item if item is not None else _checked(next(results))

    def _results(self, reference: Any) -> list[Result]:
        """The results of a task. Raises its error, or Ray's, as a ViewfixError of one line."""
        try:
            results = self.ray.get(reference)
        except self.ray.exceptions.RayError as error:
            raise _failed(error) from error
        if isinstance(results, WorkerFailure):
            raise type(results.error)(f"A Ray worker on {results.host} cannot go on: {results.error}")
        return list(results)


def _downloaded(pending: Sequence[Pending]) -> dict[str, bytes]:
    """The pictures of services that this machine has downloaded, to be sent along: only one client asks a service."""
    found = {}
    for copy in {item.copy for item in pending if item.copy is not None}:
        try:
            found[copy] = Path(copy).read_bytes()
        except OSError as error:
            raise StorageFailed(f"{copy} cannot be read ({error.strerror}). Run the same command again.") from error
    return found


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
        f"A Ray worker failed ({type(cause).__name__}: {why[:200]}). What was stored stays. Read Ray's logs, then run "
        "the same command again."
    )
