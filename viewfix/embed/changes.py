"""Comparison of a stream of photos with a map: which photos are new, changed, or already there."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ..errors import UnreadablePhoto
from ..photos.views import identity_bytes
from ..store.records import Record
from ..store.store import Store
from ..types import Photo, Position, Skipped, View
from .describe import Pending, Settled, Work, content_hash, content_hint

SAME_DEG = 1e-9
"""Positions within 0.1 mm count as equal, because the last bits of a sum differ between versions of Python."""


Version = Callable[[str], "str | None"]
"""A function from the address of a picture to the version that its service states; None for another source."""


def _without_version(address: str) -> str | None:
    return None


class Changes:
    """A comparison of the photos of one run with a map that is open for writing."""

    def __init__(
        self, store: Store, skipped_before: frozenset[str] = frozenset(), version: Version = _without_version
    ) -> None:
        self._store = store
        self._version = version
        self._skipped_before = skipped_before
        self._ids: set[str] = set()  # ids seen in this run
        self._first_photos: dict[tuple[str, View | None], Photo] = {}  # by file and view

    def work(self, stream: Iterable[Photo | Skipped], batch: int) -> Iterator[Work]:
        """Decide what to do with each photo of a stream, in order. Queries the store a few times per batch."""
        items = iter(stream)
        while chunk := list(itertools.islice(items, batch)):
            yield from self._batch([_storable(item) for item in chunk])

    def _batch(self, items: Sequence[Photo | Skipped]) -> Iterator[Work]:
        photos = [item for item in items if isinstance(item, Photo)]
        known = self._store.known([photo.id for photo in photos])
        unknown = [photo.source for photo in photos if photo.id not in known]
        by_source = self._store.ids_of_sources(unknown) if unknown else {}
        named = [_under_its_old_id(i, by_source) if isinstance(i, Photo) and i.id not in known else i for i in items]
        longer = [_longer_id(photo) for photo in named if isinstance(photo, Photo)]
        others = [photo.id for photo in named if isinstance(photo, Photo) and photo.id not in known]
        known |= self._store.known([*others, *longer])
        for item in named:
            yield item if isinstance(item, Skipped) else self._one(item, known)

    def _one(self, item: Photo, known: dict[str, Record]) -> Work:
        before = self._first_photos.setdefault((item.source, item.view), item)
        if before is not item and before.heading_deg == item.heading_deg:
            if _same_position(before.position, item.position):  # named twice: by a folder and by one of its subfolders
                return Settled(item.id)
            return Skipped(item.id, f"the same file was passed before, as {before.id}, with another position")
        version = self._version(item.source)
        # The ids of a service are unique, so that no picture has to be downloaded to tell two of them apart.
        named = item if version else _under_a_free_id(item, known)
        if isinstance(named, Skipped):
            return named
        if named.id in self._ids:
            return Skipped(named.id, "another photo of this run has the same id; use ids that differ")
        self._ids.add(named.id)
        record = known.get(named.id)
        hint = version or content_hint(named.source)
        if record is None or hint is None or hint != record.content_hint or named.view != record.photo.view:
            return Pending(named, None if record is None else record.content_hash, version)
        if named.id in self._skipped_before:
            self._store.forget_skipped([named.id])
        if same_photo(record.photo, named):
            return Settled(named.id)
        # The same file, moved or credited differently.
        self._store.update_photo(Record(named, record.content_hash, hint))
        return Settled(named.id, replaced=True)


def same_photo(a: Photo, b: Photo) -> bool:
    """Whether two photos have equal fields. Positions within SAME_DEG count as equal."""
    return _same_position(a.position, b.position) and replace(a, position=b.position) == b


def _same_position(a: Position, b: Position) -> bool:
    near = abs(a.lat - b.lat) <= SAME_DEG and abs(a.lon - b.lon) <= SAME_DEG
    if a.radius_m is None or b.radius_m is None:
        return near and a.radius_m == b.radius_m
    return near and abs(a.radius_m - b.radius_m) <= 1e-6


def _under_its_old_id(item: Photo, by_source: dict[str, list[str]]) -> Photo:
    """Keep the id of a file that is already in the map: `build m A` calls it 1.jpg, but `build m A B` A/1.jpg."""
    for old in by_source.get(item.source, ()):
        if old.endswith(f"/{item.id}") or item.id.endswith(f"/{old}"):
            return replace(item, id=old)
    return item


def _longer_id(item: Photo) -> str:
    return f"{Path(item.source).parent.name}/{item.id}"


def _under_a_free_id(item: Photo, known: dict[str, Record]) -> Photo | Skipped:
    """Make the id unique in the map: if another photo has it, put the name of the folder before it."""
    if item.id not in known or not _is_another(known[item.id], item):
        return item
    longer = replace(item, id=_longer_id(item))
    if longer.id in known and _is_another(known[longer.id], longer):
        return Skipped(longer.id, "the map has another photo with this id; add the folder above, so that ids differ")
    return longer


def _is_another(known: Record, item: Photo) -> bool:
    """Whether the map has a different photo under this id: from another path, and with other bytes.

    The old file need not exist any more: the photos of a removed memory card stay in the map.
    """
    if known.photo.source == item.source or (known.content_hint and known.content_hint == content_hint(item.source)):
        return False
    try:
        return content_hash(identity_bytes(item.source, item.view), item.view) != known.content_hash
    except UnreadablePhoto:
        return False  # embedding reads it again, and skips it with the reason


def _storable(item: Photo | Skipped) -> Photo | Skipped:
    """Skip a photo whose texts cannot be stored: a damaged manifest can contain lone surrogates."""
    texts = (
        (item.id, item.reason) if isinstance(item, Skipped) else (item.id, item.source, item.attribution, item.licence)
    )
    clean = [text and text.encode("utf-8", "replace").decode() for text in texts]
    if clean == list(texts):
        return item
    reason = (
        clean[1] if isinstance(item, Skipped) else "its id, file or credit holds half a character; correct the manifest"
    )
    return Skipped(clean[0] or "?", reason or "")
