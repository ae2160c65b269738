"""Photos become descriptors on all cores: Photo | Skipped go in, Described | Skipped come out, in order."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from .. import photos
from ..errors import UnreadablePhoto
from ..models.model import Model
from ..types import Photo, Skipped


@dataclass(frozen=True, slots=True)
class Described:
    """A photo, what its file held, and what it looks like.

    `content_hash` identifies the bytes of the file; `content_hint` (size and time of
    change) lets a later run tell that a file is the same without reading it, None for a URL.
    `descriptor` is (dim,) float32 of length 1, or None when the bytes were known already.
    """

    photo: Photo
    content_hash: str
    content_hint: str | None
    descriptor: npt.NDArray[np.float32] | None


class Describe(Protocol):
    """What `ingest` describes photos by: `describe` below on this machine, or viewfix.embed.ray on many."""

    def __call__(
        self, stream: Iterable[Photo | Skipped], model: Model, *, known_hash: Callable[[str], str | None]
    ) -> Iterator[Described | Skipped]: ...


def cores() -> int:
    """How many cores this process may use: fewer than the machine has, in a container."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def hash_content(data: bytes) -> str:
    """The identity of a file's bytes: 128 bits of BLAKE2b, hex."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def content_hint(source: str) -> str | None:
    """Size and time of change of a local file; None for a URL or a file that is not there."""
    if "://" in source:
        return None
    try:
        stat = Path(source).stat()
    except OSError:
        return None
    return f"{stat.st_size}:{stat.st_mtime_ns}"


def describe(
    stream: Iterable[Photo | Skipped],
    model: Model,
    *,
    known_hash: Callable[[str], str | None] = lambda photo_id: None,
    workers: int | None = None,
) -> Iterator[Described | Skipped]:
    """Describe photos in order, `workers` at a time, a bounded number ahead of the caller.

    Every worker reads, decodes and embeds one picture at a time; measured on two cores
    that beats handing batches to one multi-threaded session, since decoding is hidden
    behind inference and no core waits for another. A model for bulk work should
    therefore be loaded with `threads=1`.

    Args:
        stream: photos to describe; Skipped pass through in their place.
        model: what describes them.
        known_hash: photo id to the content hash that is stored, or None; called in the
            caller's thread. A photo whose bytes have that hash comes back without a descriptor.
        workers: threads; None for one a core.
    """
    workers = workers or cores()
    waiting: deque[Future[Described | Skipped] | Skipped] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="embed")
    try:
        for item in stream:
            if isinstance(item, Skipped):
                waiting.append(item)
            else:
                waiting.append(pool.submit(describe_one, item, model, known_hash(item.id)))
            if len(waiting) >= 4 * workers:
                yield _result(waiting.popleft())
        while waiting:
            yield _result(waiting.popleft())
    finally:
        # After Ctrl-C or a full disk nobody wants what is still queued.
        pool.shutdown(wait=True, cancel_futures=True)


def _result(item: Future[Described | Skipped] | Skipped) -> Described | Skipped:
    return item if isinstance(item, Skipped) else item.result()


def describe_one(photo: Photo, model: Model, known_hash: str | None) -> Described | Skipped:
    """One photo, described; without a descriptor where its bytes have the hash that is known."""
    try:
        hint = content_hint(photo.source)  # before reading: a change while we read must show next time
        data = photos.read_bytes(photo.source)
        content_hash = hash_content(data)
        if content_hash == known_hash:
            return Described(photo, content_hash, hint, None)
        picture = photos.load(data, least_side_px=model.least_side_px)
    except UnreadablePhoto as error:
        return Skipped(photo.id, str(error))
    return Described(photo, content_hash, hint, model.embed([picture])[0])


def describe_pictures(
    files: Sequence[str | Path], model: Model, *, workers: int | None = None
) -> Iterator[npt.NDArray[np.float32] | Skipped]:
    """(dim,) float32 descriptors of picture files, in their order; Skipped for one that cannot be read."""

    def one(file: str | Path) -> npt.NDArray[np.float32] | Skipped:
        try:
            descriptors = model.embed([photos.load(file, least_side_px=model.least_side_px)])
        except UnreadablePhoto as error:
            return Skipped(str(file), str(error))
        return np.asarray(descriptors[0])

    with ThreadPoolExecutor(workers or cores(), thread_name_prefix="embed") as pool:
        yield from pool.map(one, files)
