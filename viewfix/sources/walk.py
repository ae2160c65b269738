"""A folder becomes listings of its pictures, one for each folder below it, in an order that does not change."""

from __future__ import annotations

import os
from collections.abc import Iterator, Set
from dataclasses import dataclass
from pathlib import Path

from ..photos import SUFFIXES


@dataclass(frozen=True, slots=True)
class Listing:
    """One folder: its pictures in order of name, and the names of all its files, for sidecars.

    `below` is its path below the root with forward slashes, "" for the root. `trouble` is
    why it could not be listed, if so.
    """

    folder: Path
    below: str
    pictures: tuple[str, ...]
    names: Set[str]
    trouble: str | None = None

    def id_of(self, name: str) -> str:
        return f"{self.below}/{name}" if self.below else name


def is_picture(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in SUFFIXES  # noqa: PTH122  a Path for each of 100,000 names is slow


def walk(root: Path) -> Iterator[Listing]:
    """List a folder and all below it, parents first. Lazy: one folder is held at a time.

    Hidden files and folders are left out, and so are the thumbnails that some disks keep in
    @eaDir. Links are followed, except to a folder that one is already in.
    """
    yield from _walk(root, "", ())


def _walk(folder: Path, below: str, inside: tuple[tuple[int, int], ...]) -> Iterator[Listing]:
    try:
        about = folder.stat()
        me = (about.st_dev, about.st_ino)
        if me in inside:
            return
        names, folders = _entries(folder)
    except OSError as error:
        why = f"the folder could not be listed ({error.strerror}). Check its permissions."
        yield Listing(folder, below, (), frozenset(), why)
        return
    yield Listing(folder, below, tuple(sorted(filter(is_picture, names))), names)
    for name in sorted(folders):
        yield from _walk(folder / name, f"{below}/{name}" if below else name, (*inside, me))


def _entries(folder: Path) -> tuple[set[str], list[str]]:
    names, folders = set(), []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if not entry.is_dir():
                names.add(entry.name)
            elif entry.name not in ("@eaDir", "__MACOSX"):
                folders.append(entry.name)
    return names, folders
