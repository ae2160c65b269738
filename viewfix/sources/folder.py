"""Folders of geotagged photos, and single photo files, as sources."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

from .. import photos
from ..errors import UnreadablePhoto
from ..geo import distance_m, wrap_heading_deg
from ..photos import Metadata, RemoteFile
from ..types import Photo, Position, Skipped
from . import takeout
from .geotag import Geotag
from .sidecars import Siblings, read_xmp, xmp_files
from .source import Notes
from .walk import walk

Prefer = Literal["sidecar", "exif"]
"""Which position to use if a photo and its sidecar disagree."""

HINT = "Geotag it, or write its position into a manifest: a CSV with the columns file, lat, lon."
DISAGREE_M = 100.0
SAME_M = 1.0
"""Closer than this, a sidecar only repeats the photo's position, rounded: the photo's is finer, and has its error."""


@dataclass(frozen=True, slots=True)
class ReadContext:
    """What the reader of one photo needs besides its file: its id, the preferred position, a place for notes, a track.

    Without a track, `geotag` is None.
    """

    prefer: Prefer = "sidecar"
    notes: Notes = field(default_factory=Notes)
    photo_id: str = ""
    geotag: Geotag | None = None


Read = Callable[[Path, Siblings, ReadContext], Metadata]
"""A function that reads the metadata of a photo from its path, the other files of its folder, and the context."""


def from_files(path: Path, siblings: Siblings, context: ReadContext) -> Metadata:
    """Metadata of a photo, from the photo itself and from the XMP and Google Takeout files beside it.

    A sidecar adds what the photo lacks. Its position also replaces that of the photo, because people correct positions
    there, unless `context.prefer` is "exif".
    """
    own = photos.metadata(path)
    beside = Metadata()
    names = []
    for name in xmp_files(path.name, siblings):
        names.append(name)
        beside = beside.filled(read_xmp(path.with_name(name)))
    written_by_takeout = takeout.sidecar_of(path.name, siblings)
    if written_by_takeout is not None:
        names.append(written_by_takeout)
        beside = beside.filled(takeout.read(path.with_name(written_by_takeout)))
    if own.position is None or beside.position is None:
        if own.position is not None and beside.no_position is not None:
            context.notes.add(f"{context.photo_id}: {beside.no_position}. Its own position is used.")
        return own.filled(beside)
    return _chosen(own, beside, " and ".join(names), context)


def _chosen(own: Metadata, beside: Metadata, sidecar: str, context: ReadContext) -> Metadata:
    """Choose one of two positions, and the heading that belongs to it, so that both are from the same correction."""
    assert own.position is not None and beside.position is not None, "both say where the photo was taken"
    apart_m = distance_m(own.position, beside.position)
    if apart_m > DISAGREE_M:
        other = "exif" if context.prefer == "sidecar" else "sidecar"
        used = sidecar if context.prefer == "sidecar" else "the photo's own"
        context.notes.add(
            f"{context.photo_id}: the photo itself says {_degrees(own.position)}, but {sidecar} says "
            f"{_degrees(beside.position)}, {_length(apart_m)} away. Used: {used}. For the other: --prefer {other}"
        )
    if context.prefer == "exif" or apart_m <= SAME_M:
        return own.filled(beside)
    own = replace(own, position=beside.position)
    if beside.heading_deg is not None:
        own = replace(own, heading_deg=beside.heading_deg, heading_magnetic=beside.heading_magnetic)
    return own.filled(beside)


def _degrees(position: Position) -> str:
    return f"{position.lat:.6f}, {position.lon:.6f}"


def _length(distance_m: float) -> str:
    return f"{distance_m:.0f} m" if distance_m < 1000 else f"{distance_m / 1000:,.1f} km"


def read_photo(path: Path, photo_id: str, siblings: Siblings, read: Read, context: ReadContext) -> Photo | Skipped:
    """Read one photo with its metadata, or the reason why it cannot be used."""
    if printable(photo_id) != photo_id:
        return Skipped(printable(photo_id), "its name is not UTF-8, so it cannot be stored. Rename it.")
    try:
        found = read(path, siblings, replace(context, photo_id=photo_id))
    except UnreadablePhoto as error:
        return Skipped(photo_id, str(error))
    if context.geotag is not None:
        found = context.geotag.located(found)
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
    """All photos in a folder and below it. The id of a photo is its path below the folder, with forward slashes."""

    root: Path
    read: Read = from_files
    prefer: Prefer = "sidecar"
    notes: Notes = field(default_factory=Notes, compare=False)
    geotag: Geotag | None = None

    @property
    def name(self) -> str:
        return str(self.root)

    @cached_property
    def count(self) -> int:
        """The number of photos, by the names of the files, and by the first bytes where the extension is unusual."""
        return sum(len(listing.pictures) + len(listing.other_pictures) for listing in walk(self.root))

    def __iter__(self) -> Iterator[Photo | Skipped]:
        self.notes.clear()
        context = ReadContext(self.prefer, self.notes, geotag=self.geotag)
        root = self.root.resolve()
        for listing in walk(root):
            if listing.trouble:
                yield Skipped(printable(listing.below or root.name), listing.trouble)
            siblings = Siblings(listing.names)
            for name in listing.pictures:
                yield read_photo(listing.folder / name, listing.id_of(name), siblings, self.read, context)
            for name, what in listing.other_pictures:
                reason = f"it is {what}, which is not read. Save it as JPEG or PNG."
                yield Skipped(printable(listing.id_of(name)), reason)


@dataclass(frozen=True)
class Files:
    """Single photo files. The id of a photo is its name, with as much of its path as makes it unique."""

    paths: Sequence[Path]
    prefer: Prefer = "sidecar"
    notes: Notes = field(default_factory=Notes, compare=False)
    geotag: Geotag | None = None

    @property
    def name(self) -> str:
        return ", ".join(map(str, self.paths[:3])) + (", ..." if len(self.paths) > 3 else "")

    @property
    def count(self) -> int:
        return len(self.paths)

    def __iter__(self) -> Iterator[Photo | Skipped]:
        self.notes.clear()
        context = ReadContext(self.prefer, self.notes, geotag=self.geotag)
        listed: dict[Path, Siblings] = {}
        paths = list(dict.fromkeys(path.absolute() for path in self.paths))
        for path, photo_id in zip(paths, distinct_tails(paths), strict=True):
            if path.parent not in listed:
                listed[path.parent] = _siblings(path)
            yield read_photo(path, photo_id, listed[path.parent], from_files, context)


def _siblings(path: Path) -> Siblings:
    try:
        return Siblings(file.name for file in path.parent.iterdir())
    except OSError:  # a folder that may be entered but not listed
        return Siblings([path.name])


def printable(name: str) -> str:
    """A file name that a terminal can show and JSON can store: bytes that are not UTF-8 are replaced."""
    return name.encode(errors="surrogateescape").decode(errors="replace")


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
