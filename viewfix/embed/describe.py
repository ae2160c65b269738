"""Description of photos on all cores of this machine, in order, a bounded number ahead of the consumer."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from .. import photos
from ..errors import UnreadablePhoto
from ..models.model import Model
from ..photos.views import load_view
from ..types import Photo, Skipped, View


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
    None for another URL. `descriptor` is (dim,)
    float32 of length 1; None if the content has the known hash.
    """

    photo: Photo
    content_hash: str
    content_hint: str | None
    descriptor: npt.NDArray[np.float32] | None


Work = Pending | Settled | Skipped
Outcome = Described | Settled | Skipped


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
        numbers = (view.yaw_deg, view.pitch_deg, view.field_of_view_deg, view.time_s)
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
    model for bulk work with `threads=1`.

    Args:
        work: the photos to describe. Settled and Skipped items pass through in their places.
        model: the model that describes them.
        workers: the number of threads; None for one per core.
    """
    workers = workers or cores()
    waiting: deque[Future[Described | Skipped] | Settled | Skipped] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="embed")
    try:
        for item in work:
            waiting.append(pool.submit(describe_one, item, model) if isinstance(item, Pending) else item)
            if len(waiting) >= 4 * workers:
                yield _result(waiting.popleft())
        while waiting:
            yield _result(waiting.popleft())
    finally:
        # After Ctrl-C or on a full disk, nothing that is still queued is needed.
        pool.shutdown(wait=True, cancel_futures=True)


def _result(item: Future[Described | Skipped] | Settled | Skipped) -> Outcome:
    return item.result() if isinstance(item, Future) else item


def describe_one(item: Pending, model: Model) -> Described | Skipped:
    """Describe one photo. The descriptor is None if the content has the known hash."""
    photo = item.photo
    try:
        # Before reading, so that the next run notices a change during the read.
        hint = item.hint or content_hint(photo.source)
        data = photos.read_bytes(item.copy or photo.source)
        found = content_hash(data, photo.view)
        if found == item.known_hash:
            return Described(photo, found, hint, None)
        picture = load_view(data, photo.view, least_side_px=model.least_side_px)
    except UnreadablePhoto as error:
        return Skipped(photo.id, str(error))
    return Described(photo, found, hint, model.embed([picture])[0])


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
