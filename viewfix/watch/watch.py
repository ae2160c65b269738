"""Apply the changes of a folder to a map, and report each of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ..errors import BadInput, MapBusy
from ..map import Map
from ..photos import is_url
from ..sources import USUAL_OPTIONS, Prefer, SourceOptions
from ..sources.folder import ReadContext, from_files, read_photo
from ..sources.sidecars import Siblings
from ..types import Photo
from .moments import Reports, moments, system_reports
from .settling import Settling
from .snapshot import Snapshot, take

Kind = Literal["added", "replaced", "removed", "skipped", "away", "back", "busy"]
"""What happened to a photo; or the folder went away or came back, or another process is writing the map."""

SETTLE_S = 2.0
AT_ONCE = 512
"""Photos that are added in one go, so that a change shows while thousands of others wait."""


@dataclass(frozen=True, slots=True)
class FolderChange:
    """One change, as it was applied to the map. `id` is that of the photo, or the folder; `reason` says more."""

    kind: Kind
    id: str
    reason: str | None = None

    def __str__(self) -> str:
        return f"{self.kind} {self.id}" + (f": {self.reason}" if self.reason else "")


@dataclass(frozen=True)
class WatchOptions:
    """How to watch a folder.

    `remove`: take photos out of the map whose files were deleted. `settle_s`: a file must not have changed for this
    long before it is read. `prefer` and `reading` are those of `Map.build`. `reports` replaces the reports of the
    operating system.
    """

    remove: bool = False
    settle_s: float = SETTLE_S
    prefer: Prefer = "sidecar"
    reading: SourceOptions = USUAL_OPTIONS
    reports: Reports = field(default=system_reports, compare=False)

    def __post_init__(self) -> None:
        if not 0 <= self.settle_s <= 3600:
            raise BadInput(f"settle_s must be from 0 to 3600 seconds; got {self.settle_s}.")


def watch(
    city: Map, folder: str | Path, options: WatchOptions | None = None, *, stop: threading.Event | None = None
) -> Iterator[FolderChange]:
    """Keep a map up to date with a folder, and yield each change after it was applied. Ends when `stop` is set.

    A file is read when its size and time have not changed for `settle_s`. If the folder goes away, as that of a memory
    card does, nothing is removed, and it is read again when it comes back. What changed while the machine slept, or
    while nothing watched, is found too. The map is calibrated again when the folder is quiet.

    Args:
        city: the open map.
        folder: the folder. The ids of its photos are their paths below it, as for `Map.build`.
        options: whether to remove photos, and how to read them.
        stop: set it from another thread to end.

    Raises:
        BadInput: there is no such folder.
        MissingExtra: watchfiles is not installed.
    """
    root = Path(folder).expanduser().absolute()
    if not root.is_dir():
        raise BadInput(f"{folder} is not a folder. Pass the folder whose photos the map should have.")
    watcher = _Watcher(city, root, options or WatchOptions())
    return watcher.changes(stop or threading.Event())


class _Watcher:
    """The state of one `watch`."""

    def __init__(self, city: Map, root: Path, options: WatchOptions) -> None:
        self._city, self._root, self._options = city, root, options
        self._settling = Settling(options.settle_s)
        self._is_away = self._is_busy = self._changed = False
        self._known = set(_files_below(city, root.resolve())) if options.remove else set()

    def changes(self, stop: threading.Event) -> Iterator[FolderChange]:
        for is_there in moments(self._root, stop, lambda: self._settling.waits, self._options.reports):
            now = take(self._root.resolve()) if is_there else None
            if now is None or self._is_suddenly_empty(now):
                if not self._is_away:
                    self._is_away = True
                    why = "it is empty or not mounted; its photos stay in the map until it is back"
                    yield FolderChange("away", str(self._root), why)
                continue
            if self._is_away:
                self._is_away = False
                yield FolderChange("back", str(self._root))
            try:
                yield from self._apply(now, time.monotonic())
                self._is_busy = False
            except MapBusy as error:
                if not self._is_busy:
                    self._is_busy = True
                    yield FolderChange("busy", str(self._city.address), str(error))

    def _is_suddenly_empty(self, now: Snapshot) -> bool:
        """Whether all photos are gone at once: the mount point of a card that was taken out is an empty folder."""
        return not now.stamps and bool(self._known)

    def _apply(self, now: Snapshot, at_s: float) -> Iterator[FolderChange]:
        settled = self._settling.look(now, at_s)
        for start in range(0, len(settled), AT_ONCE):
            yield from self._add(now, settled[start : start + AT_ONCE])
        if self._options.remove:
            yield from self._remove(now, at_s)
        if self._changed and not self._settling.waits:
            self._city.remove([])  # calibrates, if enough has changed
            self._changed = False

    def _add(self, now: Snapshot, ids: Sequence[str]) -> Iterator[FolderChange]:
        context = ReadContext(self._options.prefer)
        root = self._root.resolve()
        read = [read_photo(root / each, each, Siblings(now.names[each]), from_files, context) for each in ids]
        photos = [each for each in read if isinstance(each, Photo)]
        before = self._hashes(photos)
        added = self._city.add(read, calibrate=False, options=self._options.reading)
        after = self._hashes(photos)
        self._settling.done(now, ids)
        if self._options.remove:
            self._known.update(each.id for each in photos)
        for photo_id, found in after.items():
            if before.get(photo_id) != found:
                self._changed = True
                yield FolderChange("replaced" if photo_id in before else "added", photo_id)
        for each in added.skipped:
            yield FolderChange("skipped", each.id, each.reason)

    def _hashes(self, photos: Sequence[Photo]) -> dict[str, object]:
        """What the map has of these files, by id; a panorama is several photos of one file."""
        of_files = self._city.store.ids_of_sources([each.source for each in photos]) if photos else {}
        ids = [photo_id for ids in of_files.values() for photo_id in ids]
        known = self._city.store.known(ids)
        return {
            photo_id: (known[photo_id].content_hash, known[photo_id].photo) for photo_id in ids if photo_id in known
        }

    def _remove(self, now: Snapshot, at_s: float) -> Iterator[FolderChange]:
        root = self._root.resolve()
        gone = [each for each in self._settling.gone(now, self._known, at_s) if not (root / each).exists()]
        if not gone:
            return
        of_files = self._city.store.ids_of_sources([str(root / each) for each in gone])
        ids = [photo_id for ids in of_files.values() for photo_id in ids]
        self._city.remove(ids, calibrate=False)
        self._settling.done(now, gone)
        self._known.difference_update(gone)
        self._changed = self._changed or bool(ids)
        for photo_id in ids:
            yield FolderChange("removed", photo_id)


def _files_below(city: Map, root: Path) -> Iterator[str]:
    """The files of the map below a folder, as paths below it."""
    for photo in city.photos():
        if not is_url(photo.source) and Path(photo.source).is_relative_to(root):
            yield Path(photo.source).relative_to(root).as_posix()
