"""A stream of photos is written into a map: what is there already is left alone, the rest is embedded and committed."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ..errors import BadInput, UnreadablePhoto
from ..models.model import Model
from ..photos import read_bytes
from ..sources import open_sources
from ..store.store import Record, Store
from ..types import Photo, Progress, Skipped, silent
from .describe import Describe, Described, content_hint, hash_content
from .describe import describe as on_this_machine

Source = str | Path | Iterable[Photo | Skipped]

BATCH = 64
"""Photos a commit: a second of work on two cores, the most that a killed build does again."""


@dataclass(slots=True)
class Added:
    """What came of adding photos: how many were new, changed, or there already, and which were skipped and why."""

    added: int = 0
    replaced: int = 0
    unchanged: int = 0
    skipped: list[Skipped] = field(default_factory=list)

    @property
    def done(self) -> int:
        return self.added + self.replaced + self.unchanged + len(self.skipped)

    def __str__(self) -> str:
        replaced = f"{self.replaced} replaced, " if self.replaced else ""
        return f"{self.added} added, {replaced}{self.unchanged} already there, {len(self.skipped)} skipped"


def ingest(
    stream: Iterable[Photo | Skipped],
    store: Store,
    model: Model,
    *,
    progress: Progress = silent,
    describe: Describe = on_this_machine,
) -> Added:
    """Write photos into a store, open for writing, a batch a transaction.

    A kill at any moment loses at most the batch in the making; the same call then goes
    on, for what is committed is recognised by its id and content. Whatever `describe` is, only
    this process writes, so that no photo is committed twice.
    """
    tally = Added()
    batch: list[Described] = []
    told = 0  # skipped photos that are stored already
    skipped_before = {each.id for each in store.skipped()}
    total = getattr(stream, "count", None)

    def known_hash(photo_id: str) -> str | None:
        known = store.known([photo_id]).get(photo_id)
        return known.content_hash if known else None

    for item in describe(_todo(stream, store, tally, skipped_before), model, known_hash=known_hash):
        if isinstance(item, Skipped):
            tally.skipped.append(item)
        else:
            batch.append(item)
        if len(batch) + len(tally.skipped) - told >= BATCH:
            _commit(store, batch, tally, told)
            told = len(tally.skipped)
        progress("embedding", tally.done + len(batch), total)
    _commit(store, batch, tally, told)
    progress("embedding", tally.done, total)
    return tally


def _todo(
    stream: Iterable[Photo | Skipped], store: Store, tally: Added, skipped_before: set[str]
) -> Iterator[Photo | Skipped]:
    """What of the stream needs its file read; counts the rest as unchanged."""
    seen: set[str] = set()  # ids of this run
    sources: dict[str, Photo] = {}
    for item in map(_storable, stream):
        if isinstance(item, Skipped):
            yield item
            continue
        before = sources.setdefault(item.source, item)
        if before is not item:
            if before.position == item.position:  # one file by two ways: a folder, and a folder in it
                tally.unchanged += 1
            else:
                yield Skipped(item.id, f"the same file was given before, as {before.id}, with another position")
            continue
        named = _named(item, store, seen)
        if isinstance(named, Skipped):
            yield named
            continue
        seen.add(named.id)
        known = store.known([named.id]).get(named.id)
        hint = content_hint(named.source)
        if not known or hint is None or hint != known.content_hint:
            yield named
            continue
        if named.id in skipped_before:
            store.forget_skipped([named.id])
        if known.photo != named:  # the same picture, said to be elsewhere, or moved to another folder
            store.update_photo(Record(named, known.content_hash, hint))
            tally.replaced += 1
        else:
            tally.unchanged += 1


def _named(item: Photo, store: Store, seen: Set[str]) -> Photo | Skipped:
    """The photo under the id that it has or can have in this map, or why it can have none."""
    item = _under_its_old_id(item, store)
    known = store.known([item.id]).get(item.id)
    if known and _is_another(known, item):  # IMG_1.jpg of a second folder must not push out that of the first
        item = replace(item, id=f"{Path(item.source).parent.name}/{item.id}")
        known = store.known([item.id]).get(item.id)
        if known and _is_another(known, item):
            return Skipped(item.id, "the map has another photo of that id; add the folder above, so that ids differ")
    if item.id in seen:
        return Skipped(item.id, "a photo before it in this run has the same id; give ids that differ")
    return item


def _under_its_old_id(item: Photo, store: Store) -> Photo:
    """`build m A` calls a photo 1.jpg, `build m A B` calls it A/1.jpg: the same file keeps the id that it has."""
    if item.id not in store.known([item.id]):
        for old in store.ids_of_source(item.source):
            if old.endswith(f"/{item.id}") or item.id.endswith(f"/{old}"):
                return replace(item, id=old)
    return item


def _is_another(known: Record, item: Photo) -> bool:
    """Whether this file is not the one that the map has under its id: another path, and other bytes.

    It does not matter whether the old file is still there: a card that was taken out keeps its photos in the map.
    """
    if known.photo.source == item.source or (known.content_hint and known.content_hint == content_hint(item.source)):
        return False
    try:
        return hash_content(read_bytes(item.source)) != known.content_hash
    except UnreadablePhoto:
        return False  # the reader of photos says what is wrong with it


def _storable(item: Photo | Skipped) -> Photo | Skipped:
    """Text that no file can hold (half a character, from a damaged manifest) costs one photo, not the build."""
    texts = (
        (item.id, item.reason) if isinstance(item, Skipped) else (item.id, item.source, item.attribution, item.licence)
    )
    clean = [text and text.encode("utf-8", "replace").decode() for text in texts]
    if clean == list(texts):
        return item
    reason = (
        clean[1] if isinstance(item, Skipped) else "its id, file or credit holds characters that are no text; mend them"
    )
    return Skipped(clean[0] or "?", reason or "")


def _commit(store: Store, batch: list[Described], tally: Added, told: int) -> None:
    """One transaction for the photos with a new descriptor; those whose bytes were known only renew their record."""
    fresh = [item for item in batch if item.descriptor is not None]
    known = store.known([item.photo.id for item in batch])
    skipped = [each for each in tally.skipped[told:] if each.id not in store.known([each.id])]
    if fresh:
        records = [Record(item.photo, item.content_hash, item.content_hint) for item in fresh]
        descriptors = np.stack([item.descriptor for item in fresh if item.descriptor is not None])
        store.put(records, descriptors, skipped)
        replaced = sum(item.photo.id in known for item in fresh)
        tally.replaced += replaced
        tally.added += len(fresh) - replaced
    elif skipped:
        store.put_skipped(skipped)
    for item in batch:
        if item.descriptor is None:
            store.update_photo(Record(item.photo, item.content_hash, item.content_hint))
            store.forget_skipped([item.photo.id])
            changed = known[item.photo.id].photo != item.photo
            tally.replaced += changed
            tally.unchanged += not changed
    batch.clear()


def stream_of(sources: Sequence[Source]) -> Iterable[Photo | Skipped]:
    """One stream of all sources; refuses at once what cannot be read at all."""
    if not sources:
        raise BadInput("No photos were given. Give a folder, a manifest (CSV, GeoJSON, Parquet) or photo files.")
    named = [source for source in sources if isinstance(source, str | Path)]
    made = [source for source in sources if not isinstance(source, str | Path)]
    if not made:
        return open_sources(named)
    return itertools.chain(*([open_sources(named)] if named else []), *made)


def nothing_usable(sources: Sequence[Source], added: Added) -> BadInput:
    where = ", ".join(str(source) for source in sources if isinstance(source, str | Path)) or "what was given"
    if not added.skipped:
        return BadInput(
            f"There are no photos in {where}, so the map is empty. Give a folder or a manifest with photos."
        )
    first = added.skipped[0]
    return BadInput(
        f"None of the photos in {where} could be used ({len(added.skipped)} skipped), so the map is empty. "
        f"The first, {first.id}: {first.reason}"
    )


def clear_away(writer: Store, new: bool) -> None:
    """After a build that failed: an empty map that nobody asked for would only be in the way."""
    if new and not len(writer):
        writer.discard()
    else:
        writer.close()
