"""A folder of geotagged photos, or single photo files, become Photo | Skipped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from .. import photos
from ..errors import UnreadablePhoto
from ..geo import wrap_heading_deg
from ..photos import Metadata, RemoteFile
from ..photos.xmp import from_xmp
from ..types import Photo, Skipped
from . import takeout
from .walk import walk

Read = Callable[[Path, Set[str]], Metadata]
"""How a photo's position is found: its path and the names of all files in its folder give Metadata."""

HINT = "Geotag it, or give its position in a manifest: a CSV with file, lat, lon."


def from_files(path: Path, names: Set[str]) -> Metadata:
    """What the photo itself says; where it is silent, an .xmp file or a Google Takeout .json beside it."""
    found = photos.metadata(path)
    for name in (f"{path.name}.xmp", f"{path.stem}.xmp"):
        if name in names:
            found = found.filled(from_xmp(photos.read_bytes(path.with_name(name))))
    sidecar = takeout.sidecar_of(path.name, names)
    return found.filled(takeout.read(path.with_name(sidecar))) if sidecar else found


def described(path: Path, photo_id: str, names: Set[str], read: Read) -> Photo | Skipped:
    """One photo with all that is known of it, or why it cannot be used."""
    try:
        photo_id.encode()
    except UnicodeEncodeError:
        name = photo_id.encode(errors="surrogateescape").decode(errors="replace")
        return Skipped(name, "its name is not UTF-8, so it cannot be written down. Rename it.")
    try:
        found = read(path, names)
    except UnreadablePhoto as error:
        return Skipped(photo_id, str(error))
    if found.position is None:
        return Skipped(photo_id, f"{found.no_position or 'it carries no GPS position'}. {HINT}")
    return Photo(
        id=photo_id,
        source=str(path),
        position=found.position,
        heading_deg=None if found.heading_deg is None else wrap_heading_deg(found.heading_deg),
        taken_at=found.taken_at,
        attribution=found.attribution,
        licence=found.licence,
        camera=found.camera,
    )


@dataclass(frozen=True)
class Folder:
    """All photos in a folder and below it; the id of one is its path below the folder, with forward slashes."""

    root: Path
    read: Read = from_files

    @cached_property
    def count(self) -> int:
        """How many there are. Lists names, opens nothing."""
        return sum(len(listing.pictures) for listing in walk(self.root))

    def __iter__(self) -> Iterator[Photo | Skipped]:
        root = self.root.resolve()
        for listing in walk(root):
            if listing.trouble:
                yield Skipped(listing.below or root.name, listing.trouble)
            for name in listing.pictures:
                yield described(listing.folder / name, listing.id_of(name), listing.names, self.read)


@dataclass(frozen=True)
class Files:
    """Single photo files; the id of one is its name, with as much of its path as tells it from the others."""

    paths: Sequence[Path]

    @property
    def count(self) -> int:
        return len(self.paths)

    def __iter__(self) -> Iterator[Photo | Skipped]:
        listed: dict[Path, frozenset[str]] = {}
        paths = list(dict.fromkeys(path.absolute() for path in self.paths))
        for path, photo_id in zip(paths, distinct_tails(paths), strict=True):
            if path.parent not in listed:
                listed[path.parent] = frozenset(file.name for file in path.parent.iterdir())
            yield described(path, photo_id, listed[path.parent], from_files)


def distinct_tails(paths: Sequence[Path | RemoteFile]) -> list[str]:
    """The shortest end of each path, in whole names, that no other path has."""
    tails = [path.name for path in paths]
    depth = 1
    while len(set(tails)) < len(tails) and depth < max(len(path.parts) for path in paths):
        depth += 1
        times = Counter(tails)
        tails = [
            "/".join(path.parts[-depth:]) if times[tail] > 1 else tail for path, tail in zip(paths, tails, strict=True)
        ]
    return tails
