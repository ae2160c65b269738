"""The interface of sources of photos, a chain of several, and the notes that a source collects."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol, cast

from ..geo import Region
from ..photos.sphere import Extent
from ..types import Photo, Progress, Skipped

MOST_NOTES = 1000


@dataclass(slots=True)
class Notes:
    """Remarks about photos that were used nevertheless, such as two positions that disagree.

    Only the first MOST_NOTES are kept; `count` counts them all.
    """

    kept: list[str] = field(default_factory=list)
    count: int = 0

    def add(self, note: str) -> None:
        self.count += 1
        if len(self.kept) < MOST_NOTES:  # a name that is not UTF-8 has lone surrogates, which JSON cannot store
            self.kept.append(note.encode(errors="replace").decode())

    def clear(self) -> None:
        self.kept.clear()
        self.count = 0


class Source(Protocol):
    """An iterable of photos. Lazy: photos are read while they are iterated over.

    `count` is a hint for progress bars, `name` is the name of the source in messages.
    """

    @property
    def count(self) -> int | None: ...

    @property
    def name(self) -> str | None: ...

    def __iter__(self) -> Iterator[Photo | Skipped]: ...


class Downloads(Protocol):
    """Pictures that are downloaded before they are described. `at_once` is the number of downloads at one time."""

    at_once: int
    received_bytes: int

    def version(self, address: str) -> str | None:
        """A text that changes when the picture at an address changes; None for an address of another source."""

    def get(self, address: str) -> Path:
        """Download a picture, unless it is there already, and return its file."""

    def release(self, address: str) -> None:
        """Say that the file of a picture is not needed any more."""

    def close(self, *, complete: bool) -> None:
        """End the run; `complete`: no file is needed by a later one."""


class Remote(Protocol):
    """A source that lists what a service has at present, and downloads it."""

    @property
    def downloads(self) -> Downloads: ...

    @property
    def regions(self) -> Sequence[Region]:
        """The area of the list."""

    def prepare(self, progress: Progress) -> None:
        """Request the list."""

    def is_panorama(self, photo: Photo) -> bool | None:
        """Whether a photo is a panorama; None if it is not one of this source."""

    def extent(self, photo: Photo) -> Extent:
        """The part of the sphere that a panorama of this source shows."""

    def is_gone(self, photo: Photo) -> bool:
        """Whether a photo of a map would be listed if the service still had it, and is not."""


@dataclass(frozen=True)
class Chain:
    """Several sources, one after the other. The ids of each begin with its prefix, so that no two are equal."""

    parts: Sequence[tuple[str, Source]]

    @property
    def count(self) -> int | None:
        counts = [source.count for _, source in self.parts]
        known = [count for count in counts if count is not None]
        return sum(known) if len(known) == len(counts) else None

    @property
    def name(self) -> str:
        return ", ".join(name for _, source in self.parts if (name := source.name))

    @property
    def notes(self) -> Notes:
        """The notes of all parts."""
        notes = Notes()
        for prefix, source in self.parts:
            theirs = notes_of(source)
            for note in theirs.kept:
                notes.add(f"{prefix}/{note}" if prefix else note)
            notes.count += theirs.count - len(theirs.kept)
        return notes

    def __iter__(self) -> Iterator[Photo | Skipped]:
        for prefix, source in self.parts:
            for item in source:
                yield replace(item, id=f"{prefix}/{item.id}") if prefix else item


def notes_of(source: object) -> Notes:
    """The notes that a source collected when it was last read; empty for a source without notes."""
    notes = getattr(source, "notes", None)
    return notes if isinstance(notes, Notes) else Notes()


def remotes_of(source: object) -> list[Remote]:
    """The sources among these that download their photos."""
    if isinstance(source, Chain):
        return [remote for _, part in source.parts for remote in remotes_of(part)]
    if hasattr(source, "is_gone"):
        return [cast(Remote, source)]
    inner = getattr(source, "source", None)  # that of a source around another one, such as Panoramas
    return [] if inner is None else remotes_of(inner)


def is_source(given: object) -> bool:
    """Whether an object is a Source, judging by its class: nothing is read."""
    return all(hasattr(type(given), name) for name in ("count", "name", "__iter__"))


def name_of(source: object) -> str | None:
    """The name of a source in messages, usually its path; None for an iterable of the caller."""
    if isinstance(source, str | os.PathLike):
        return str(source)
    name = getattr(source, "name", None)
    return name if isinstance(name, str) else None
