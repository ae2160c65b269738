"""Write coverage to files, each completely or not at all, and refuse bad targets before the work begins."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from ..basemap import Basemap
from ..blur import Blur
from ..errors import BadInput, StorageFailed
from ..files import write_whole
from .geojson import to_geojson
from .page import page
from .result import Coverage


def check_target(target: Path, endings: Sequence[str]) -> None:
    """Refuse a file that cannot or must not be written, before minutes of work.

    Raises:
        BadInput: the ending is wrong, the folder does not exist, or the target is a folder or a map.
        StorageFailed: this user may not write there.
    """
    if target.suffix.lower() not in endings:
        raise BadInput(f"{target} does not end in {' or '.join(endings)}. Choose a name that does.")
    folder = target.absolute().parent
    if not folder.is_dir():
        raise BadInput(f"There is no folder {folder} for {target.name}. Create it first, or choose another.")
    if target.is_dir():
        raise BadInput(f"{target} is a folder, not a file. Choose another name.")
    if not os.access(folder, os.W_OK):
        raise StorageFailed(f"You may not write to {folder}. Choose another folder.")
    if target.is_file() and _is_database(target):
        raise BadInput(f"{target} is a map or another SQLite database and would be overwritten. Choose another name.")


def _is_database(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            return opened.read(16).startswith(b"SQLite format 3")
    except OSError as error:
        raise StorageFailed(f"Cannot read {file} ({error.strerror or error}). Choose another file.") from error


def write_files(
    coverage: Coverage,
    html_path: Path | None,
    geojson_path: Path | None,
    *,
    basemap: Basemap | None = None,
    blur: Blur | None = None,
) -> list[Path]:
    """Write the page, with a base map and blurred pictures, and the GeoJSON, each if a path is passed.

    Returns the files that were written.

    Raises:
        StorageFailed: the disk is full, or the folder no longer exists.
    """
    wanted: list[tuple[Path | None, Callable[[], str]]] = [
        (html_path, lambda: page(coverage, basemap, blur)),
        (geojson_path, lambda: _geojson(coverage)),
    ]
    written = []
    for target, text in wanted:
        if target is not None:
            _write(target, text())
            written.append(target)
    return written


def _geojson(coverage: Coverage) -> str:
    return json.dumps(to_geojson(coverage), ensure_ascii=False) + "\n"


def _write(target: Path, text: str) -> None:
    try:
        write_whole(target, text)
    except OSError as error:
        raise StorageFailed(
            f"Cannot write {target} ({error.strerror or error}). Free some space, or choose another folder."
        ) from error
