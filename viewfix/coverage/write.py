"""Coverage is written to files, whole or not at all; what cannot be written is refused before the work."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from ..errors import BadInput, StorageFailed
from .findings import Coverage
from .geojson import to_geojson
from .page import page


def refuse(target: Path, endings: Sequence[str]) -> None:
    """Refuse a file that cannot or must not be written, before the minutes that lead up to it.

    Raises:
        BadInput: another ending, no such folder, a folder, or a map.
        StorageFailed: no permission.
    """
    if target.suffix.lower() not in endings:
        raise BadInput(f"{target} does not end in {' or '.join(endings)}. Name a file that does.")
    folder = target.absolute().parent
    if not folder.is_dir():
        raise BadInput(f"There is no folder {folder} for {target.name}. Make it first.")
    if target.is_dir():
        raise BadInput(f"{target} is a folder, where a file is to be written. Name another.")
    if not os.access(folder, os.W_OK):
        raise StorageFailed(f"{folder} may not be written by this user. Name a file in another folder.")
    if target.is_file() and _is_database(target):
        raise BadInput(f"{target} is a map or another SQLite database and would be lost. Name a new file.")


def _is_database(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            return opened.read(16).startswith(b"SQLite format 3")
    except OSError as error:
        raise StorageFailed(f"{file} may not be read ({error.strerror or error}). Name another file.") from error


def files(coverage: Coverage, html_path: Path | None, geojson_path: Path | None) -> list[Path]:
    """Write what was asked for; which files that were.

    Raises:
        StorageFailed: the disk is full, or the folder has gone.
    """
    wanted: list[tuple[Path | None, Callable[[Coverage], str]]] = [(html_path, page), (geojson_path, _geojson)]
    written = []
    for target, text in wanted:
        if target is not None:
            _whole(target, text(coverage))
            written.append(target)
    return written


def _geojson(coverage: Coverage) -> str:
    return json.dumps(to_geojson(coverage), ensure_ascii=False) + "\n"


def _whole(target: Path, text: str) -> None:
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(target)
    except OSError as error:
        raise StorageFailed(
            f"{target} could not be written ({error.strerror or error}). Free space or name another place."
        ) from error
    finally:
        part.unlink(missing_ok=True)
