"""What runs on a worker of the cluster: a few photos go in, Described | Skipped come out, in order."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ... import __version__
from ...errors import BadInput, ModelMismatch, ViewfixError
from ...models import catalogue
from ...models.model import Model
from ...optional import optional
from ...photos import is_url
from ...types import Photo, Skipped
from ..describe import Described, describe_one

Task = tuple[Photo, str | None]
"""A photo, and the hash that the map has of its content."""


@dataclass(frozen=True, slots=True)
class Orders:
    """All that a worker needs to know beside the photos.

    `content` is a list with Ray's reference to the bytes of the model's file, or empty where viewfix ships it:
    within a list, a reference travels as it is, and the bytes only to a process that asks for them.
    """

    version: str
    model: str
    fingerprint: str
    content: Sequence[Any] = ()


@dataclass(frozen=True, slots=True)
class WorkerFailure:
    """Why a worker cannot go on, for the driver to raise."""

    error: ViewfixError
    host: str


@dataclass(frozen=True, slots=True)
class Absent:
    """A file that this worker does not see; whether anybody else does, the driver knows."""

    photo: Photo
    reason: str
    host: str


Result = Described | Skipped | Absent


def describe_chunk(tasks: Sequence[Task], orders: Orders) -> list[Result] | WorkerFailure:
    """Describe a few photos, one after the other: one core a worker."""
    try:
        if orders.version != __version__:
            raise BadInput(
                f"it has viewfix {__version__}, where this machine has {orders.version}. Install one version on all."
            )
        model = _model(orders)
        return [_described(photo, model, known_hash) for photo, known_hash in tasks]
    except ViewfixError as error:
        return WorkerFailure(error, _host())


def _described(photo: Photo, model: Model, known_hash: str | None) -> Result:
    result = describe_one(photo, model, known_hash)
    if isinstance(result, Skipped) and not is_url(photo.source) and not Path(photo.source).exists():
        return Absent(photo, result.reason, _host())
    return result


_loaded: dict[str, Model] = {}
"""By fingerprint: a process of Ray serves many tasks, and loads its model for the first."""


def _model(orders: Orders) -> Model:
    if orders.fingerprint not in _loaded:
        model = _read(optional("ray").get(orders.content[0])) if orders.content else _shipped(orders.model)
        if model.fingerprint != orders.fingerprint:
            raise ModelMismatch(
                f"its model {orders.model} has the fingerprint {model.fingerprint}, where this machine has "
                f"{orders.fingerprint}. Install viewfix anew on all machines."
            )
        _loaded[orders.fingerprint] = model
    return _loaded[orders.fingerprint]


def _shipped(name: str) -> Model:
    return catalogue.load(name, threads=1)


def _read(content: bytes) -> Model:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        file.write_bytes(content)
        return catalogue.load(file, threads=1)


@functools.cache
def _host() -> str:
    return str(optional("ray").util.get_node_ip_address())
