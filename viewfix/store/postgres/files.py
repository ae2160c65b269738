"""The file of a model that was made for one map is kept in the database, and laid into the cache of this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import StorageFailed
from ..records import ModelIdentity

if TYPE_CHECKING:
    from .store import PostgresStore


def _place(model: ModelIdentity) -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME", ""))
    home = (cache if cache.is_absolute() else Path.home() / ".cache") / "viewfix" / "models"
    return home / f"{model.fingerprint}.onnx"


def kept(store: PostgresStore, model: ModelIdentity) -> Path | None:
    """Its file on this machine, fetched if it is not here yet; None where the map keeps none.

    A damaged one is found when it is loaded: its fingerprint is another then.
    """
    found = store.lines("SELECT length(content) FROM model_files WHERE fingerprint = %s", (model.fingerprint,))
    if not found:
        return None
    file = _place(model)
    if not file.is_file() or file.stat().st_size != found[0][0]:
        query = "SELECT content FROM model_files WHERE fingerprint = %s"
        content = store.lines(query, (model.fingerprint,), binary=True)
        if not content:
            return None
        _write(file, content[0][0])
    return file


def keep(store: PostgresStore, model: ModelIdentity, file: Path) -> Path:
    content = file.read_bytes()
    query = "INSERT INTO model_files VALUES (%s, %s) ON CONFLICT (fingerprint) DO UPDATE SET content = excluded.content"
    with store.pool.transaction() as connection:
        connection.execute(query, (model.fingerprint, content))
    _write(_place(model), content)
    return _place(model)


def forget(store: PostgresStore, model: ModelIdentity) -> None:
    with store.pool.transaction() as connection:
        connection.execute("DELETE FROM model_files WHERE fingerprint = %s", (model.fingerprint,))


def _write(file: Path, content: bytes) -> None:
    """Whole or not at all."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_name(f"{file.name}.{os.getpid()}.part")
        part.write_bytes(content)
        part.replace(file)
    except OSError as error:
        raise StorageFailed(
            f"The model of the map could not be written to {file} ({error.strerror or error}). Make room there, or set "
            "XDG_CACHE_HOME to a folder that has it."
        ) from error
