"""A path goes in; what a Store needs before it can open it is done: looked at, made, or brought up to date."""

from __future__ import annotations

import contextlib
import shutil
import uuid
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from ...errors import NotAMap
from ..records import ModelIdentity
from . import schema
from .connect import connect, told


def look(path: Path) -> None:
    """Refuse what cannot be a map before SQLite makes something of it."""
    if path.is_dir():
        raise NotAMap(f"{path} is a folder, not a map. Make a map of it with: viewfix build NEW.map {path}")
    if not path.exists():
        raise NotAMap(f"There is no map at {path}. Make one with: viewfix build {path} PHOTOS")


def make(path: Path, model: ModelIdentity) -> None:
    """Make an empty map: under another name first, so that a half-made one is never found."""
    meta = {
        "format": "viewfix map",
        "map_id": uuid.uuid4().hex,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "viewfix": metadata.version("viewfix"),
        "model": asdict(model),
    }
    fresh = path.with_name(path.name + ".new")
    try:
        with told(path):
            fresh.unlink(missing_ok=True)  # left by a process that was killed here
            with contextlib.closing(connect(fresh, "rwc")) as connection:
                schema.make(connection, meta)
            fresh.rename(path)
    except BaseException:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise


def model_beside(path: Path, model: ModelIdentity) -> Path:
    """Where a model that was made for one map lies: beside the map, named by both."""
    return path.with_name(f"{path.name}.{model.fingerprint[:12]}.onnx")


def keep_beside(path: Path, model: ModelIdentity, file: Path) -> Path:
    """Copy the file of a model to where `model_beside` says, whole or not at all."""
    target, fresh = model_beside(path, model), path.with_name(f"{path.name}.new.onnx")
    with told(path):
        shutil.copyfile(file, fresh)  # no map looks for that name: a kill here leaves a file to delete
        fresh.replace(target)
    return target
