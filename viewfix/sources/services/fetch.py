"""Fetch the pictures of services to a folder, with a manifest that names position, licence and credit of each."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import filelock

from ...blur import Blur, blurred_file
from ...errors import BadInput, StorageFailed, UnreadablePhoto
from ...files import write_whole
from ...types import Progress, Skipped, silent
from ..options import USUAL_OPTIONS, SourceOptions
from ..panorama_views import TOO_LITTLE
from .manifest import Row, read_rows, rows_of, write_rows
from .service import Item
from .source import ServiceSource, photo_count

LOCK = ".viewfix-fetch.lock"

SAMPLE = 16
"""How many pictures are asked for their size, where the list does not say it."""

AHEAD = 4
"""Pictures in memory or waiting for each one that is being downloaded."""


@dataclass(slots=True)
class Fetched:
    """The outcome: the numbers of downloaded pictures and of those that were there already, and the skipped ones.

    `manifest` is the file to build a map from.
    """

    manifest: Path
    downloaded: int = 0
    unchanged: int = 0
    received_bytes: int = 0
    skipped: list[Skipped] = field(default_factory=list)

    def __str__(self) -> str:
        megabytes = f"{self.received_bytes / 1e6:.1f} MB"
        return (
            f"{self.downloaded} downloaded ({megabytes}), {self.unchanged} already there, {len(self.skipped)} skipped"
        )


@dataclass(frozen=True, slots=True)
class Outline:
    """What a download would bring. `size_bytes` is None if no size is known; `measured`: it was estimated from some.

    `by_licence` and `by_producer` count the pictures; None is unknown. `taken` is the first and the last time.
    """

    pictures: int
    photos: int
    size_bytes: int | None
    measured: bool
    by_licence: Counter[str | None]
    by_producer: Counter[str | None]
    taken: tuple[datetime, datetime] | None
    skipped: int


def outline(source: ServiceSource, *, reading: SourceOptions = USUAL_OPTIONS, progress: Progress = silent) -> Outline:
    """List the pictures without downloading any."""
    listed = source.listed(progress)
    known = [item.size_bytes for item in listed.items if item.size_bytes is not None]
    without = [item for item in listed.items if item.size_bytes is None]
    sample = without[:: max(1, len(without) // SAMPLE)][:SAMPLE]
    sizes = [size for item in sample if (size := _size_of(source, item)) is not None]
    total = sum(known) + (round(sum(sizes) / len(sizes) * len(without)) if sizes else 0)
    times = sorted(item.taken_at for item in listed.items if item.taken_at is not None)
    return Outline(
        pictures=len(listed.items),
        photos=listed.photos(reading),
        size_bytes=total if known or sizes else None,
        measured=bool(without),
        by_licence=Counter(item.licence for item in listed.items),
        by_producer=Counter(item.producer for item in listed.items),
        taken=(times[0], times[-1]) if times else None,
        skipped=len(listed.skipped),
    )


def fetch(
    sources: Sequence[ServiceSource],
    folder: str | Path,
    *,
    form: str = "csv",
    blur: Blur | None = None,
    reading: SourceOptions = USUAL_OPTIONS,
    progress: Progress = silent,
) -> Fetched:
    """Download the pictures of sources to a folder. Pictures that are there already are not downloaded again.

    Args:
        sources: from `open_service`.
        folder: created if it is missing. The pictures of a service are in a folder of its name.
        form: of the manifest: "csv" or "parquet". Rows of an earlier run in the same folder are kept.
        blur: applied before a picture is written, such as `Blur.of(["faces"])`. Pictures of an earlier run without it
            are replaced, and the other way round.
        reading: how many views the manifest lists for a panorama; with `panorama="no"` it is one row without a view.
        progress: called with the stage, the number done, and the total.

    Raises:
        BadInput: an area is too large or empty; the folder has a file photos.csv that is something else; or another
            process is fetching to it.
        ServiceStopped: a service is down, or refuses the token. What has arrived is kept.
        StorageFailed: the disk is full or read-only.
    """
    folder = Path(folder)
    for source in sources:
        listed = source.listed(progress)
        if not listed.items and not listed.skipped:
            raise source.nothing_there()
    _make(folder)
    try:
        with filelock.FileLock(folder / LOCK, timeout=0):
            made = Fetched(folder / f"photos.{form}")
            return _fetch(sources, folder, made, _Kept(blur, reading), progress)
    except filelock.Timeout:
        raise BadInput(f"Another process is fetching to {folder}. Wait for it, or choose another folder.") from None


@dataclass(frozen=True, slots=True)
class _Kept:
    """How pictures are kept: blurred or not, and with how many rows for a panorama."""

    blur: Blur | None
    reading: SourceOptions

    def items(self, source: ServiceSource) -> list[Item]:
        """The pictures to fetch. One that is to be blurred is another version than the same picture as it is."""
        items = [item for item in source.listed().items if photo_count(item, self.reading)]
        if self.blur is None:
            return items
        return [replace(item, version=f"{item.version} blurred") for item in items]

    def rows(self, source: ServiceSource) -> dict[str, Row]:
        """The rows of the manifest, by id."""
        return {str(row["id"]): row for item in self.items(source) for row in rows_of(item, _file(item), self.reading)}

    def unusable(self, source: ServiceSource) -> list[Skipped]:
        """What is not fetched, and why."""
        cropped = (item for item in source.listed().items if not photo_count(item, self.reading))
        return [*source.listed().skipped, *(Skipped(item.id, TOO_LITTLE) for item in cropped)]


def _fetch(sources: Sequence[ServiceSource], folder: Path, made: Fetched, kept: _Kept, progress: Progress) -> Fetched:
    before = read_rows(made.manifest)
    for part in folder.glob("*/.*.part"):  # of a run that was killed
        part.unlink(missing_ok=True)
    versions = {str(row["address"]): str(row["version"]) for row in before}
    for source in sources:
        made.skipped += kept.unusable(source)
        for item in kept.items(source):
            if versions.get(item.address, item.version) != item.version:
                (folder / _file(item)).unlink(missing_ok=True)  # the picture has changed
    # Written before the pictures arrive, too: if this run is killed, a map can be built from those that did.
    wanted = {name: row for source in sources for name, row in kept.rows(source).items()}
    listed = {row["address"] for row in wanted.values()}  # their earlier rows may be of other views
    rows: dict[str, Row] = {
        str(row["id"]): row for row in before if row["address"] not in listed and (folder / str(row["file"])).is_file()
    }
    write_rows(made.manifest, {**rows, **wanted}.values())
    for source in sources:
        _fetch_one(source, folder, made, kept, progress)
    there = {name: row for name, row in wanted.items() if (folder / str(row["file"])).is_file()}
    write_rows(made.manifest, {**rows, **there}.values())
    return made


def _file(item: Item) -> str:
    return f"{item.id}.jpg"  # viewfix tells formats by their first bytes


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageFailed(f"The folder {folder} cannot be created ({error.strerror}). Choose another.") from error


def _size_of(source: ServiceSource, item: Item) -> int | None:
    try:
        return source.service.size_of(item)
    except UnreadablePhoto:
        return None


def _blurred(content: bytes, blur: Blur) -> bytes:
    """The picture after blurring. One that cannot be blurred is never kept as it is."""
    try:
        return blurred_file(content, blur)
    except BadInput as error:
        raise UnreadablePhoto(str(error)) from error


def _fetch_one(source: ServiceSource, folder: Path, made: Fetched, kept: _Kept, progress: Progress) -> None:
    items, blur = kept.items(source), kept.blur
    stage = f"pictures of {source.service.title}"

    def one(item: Item) -> bool:
        """Download a picture unless it is there; returns whether it was downloaded."""
        file = folder / _file(item)
        if file.is_file():
            return False
        content = source.downloads.fetched(item)
        if blur is not None:
            content = _blurred(content, blur)
        try:
            file.parent.mkdir(exist_ok=True)
            write_whole(file, content)
        except OSError as error:
            raise StorageFailed(f"{file} cannot be written ({error.strerror}). Free some space.") from error
        return True

    for done, (item, result) in enumerate(in_order(items, one, source.downloads.at_once), start=1):
        try:
            was_downloaded = result.result()
        except UnreadablePhoto as error:
            made.skipped.append(Skipped(item.id, str(error)))
        else:
            made.downloaded += was_downloaded
            made.unchanged += not was_downloaded
        progress(stage, done, len(items))
        progress("megabytes", round((made.received_bytes + source.downloads.received_bytes) / 1e6), None)
    made.received_bytes += source.downloads.received_bytes


def in_order(
    items: Iterable[Item], function: Callable[[Item], bool], at_once: int
) -> Iterator[tuple[Item, Future[bool]]]:
    """Call a function for items in `at_once` threads, a bounded number ahead, and yield the results in order."""
    waiting: deque[tuple[Item, Future[bool]]] = deque()

    pool = ThreadPoolExecutor(at_once, thread_name_prefix="fetch")
    try:
        for item in items:
            waiting.append((item, pool.submit(function, item)))
            if len(waiting) >= AHEAD * at_once:
                yield waiting.popleft()
        while waiting:
            yield waiting.popleft()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
