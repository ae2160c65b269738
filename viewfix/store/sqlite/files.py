"""The files of a map on disk: the map itself, its model's file beside it, and the leftovers of killed processes."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import uuid
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from ...files import replacing
from ..records import ModelIdentity
from . import schema
from .connect import connect
from .errors import translate_errors
from .path import MapPath

WRITTEN_AS = "written_as"
"""In the meta of a map: the fingerprint of the path that it was last written under; see `MapPath`."""


def create(path: MapPath, model: ModelIdentity) -> None:
    """Create an empty map, under a temporary name first, so that no process opens a half-written one."""
    meta = {
        "format": "viewfix map",
        "map_id": uuid.uuid4().hex,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "viewfix": metadata.version("viewfix"),
        "model": asdict(model),
        WRITTEN_AS: path.fingerprint,
    }
    with translate_errors(path), replacing(path.real) as part:
        try:
            with contextlib.closing(connect(part, "rwc")) as connection:
                schema.make(connection, meta)
        finally:
            part.with_name(part.name + "-journal").unlink(missing_ok=True)


def delete_leftovers(path: MapPath) -> None:
    """Delete the unfinished files of killed processes. The caller must hold the writer's lock."""
    name = path.real.name
    with contextlib.suppress(OSError):
        for file in path.real.parent.iterdir():
            left = file.name.startswith(f".{name[:100]}.") and file.name.endswith((".part", ".part-journal"))
            if left or file.name in (f"{name}.new", f"{name}.new-journal", f"{name}.new.onnx"):
                file.unlink(missing_ok=True)


def model_path(path: MapPath, model: ModelIdentity) -> Path:
    """The path of a model that was trained for one map: beside the map, named after both."""
    return path.beside(f".{model.fingerprint[:12]}.onnx")


def store_model(path: MapPath, model: ModelIdentity, file: Path) -> Path:
    """Copy the file of a model to `model_path`."""
    target = model_path(path, model)
    with translate_errors(path), replacing(target) as part:
        shutil.copyfile(file, part)
    return target


def written_as(connection: sqlite3.Connection) -> str | None:
    """The fingerprint of the path that the map was last written under; None if the map does not store it."""
    found = connection.execute("SELECT value FROM meta WHERE key = ?", (WRITTEN_AS,)).fetchone()
    return None if found is None else str(found[0]).strip('"')


def note_written_as(connection: sqlite3.Connection, path: MapPath) -> None:
    """Store the path of a map that is opened for writing, if it has changed."""
    if written_as(connection) != path.fingerprint:
        connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (WRITTEN_AS, json.dumps(path.fingerprint)))
