"""One version of a pack as a folder, with a checksum for every file, written completely or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import BadInput, StorageFailed
from ..geojson import to_json
from .compress import SUFFIX

MANIFEST = "pack.json"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Stored:
    """One file of a pack: its path in the app, its size there, and its bytes in the folder.

    `compressed`: it is an .lzma file in the folder. `at_root`: it is beside the version's folder, not in it.
    `kept`: the app keeps it when it is installed.
    """

    path: str
    content: bytes
    size: int
    compressed: bool = False
    at_root: bool = False
    kept: bool = True

    @property
    def file(self) -> str:
        """The path of the file in the folder."""
        return f"{self.path}{SUFFIX}" if self.compressed else self.path

    def to_json(self) -> dict[str, Any]:
        """The entry of the file in pack.json."""
        return {
            "path": self.path,
            **({"file": self.file} if self.compressed else {}),
            **({"root": True} if self.at_root else {}),
            **({} if self.kept else {"kept": False}),
            "bytes": self.size,
            "download": len(self.content),
            "sha256": hashlib.sha256(self.content).hexdigest(),
        }


def version_of(files: Sequence[Stored], *others: bytes) -> str:
    """The version of a pack, 16 hex digits: equal for equal files, whenever and wherever they were packed."""
    digest = hashlib.sha256()
    for file in sorted(files, key=lambda file: file.path):
        digest.update(f"{file.path}\0{hashlib.sha256(file.content).hexdigest()}\n".encode())
    for other in others:
        digest.update(hashlib.sha256(other).digest())
    return digest.hexdigest()[:16]


def manifest_of(version: str, about: dict[str, Any], files: Sequence[Stored]) -> bytes:
    """The content of pack.json."""
    listed = [file.to_json() for file in sorted(files, key=lambda file: (not file.at_root, file.path))]
    return to_json({"format": FORMAT, "version": version, **about, "files": listed}).encode()


def refuse_others(target: Path) -> None:
    """Raise BadInput unless the target is free, an empty folder, or a pack, which may be replaced."""
    parent = target.absolute().parent
    if not parent.is_dir():
        raise BadInput(f"There is no folder {parent}. Create it, then pack to {target}.")
    if not target.exists() or (target.is_dir() and (not any(target.iterdir()) or is_pack(target))):
        return
    what = "a folder with other files" if target.is_dir() else "a file"
    raise BadInput(f"{target} is {what}, not a pack, and would be overwritten. Choose another name with --output.")


def is_pack(folder: Path) -> bool:
    """Whether a folder looks like a pack; its files are not checked."""
    try:
        about = json.loads((folder / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(about, dict) and isinstance(about.get("format"), int) and "version" in about


def write(target: Path, version: str, manifest: bytes, files: Sequence[Stored]) -> None:
    """Write the folder beside the target, then move it into place; until then the old pack stays.

    Raises:
        StorageFailed: the disk is full, or may not be written; the target is unchanged.
    """
    fresh, old = (target.with_name(f".{target.name}.{word}") for word in ("new", "old"))
    for left_over in (fresh, old):
        shutil.rmtree(left_over, ignore_errors=True)
    with _undone_on_failure(target, fresh, old):
        for file in files:
            path = (fresh if file.at_root else fresh / f"v-{version}") / file.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.content)
        (fresh / MANIFEST).write_bytes(manifest)
        if target.exists():
            target.rename(old)
        fresh.rename(target)
    shutil.rmtree(old, ignore_errors=True)


@contextlib.contextmanager
def _undone_on_failure(target: Path, fresh: Path, old: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if old.exists() and not target.exists():
            old.rename(target)
        shutil.rmtree(fresh, ignore_errors=True)
        raise StorageFailed(
            f"The pack could not be written to {target} ({error.strerror}); what was there is untouched. "
            "Free some space, or choose another folder with --output."
        ) from error
