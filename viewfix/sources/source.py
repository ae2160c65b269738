"""The interface of sources of photos, a chain of several, and the notes that a source collects."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from ..types import Photo, Skipped

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


def is_source(given: object) -> bool:
    """Whether an object is a Source, judging by its class: nothing is read."""
    return all(hasattr(type(given), name) for name in ("count", "name", "__iter__"))


def name_of(source: object) -> str | None:
    """The name of a source in messages, usually its path; None for an iterable of the caller."""
    if isinstance(source, str | os.PathLike):
        return str(source)
    name = getattr(source, "name", None)
    return name if isinstance(name, str) else None
