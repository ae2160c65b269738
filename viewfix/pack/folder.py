"""Files go in; a folder comes out that is one version of a pack, a checksum for every file: whole or not at all."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import BadInput, StorageFailed

MANIFEST = "pack.json"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Stored:
    """One file of a pack: where the app finds it, its size then, and what lies in the folder in its stead.

    `at_root`: beside the version's folder rather than in it. `kept`: the app keeps it when it is installed.
    """

    path: str
    content: bytes
    bytes_: int
    squeezed: bool = False
    at_root: bool = False
    kept: bool = True

    @property
    def file(self) -> str:
        return f"{self.path}.lzma" if self.squeezed else self.path

    def to_json(self) -> dict[str, Any]:
        return {
            "path": self.path,
            **({"file": self.file} if self.squeezed else {}),
            **({"root": True} if self.at_root else {}),
            **({} if self.kept else {"kept": False}),
            "bytes": self.bytes_,
            "download": len(self.content),
            "sha256": hashlib.sha256(self.content).hexdigest(),
        }


def version_of(files: Sequence[Stored], *others: bytes) -> str:
    """16 hex digits: the same for the same files, whenever and wherever they were packed."""
    digest = hashlib.sha256()
    for file in sorted(files, key=lambda file: file.path):
        digest.update(f"{file.path}\0{hashlib.sha256(file.content).hexdigest()}\n".encode())
    for other in others:
        digest.update(hashlib.sha256(other).digest())
    return digest.hexdigest()[:16]


def manifest_of(version: str, about: dict[str, Any], files: Sequence[Stored]) -> bytes:
    """The content of pack.json."""
    listed = [file.to_json() for file in sorted(files, key=lambda file: (not file.at_root, file.path))]
    return json.dumps(
        {"format": FORMAT, "version": version, **about, "files": listed}, ensure_ascii=False, indent=1
    ).encode()


def refuse_others(target: Path) -> None:
    """A folder that is there already is replaced only if it is a pack."""
    if not target.absolute().parent.is_dir():
        raise BadInput(f"There is no folder {target.absolute().parent}. Make it first, then pack to {target}.")
    if not target.exists() or (target.is_dir() and (not any(target.iterdir()) or is_pack(target))):
        return
    what = "a folder with other things in it" if target.is_dir() else "a file"
    raise BadInput(f"{target} is {what}, not a pack, and would be written over. Choose another name with --output.")


def is_pack(folder: Path) -> bool:
    try:
        about = json.loads((folder / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(about, dict) and isinstance(about.get("format"), int) and "version" in about


def write(target: Path, version: str, manifest: bytes, files: Sequence[Stored]) -> None:
    """Write everything beside the target and put it in its place; what was there before stays until then.

    Raises:
        StorageFailed: no room, or not allowed; the target is as it was.
    """
    fresh, old = (target.with_name(f".{target.name}.{word}") for word in ("new", "old"))
    try:
        for left_over in (fresh, old):
            shutil.rmtree(left_over, ignore_errors=True)
        for file in files:
            path = (fresh if file.at_root else fresh / f"v-{version}") / file.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.content)
        (fresh / MANIFEST).write_bytes(manifest)
        if target.exists():
            target.rename(old)
        fresh.rename(target)
    except OSError as error:
        if old.exists() and not target.exists():
            old.rename(target)
        shutil.rmtree(fresh, ignore_errors=True)
        raise StorageFailed(
            f"The pack could not be written to {target} ({error.strerror}); what was there is untouched. "
            "Make room, or choose another folder with --output."
        ) from error
    shutil.rmtree(old, ignore_errors=True)
