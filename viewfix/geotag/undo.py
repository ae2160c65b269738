"""Put back what was there before positions were written, and keep what was edited since."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import BadInput, StorageFailed
from ..files import write_whole
from ..types import Progress, Skipped, silent
from .change import restored, sha256
from .journal import NAME, Entry, Journal
from .sidecar import undone


@dataclass(slots=True)
class Undone:
    """How many files are as before, out of how many edited ones only the positions were taken, and what was left."""

    restored: int = 0
    edited: int = 0
    left: list[Skipped] = field(default_factory=list)


def undo(folder: Path, progress: Progress = silent) -> Undone:
    """Undo everything that viewfix geotag wrote in a folder, the last write first.

    A file that is as viewfix left it becomes, byte for byte, what it was; a sidecar that was made is deleted. Of a
    sidecar that was edited since, only what viewfix wrote is taken out. A picture that was edited since is left alone,
    and stays in the journal.

    Raises:
        BadInput: nothing was written in this folder.
        StorageFailed: a file cannot be written.
    """
    journal = Journal(folder, create=False)
    outcome, total = Undone(), len(journal)
    try:
        for done, entry in enumerate(journal.newest_first(), start=1):
            try:
                _undo(journal.path_of(entry), entry, outcome)
            except BadInput as error:
                outcome.left.append(Skipped(entry.file, str(error)))
                continue
            except OSError as error:
                raise StorageFailed(
                    f"{folder / entry.file} cannot be restored ({error.strerror or error}). The journal still has it; "
                    "make the folder writable, and run the same command again."
                ) from error
            journal.remove(entry)
            progress("undoing", done, total)
        remaining = len(journal)
    finally:
        journal.close()
    if not remaining:
        (folder / NAME).unlink(missing_ok=True)
    return outcome


def _undo(path: Path, entry: Entry, outcome: Undone) -> None:
    try:
        now = path.read_bytes()
    except FileNotFoundError:
        if entry.before_sha is None:  # a new sidecar that the user has deleted already
            return
        raise BadInput("it is gone; it was moved or deleted after its position was written") from None
    found = sha256(now)
    if found == entry.before_sha:  # killed before it was written
        return
    if found == entry.after_sha:
        if entry.before_sha is None:
            path.unlink()
        else:
            _replace(path, restored(entry, now), entry)
        outcome.restored += 1
        return
    if not entry.after:
        raise BadInput("it was edited after its position was written, so it was left as it is")
    before = None if entry.before_sha is None else restored(entry, entry.after)
    try:
        kept = undone(now, before, entry.after)
    except BadInput as error:
        raise BadInput(f"it was edited after its position was written, and left as it is: {error}") from None
    if kept != now:
        write_whole(path, kept, durable=True)
    outcome.edited += 1


def _replace(path: Path, content: bytes, entry: Entry) -> None:
    mode = path.stat().st_mode
    write_whole(path, content, durable=True)
    path.chmod(mode & 0o7777)
    os.utime(path, ns=(entry.before_mtime_ns, entry.before_mtime_ns))
