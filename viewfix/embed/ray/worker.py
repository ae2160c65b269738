"""The code of a Ray task: describe a few photos, in order."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ... import __version__
from ...errors import BadInput, ModelMismatch, ViewfixError
from ...models import catalogue
from ...models.devices import Device, set_device
from ...models.model import Model
from ...optional import optional
from ...photos import is_url
from ...types import Photo, Skipped
from ..describe import Described, Outcome, Pending, Settled, describe, describe_together, together


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker needs besides the photos.

    `content` is a list with Ray's reference to the bytes of the model file; empty for a model that viewfix ships. Ray
    passes a reference inside a list unresolved, so that the bytes go only to a process that fetches them. `device` is
    where each worker runs the model.
    """

    version: str
    model: str
    fingerprint: str
    content: Sequence[Any] = ()
    device: Device = "auto"


@dataclass(frozen=True, slots=True)
class WorkerFailure:
    """Why a worker cannot go on; the driver raises it."""

    error: ViewfixError
    host: str


@dataclass(frozen=True, slots=True)
class Absent:
    """A file that this worker cannot see; the driver checks whether its own machine can."""

    photo: Photo
    reason: str
    host: str


Result = Described | Skipped | Absent


def describe_chunk(
    chunk: Sequence[Pending], job: Job, downloaded: Mapping[str, bytes] | None = None
) -> list[Result] | WorkerFailure:
    """Describe a few photos: in batches on an accelerator, else one by one, because a worker has one core.

    `downloaded` has the pictures of services by their `copy`, a path that only the driver's machine has. Errors are
    returned, not raised.
    """
    try:
        if job.version != __version__:
            raise BadInput(
                f"it has viewfix {__version__}, but the driver has {job.version}. Install one version on all machines."
            )
        set_device(job.device)
        model = _model(job)
        with tempfile.TemporaryDirectory() as folder:
            items = _with_copies(chunk, downloaded or {}, Path(folder))
            if model.most_together > 1:
                results = list(describe(items, model))
            else:
                results = [each for group in together(items) for each in describe_together(_pending(group), model)]
        return [_result(item, each) for item, each in zip(chunk, results, strict=True)]
    except ViewfixError as error:
        return WorkerFailure(error, _host())


def _pending(group: list[Pending] | Settled | Skipped) -> list[Pending]:
    assert isinstance(group, list), "only pending photos are sent to workers"
    return group


def _with_copies(chunk: Sequence[Pending], downloaded: Mapping[str, bytes], folder: Path) -> list[Pending]:
    """The photos of a chunk, with the downloaded pictures as files of this machine."""
    here = {}
    for number, (copy, content) in enumerate(downloaded.items()):
        here[copy] = folder / str(number)
        here[copy].write_bytes(content)
    return [item if item.copy is None else replace(item, copy=str(here[item.copy])) for item in chunk]


def _result(item: Pending, described: Outcome) -> Result:
    assert not isinstance(described, Settled)
    source = item.photo.source
    if isinstance(described, Skipped) and not is_url(source) and not Path(source).exists():
        return Absent(item.photo, described.reason, _host())
    return replace(described, copy=item.copy) if isinstance(described, Described) else described


_loaded: dict[tuple[str, Device], Model] = {}
"""Loaded models by fingerprint and device: a Ray process serves many tasks, and loads the model only for the first."""


def _model(job: Job) -> Model:
    wanted = job.fingerprint, job.device
    if wanted not in _loaded:
        model = _read(optional("ray").get(job.content[0])) if job.content else _shipped(job.model)
        if model.fingerprint != job.fingerprint:
            raise ModelMismatch(
                f"its model {job.model} has the fingerprint {model.fingerprint}, but the driver's has "
                f"{job.fingerprint}. Install the same viewfix on all machines."
            )
        _loaded[wanted] = model
    return _loaded[wanted]


def _shipped(name: str) -> Model:
    return catalogue.named(name, threads=1)


def _read(content: bytes) -> Model:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        file.write_bytes(content)
        return catalogue.load(file, threads=1)


@functools.cache
def _host() -> str:
    return str(optional("ray").util.get_node_ip_address())
