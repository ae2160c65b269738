"""The file of a model that was trained for one map: stored in the database, and cached on this machine."""

from __future__ import annotations

from pathlib import Path

from ...errors import StorageFailed
from ...files import cache_folder, write_whole
from ..records import ModelIdentity
from .connections import Connections


def fetch(connections: Connections, model: ModelIdentity) -> Path | None:
    """The path of the file in the cache, downloaded if necessary; None if the map has no such file.

    A damaged file is detected when it is loaded, by its fingerprint.
    """
    query = "SELECT length(content) FROM model_files WHERE fingerprint = %s"
    found = connections.lines(query, (model.fingerprint,))
    if not found:
        return None
    file = _cached(model)
    if not file.is_file() or file.stat().st_size != found[0][0]:
        query = "SELECT content FROM model_files WHERE fingerprint = %s"
        content = connections.lines(query, (model.fingerprint,), binary=True)
        if not content:
            return None
        _write(file, content[0][0])
    return file


def store(connections: Connections, model: ModelIdentity, file: Path) -> Path:
    """Store a file in the database and in the cache; returns where it is cached."""
    content = file.read_bytes()
    query = "INSERT INTO model_files VALUES (%s, %s) ON CONFLICT (fingerprint) DO UPDATE SET content = excluded.content"
    with connections.pool.transaction() as connection:
        connection.execute(query, (model.fingerprint, content))
    _write(_cached(model), content)
    return _cached(model)


def forget(connections: Connections, model: ModelIdentity) -> None:
    """Delete a file from the database, if it exists."""
    with connections.pool.transaction() as connection:
        connection.execute("DELETE FROM model_files WHERE fingerprint = %s", (model.fingerprint,))


def _cached(model: ModelIdentity) -> Path:
    return cache_folder("models") / f"{model.fingerprint}.onnx"


def _write(file: Path, content: bytes) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, content)
    except OSError as error:
        raise StorageFailed(
            f"The model of the map could not be written to {file} ({error.strerror or error}). Make room there, or set "
            "XDG_CACHE_HOME to a folder on another disk."
        ) from error
