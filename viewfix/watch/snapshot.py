"""The photos of a folder at one moment, with what shows that a file has changed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..sources.walk import SIDECAR_ENDINGS, Listing, walk

Stamp = tuple[tuple[str, int, int], ...]
"""The name, size and modification time (ns) of a photo, and of the sidecars beside it."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The photos of a folder.

    `stamps` are by id, the path below the folder with forward slashes. `names` are the files in the folder of each
    photo, which may be sidecars. `unlisted` are the folders that could not be read: what is in them is unknown.
    """

    stamps: Mapping[str, Stamp]
    names: Mapping[str, frozenset[str]]
    unlisted: tuple[str, ...]

    def knows(self, photo_id: str) -> bool:
        """Whether the snapshot can tell if a photo is there."""
        return not any(not folder or photo_id.startswith(f"{folder}/") for folder in self.unlisted)


def take(root: Path) -> Snapshot:
    """Look at the files of a folder, without reading them."""
    stamps: dict[str, Stamp] = {}
    names: dict[str, frozenset[str]] = {}
    unlisted: list[str] = []
    for listing in walk(root):
        if listing.trouble:
            unlisted.append(listing.below)
            continue
        there = frozenset(listing.names)
        sidecars = _sidecars(listing)
        for name in listing.pictures:
            stamp = _stamp(listing.folder, [name, *sidecars.get(_key(name), ())])
            if stamp is not None:
                stamps[listing.id_of(name)] = stamp
                names[listing.id_of(name)] = there
    return Snapshot(stamps, names, tuple(unlisted))


def _sidecars(listing: Listing) -> dict[str, list[str]]:
    """The sidecars of a folder by the first part of their names: both a.xmp and a.jpg.xmp belong to a.jpg."""
    found: dict[str, list[str]] = {}
    for name in sorted(listing.names):
        if Path(name).suffix.lower() in SIDECAR_ENDINGS:
            found.setdefault(_key(name), []).append(name)
    return found


def _key(name: str) -> str:
    return name.split(".")[0].lower()


def _stamp(folder: Path, names: list[str]) -> Stamp | None:
    found = []
    for number, name in enumerate(names):
        try:
            about = os.stat(folder / name)  # noqa: PTH116  Path.stat makes a second object for each of 100,000 files
        except OSError:
            if number == 0:  # deleted since the folder was listed
                return None
            continue
        found.append((name, about.st_size, about.st_mtime_ns))
    return tuple(found)
