"""Prepare the changes of files: the new content, and the journal entry that restores the old one."""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import BadInput
from ..files import replacing
from ..photos import SUFFIXES, read_header
from ..sources.sidecars import Siblings, xmp_files
from ..sources.walk import RAW_ENDINGS
from .exiftool import ExifTool
from .journal import Entry
from .options import Naming
from .sidecar import merged, sidecar_name
from .tag import Tag

MOST_FOLDERS = 8
_ENDINGS = (*SUFFIXES, *RAW_ENDINGS)


@dataclass(frozen=True, slots=True)
class Change:
    """One file to write: its path, its new content, and what the journal has to know."""

    path: Path
    after: bytes
    entry: Entry

    def apply(self) -> None:
        """Write the file atomically; its permissions stay."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(self.path, durable=True) as part:
            part.write_bytes(self.after)
            if self.path.exists():
                shutil.copymode(self.path, part)


class Sidecars:
    """The sidecars of the photos of one album, in `target`: the folder of the album, or another one."""

    def __init__(self, root: Path, target: Path, naming: Naming) -> None:
        self._root, self._target, self._naming = root, target, naming
        self._folders: dict[Path, Siblings] = {}

    def changes(self, photo: str, tag: Tag) -> list[Change]:
        """What to write for one photo: every sidecar that exists, or a new one.

        Raises:
            BadInput: a sidecar cannot be merged. The message is a phrase about the photo.
        """
        return [self._change(photo, name, tag) for name in self.names(photo)]

    def names(self, photo: str) -> list[str]:
        """The names of the sidecars of a photo, or of the one to make."""
        path = self._root / photo
        siblings = self._siblings(path.parent)
        found = list(dict.fromkeys(xmp_files(path.name, siblings)))
        if found or self._naming == "full":
            return found or [sidecar_name(path.name, "full")]
        # photo.xmp would belong to photo.jpg and photo.heic alike.
        has_twin = any(siblings.find(path.stem + each) not in (None, path.name) for each in _ENDINGS)
        return [sidecar_name(path.name, "full" if has_twin else "stem")]

    def _change(self, photo: str, name: str, tag: Tag) -> Change:
        file = f"{photo.rpartition('/')[0]}/{name}" if "/" in photo else name
        before = _content(self._target / file)
        # In another folder, the sidecar beside the photo is where it begins.
        base = before if before is not None else _content((self._root / photo).with_name(name))
        try:
            after = merged(base, tag)
        except BadInput as error:
            raise BadInput(f"its sidecar {name} was left alone: {error}. Repair or remove that file.") from None
        return _change(self._target, photo, file, before, after, keep_after=True)

    def _siblings(self, folder: Path) -> Siblings:
        """The names in a folder. Those of a few folders are kept: photos in the order of time change between them."""
        if folder not in self._folders:
            if len(self._folders) >= MOST_FOLDERS:
                self._folders.pop(next(iter(self._folders)))
            self._folders[folder] = Siblings(each.name for each in os.scandir(folder))
        return self._folders[folder]


def picture_change(root: Path, photo: str, tag: Tag, tool: ExifTool, scratch: Path) -> Change:
    """The change of a picture by exiftool, made on a copy in `scratch`, a folder with a plain name.

    Raises:
        BadInput: exiftool refuses the picture. The message is a phrase about the photo.
    """
    path = root / photo
    if b"LocationCreated" in read_header(path).xmp:  # an existing place stays; exiftool would replace it
        tag = replace(tag, place=None, road=None)
    copy = scratch / f"picture{path.suffix if path.suffix.isascii() and path.suffix.isprintable() else ''}"
    before = path.read_bytes()
    copy.write_bytes(before)
    try:
        tool.write(copy, tag)
        after = copy.read_bytes()
    finally:
        copy.unlink(missing_ok=True)
    return _change(root, photo, photo, before, after, keep_after=False)


def restored(entry: Entry, after: bytes) -> bytes:
    """The content before a change, from that after it.

    Raises:
        BadInput: the journal is damaged.
    """
    end = len(after) - entry.suffix
    before = after[: entry.prefix] + entry.before + after[end:]
    if sha256(before) != entry.before_sha:
        raise BadInput("the journal is damaged")
    return before


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _change(folder: Path, photo: str, file: str, before: bytes | None, after: bytes, *, keep_after: bool) -> Change:
    path = folder / file
    if path.is_symlink():  # the link would be replaced by a file
        raise BadInput(f"{path.name} is a link to another file. Geotag the folder where that file is.")
    prefix, suffix = (0, 0) if before is None else common_ends(before, after)
    entry = Entry(
        photo=photo,
        file=file,
        before_sha=None if before is None else sha256(before),
        after_sha=sha256(after),
        before=b"" if before is None else before[prefix : len(before) - suffix],
        after=after if keep_after else b"",
        prefix=prefix,
        suffix=suffix,
        before_mtime_ns=0 if before is None else path.stat().st_mtime_ns,
        written_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    return Change(path, after, entry)


def common_ends(one: bytes, other: bytes) -> tuple[int, int]:
    """How many bytes two contents share at the beginning, and at the end of what is left."""
    shorter = min(len(one), len(other))
    a, b = np.frombuffer(one, np.uint8), np.frombuffer(other, np.uint8)
    prefix = _first_difference(a[:shorter], b[:shorter])
    rest = shorter - prefix
    suffix = _first_difference(a[len(a) - rest :][::-1], b[len(b) - rest :][::-1])
    return prefix, suffix


def _first_difference(a: npt.NDArray[np.uint8], b: npt.NDArray[np.uint8]) -> int:
    differs = a != b
    return int(differs.argmax()) if differs.any() else len(a)


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
