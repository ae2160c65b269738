"""Description of photos on all cores of this machine, in order, a bounded number ahead of the consumer."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from .. import photos
from ..errors import UnreadablePhoto
from ..models.model import Model
from ..photos.recent_frames import RECENT
from ..photos.views import identity_bytes, load_views
from ..types import Photo, Skipped, View

MOST_HELD = 256
"""The most items that wait for a full batch. In an update, most photos are settled, and a batch may never fill."""

MOST_TOGETHER = 16
"""Views of one file that are described by one core, one after the other."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A photo whose file must be read. `known_hash` is the content hash that the map has for its id, or None.

    For a photo of a service, `hint` is the version of the picture, and `copy` the file that it was downloaded to.
    """

    photo: Photo
    known_hash: str | None = None
    hint: str | None = None
    copy: str | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """A photo that is already in the map and need not be read. `replaced`: its record in the map was updated."""

    photo_id: str
    replaced: bool = False


@dataclass(frozen=True, slots=True)
class Described:
    """A photo with the identity of its content and its descriptor.

    `content_hash` identifies the bytes of the file and the view that is cut out of it. `content_hint` (size and
    modification time, or the version that a service states) lets a later run recognise the file without reading it;
    None for another URL. `copy` is the file that a picture of a service was downloaded to. `descriptor` is (dim,)
    float32 of length 1; None if the content has the known hash.
    """

    photo: Photo
    content_hash: str
    content_hint: str | None
    descriptor: npt.NDArray[np.float32] | None
    copy: str | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A photo without its descriptor, and its picture, prepared for the model."""

    described: Described
    picture: npt.NDArray[Any]


Work = Pending | Settled | Skipped
Outcome = Described | Settled | Skipped
Result = TypeVar("Result")


class Describe(Protocol):
    """A function that describes photos: `describe` on this machine, or one from viewfix.embed.ray on many machines."""

    def __call__(self, work: Iterable[Work], model: Model) -> Iterator[Outcome]: ...


def cores() -> int:
    """The number of cores that this process may use. In a container it may be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def content_hash(data: bytes, view: View | None = None) -> str:
    """The identity of the content of a photo: 128 bits of BLAKE2b over the bytes of its file and its view, in hex."""
    digest = hashlib.blake2b(data, digest_size=16)
    if view is not None:
        numbers: tuple[float | None, ...] = (view.yaw_deg, view.pitch_deg, view.field_of_view_deg, view.time_s)
        if view.roll_deg is not None:  # maps from before there was a roll keep their hashes
            numbers += (view.roll_deg,)
        digest.update(repr(tuple(None if n is None else float(n) for n in numbers)).encode())
    return digest.hexdigest()


def content_hint(source: str) -> str | None:
    """The size and modification time of a local file; None for a URL or a missing file."""
    if "://" in source:
        return None
    try:
        stat = Path(source).stat()
    except OSError:
        return None
    return f"{stat.st_size}:{stat.st_mtime_ns}"


def describe(work: Iterable[Work], model: Model, *, workers: int | None = None) -> Iterator[Outcome]:
    """Describe photos in order, `workers` at a time, a bounded number ahead of the caller.

    Every worker reads, decodes and embeds one picture at a time. Measured on two cores, this is faster than passing
    batches to one multi-threaded session: decoding overlaps with inference, and no core waits for another. Load a
    model for bulk work with `threads=1`. A model on an accelerator gets batches instead: the workers read, decode and
    prepare pictures for it, and the calling thread runs it.

    Args:
        work: the photos to describe. Settled and Skipped items pass through in their places.
        model: the model that describes them.
        workers: the number of threads; None for one per core.
    """
    workers = workers or cores()
    if model.most_together == 1:
        yield from _on_workers(work, lambda items: describe_together(items, model), workers, 4 * workers)
        return
    ahead = 4 * workers + 2 * model.most_together
    yield from _embedded(_on_workers(work, lambda items: prepare_together(items, model), workers, ahead), model)


def _on_workers(
    work: Iterable[Work], one: Callable[[list[Pending]], Sequence[Result]], workers: int, most_ahead: int
) -> Iterator[Result | Settled | Skipped]:
    """Apply `one` to the photos of each file on some threads, in order, a bounded number of photos ahead."""
    waiting: deque[Future[Sequence[Result]] | Settled | Skipped] = deque()
    ahead = 0  # photos that are waiting, so that long groups do not run farther ahead than single photos
    pool = ThreadPoolExecutor(workers, thread_name_prefix="embed")

    def first() -> Sequence[Result | Settled | Skipped]:
        item = waiting.popleft()
        return item.result() if isinstance(item, Future) else [item]

    try:
        for item in together(work):
            waiting.append(pool.submit(one, item) if isinstance(item, list) else item)
            ahead += len(item) if isinstance(item, list) else 1
            while ahead >= most_ahead and len(waiting) > workers:
                results = first()
                ahead -= len(results)
                yield from results
        while waiting:
            yield from first()
    finally:
        # After Ctrl-C or on a full disk, nothing that is still queued is needed.
        pool.shutdown(wait=True, cancel_futures=True)
        RECENT.clear()


def _embedded(items: Iterable[Prepared | Outcome], model: Model) -> Iterator[Outcome]:
    """Embed prepared pictures, `most_together` at once, and yield everything in order."""
    held: list[Prepared | Outcome] = []
    for item in items:
        held.append(item)
        if sum(isinstance(each, Prepared) for each in held) >= model.most_together or len(held) >= MOST_HELD:
            yield from _embed_held(held, model)
            held.clear()
    yield from _embed_held(held, model)


def _embed_held(held: Sequence[Prepared | Outcome], model: Model) -> Iterator[Outcome]:
    pictures = [each.picture for each in held if isinstance(each, Prepared)]
    descriptors = iter(model.embed_prepared(pictures) if pictures else ())
    for each in held:
        yield replace(each.described, descriptor=next(descriptors)) if isinstance(each, Prepared) else each


def together(work: Iterable[Work]) -> Iterator[list[Pending] | Settled | Skipped]:
    """Gather consecutive views of one file, up to MOST_TOGETHER, so that it is read and decoded once."""
    group: list[Pending] = []
    for item in work:
        if group and not (isinstance(item, Pending) and _belongs(item, group)):
            yield group
            group = []
        if isinstance(item, Pending):
            group.append(item)
        else:
            yield item
    if group:
        yield group


def _belongs(item: Pending, group: Sequence[Pending]) -> bool:
    first = group[0].photo
    is_view = first.view is not None and item.photo.view is not None
    return is_view and item.photo.source == first.source and len(group) < MOST_TOGETHER


def describe_together(items: Sequence[Pending], model: Model) -> list[Described | Skipped]:
    """Describe photos that share one file, in order. The descriptor is None if the content has the known hash."""
    return [
        replace(each.described, descriptor=np.asarray(model.embed_prepared([each.picture])[0]))
        if isinstance(each, Prepared)
        else each
        for each in prepare_together(items, model)
    ]


def prepare_together(items: Sequence[Pending], model: Model) -> list[Prepared | Described | Skipped]:
    """Read and prepare photos that share one file, in order. A photo whose content has the known hash is done."""
    source = items[0].photo.source
    try:
        # Before reading, so that the next run notices a change during the read.
        hint = items[0].hint or content_hint(source)
        data = identity_bytes(items[0].copy or source, items[0].photo.view)
        hashes = [content_hash(data, item.photo.view) for item in items]
        new = [item.photo.view for item, found in zip(items, hashes, strict=True) if found != item.known_hash]
        is_frame = items[0].photo.view is not None and items[0].photo.view.time_s is not None
        pictures = load_views(items[0].copy or source if is_frame else data, new, least_side_px=model.least_side_px)
        described = [
            Described(item.photo, found, hint, None, item.copy) for item, found in zip(items, hashes, strict=True)
        ]
        return [
            each if each.content_hash == item.known_hash else Prepared(each, model.prepare(next(pictures)))
            for each, item in zip(described, items, strict=True)
        ]
    except UnreadablePhoto as error:
        if len(items) > 1:  # one damaged frame of a film must not cost the others
            return [each for item in items for each in prepare_together([item], model)]
        return [Skipped(items[0].photo.id, str(error))]


def describe_pictures(
    files: Sequence[str | Path], model: Model, *, workers: int | None = None
) -> Iterator[npt.NDArray[np.float32] | Skipped]:
    """Describe picture files, in order: (dim,) float32 each, or a Skipped for a file that cannot be read."""

    def one(file: str | Path) -> npt.NDArray[np.float32] | Skipped:
        try:
            descriptors = model.embed([photos.load(file, least_side_px=model.least_side_px)])
        except UnreadablePhoto as error:
            return Skipped(str(file), str(error))
        return np.asarray(descriptors[0])

    with ThreadPoolExecutor(workers or cores(), thread_name_prefix="embed") as pool:
        yield from pool.map(one, files)
