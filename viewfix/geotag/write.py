"""Write positions into sidecars or pictures, with a journal, and skip what cannot be written."""

from __future__ import annotations

import contextlib
import errno
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from ..errors import BadInput, StorageFailed
from ..types import Progress, Skipped
from .change import Change, Sidecars, picture_change
from .exiftool import ExifTool
from .journal import Journal
from .options import GeotagOptions
from .tag import Tag

BATCH = 50
"""How many changes of sidecars are noted in the journal at once. Pictures are changed one at a time."""

MOST_SKIPPED = 1000

Wanted = tuple[str, Tag]
"""A photo, by its path below the folder of the album, and what to write about it."""

Changes = Callable[[str, Tag], list[Change]]


@dataclass(slots=True)
class Written:
    """How many photos were written, into how many files, and why others were not. The first MOST_SKIPPED are listed."""

    photos: int = 0
    files: int = 0
    skipped_count: int = 0
    skipped: list[Skipped] = field(default_factory=list)

    def skip(self, photo: str, reason: str) -> None:
        self.skipped_count += 1
        if len(self.skipped) < MOST_SKIPPED:
            self.skipped.append(Skipped(photo, reason))


def write_tags(
    root: Path, target: Path, wanted: Iterable[Wanted], options: GeotagOptions, progress: Progress, total: int | None
) -> Written:
    """Write the position of each photo.

    Args:
        root: the folder of the album.
        target: the folder of the sidecars and of the journal; `root`, unless it is read-only.
        wanted: the photos, and what to write.
        options: where to write, and the name of new sidecars.
        progress: called with the number of photos.
        total: how many there are, if that is known.

    Raises:
        StorageFailed: the folder cannot be written, or exiftool does not answer.
        BadInput: exiftool is missing or too old.
    """
    written = Written()
    with contextlib.ExitStack() as stack:
        changes, most = _prepare(stack, root, target, options)
        journal = Journal(target)
        stack.callback(journal.close)
        remaining = iter(wanted)
        while batch := list(islice(remaining, most)):
            _write_batch(batch, changes, journal, written)
            progress("writing", written.photos + written.skipped_count, total)
    return written


def _prepare(stack: contextlib.ExitStack, root: Path, target: Path, options: GeotagOptions) -> tuple[Changes, int]:
    sidecars = Sidecars(root, target, options.naming)
    if options.write == "sidecar":
        return sidecars.changes, BATCH
    tool = stack.enter_context(ExifTool())
    scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="viewfix-")))

    def of_picture(photo: str, tag: Tag) -> list[Change]:
        made = [picture_change(root, photo, tag, tool, scratch)]
        # Other programs believe a sidecar before the picture, so one that exists must not say something else.
        exist = any((root / photo).with_name(name).exists() for name in sidecars.names(photo))
        return made + (sidecars.changes(photo, tag) if exist else [])

    return of_picture, 1


def _write_batch(batch: list[Wanted], changes: Changes, journal: Journal, written: Written) -> None:
    prepared: dict[Path, tuple[str, Change]] = {}
    for photo, tag in batch:
        try:
            made = changes(photo, tag)
        except BadInput as error:
            written.skip(photo, str(error))
            continue
        except OSError as error:
            written.skip(photo, f"it cannot be read ({error.strerror or error})")
            continue
        if any(each.path in prepared for each in made):  # two photos of one sidecar: the first one has it
            written.skip(photo, f"{made[0].path.name} belongs to another photo too, which was written")
            continue
        prepared |= {each.path: (photo, each) for each in made}
    journal.add([change.entry for _, change in prepared.values()])
    done: dict[str, None] = {}
    try:
        _apply(prepared, written, done)
    finally:
        journal.confirm()
    written.photos += len(done)


def _apply(prepared: dict[Path, tuple[str, Change]], written: Written, done: dict[str, None]) -> None:
    for path, (photo, change) in prepared.items():
        try:
            change.apply()
        except OSError as error:
            if error.errno in (errno.EROFS, errno.ENOSPC):
                raise StorageFailed(
                    f"{path} cannot be written ({error.strerror}). What was written before stays. Make room, or write "
                    "the sidecars to another folder with --sidecars-in FOLDER."
                ) from error
            written.skip(photo, f"{path.name} cannot be written ({error.strerror or error})")
            continue
        written.files += 1
        done[photo] = None
