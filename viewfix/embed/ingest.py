"""Ingestion: compare a stream of photos with a map, embed what is new, and commit it in batches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..errors import BadInput
from ..models.model import Model
from ..sources import Given, name_of, notes_of, remotes_of
from ..store.store import Record, Store
from ..types import Photo, Progress, Skipped, silent
from .changes import Changes, same_photo
from .describe import Describe, Described, Settled
from .describe import describe as on_this_machine
from .gone import mark_gone
from .remote import Keep, RemotePictures

BATCH = 64
"""Photos per commit: about a second of work on two cores, the most that an interrupted build has to repeat."""


LOOK_AHEAD = 16
"""Photos that are compared with the map at once: few, because the frames of films wait in memory meanwhile."""


@dataclass(slots=True)
class Added:
    """The outcome of adding photos: the numbers of new, changed and known photos, and the skipped ones with reasons.

    `notes` are remarks about photos that were used, such as a sidecar that disagrees with its photo. `gone` are the ids
    of photos of the map that a service does not list any more.
    """

    added: int = 0
    replaced: int = 0
    unchanged: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)

    @property
    def done(self) -> int:
        """The number of photos that were processed, the skipped ones included."""
        return self.added + self.replaced + self.unchanged + len(self.skipped)

    def __str__(self) -> str:
        replaced = f"{self.replaced} replaced, " if self.replaced else ""
        gone = f", {len(self.gone)} gone" if self.gone else ""
        return f"{self.added} added, {replaced}{self.unchanged} already there, {len(self.skipped)} skipped{gone}"


def ingest(
    stream: Iterable[Photo | Skipped],
    store: Store,
    model: Model,
    *,
    progress: Progress = silent,
    describe: Describe = on_this_machine,
    keep: Keep | None = None,
) -> Added:
    """Write photos to a store that is open for writing, one transaction per batch.

    An interruption loses at most the batch in progress. Repeat the call to continue: committed photos are recognised
    by id and content. Only this process writes, whichever machines `describe` uses, so no photo is committed twice.

    Raises:
        BadInput: a service is down or refuses further requests; what had arrived was written.
    """
    tally = Added()
    batch: list[Described] = []
    fresh: list[Skipped] = []  # not stored yet
    remotes = remotes_of(stream)
    with RemotePictures(remotes, progress) as pictures:
        count = getattr(stream, "count", None)
        total = count if isinstance(count, int) else None  # a list has a method of that name
        changes = Changes(store, frozenset(each.id for each in store.skipped()), pictures.version)
        for item in describe(pictures.downloaded(changes.work(stream, BATCH if remotes else LOOK_AHEAD)), model):
            if isinstance(item, Skipped):
                fresh.append(item)
            elif isinstance(item, Settled):
                tally.replaced += item.replaced
                tally.unchanged += not item.replaced
            else:
                batch.append(item)
            if len(batch) + len(fresh) >= BATCH:
                pictures.release(_commit(store, batch, fresh, tally), keep)
            done = tally.done + len(batch) + len(fresh)
            progress("embedding", done, None if total is None else max(total, done))  # a panorama is many photos
        pictures.release(_commit(store, batch, fresh, tally), keep)
        pictures.check()
    tally.notes = list(notes_of(stream).kept)
    tally.gone = mark_gone(store, remotes)
    progress("embedding", tally.done, None if total is None else max(total, tally.done))
    return tally


def _commit(store: Store, batch: list[Described], skipped: list[Skipped], tally: Added) -> list[Described]:
    """Commit the photos with a new descriptor in one transaction; update the records of those with known content.

    Returns what was committed.
    """
    known = store.known([*(item.photo.id for item in batch), *(each.id for each in skipped)])
    new = [item for item in batch if item.descriptor is not None]
    noted = [each for each in skipped if each.id not in known]
    if new:
        records = [Record(item.photo, item.content_hash, item.content_hint) for item in new]
        descriptors = np.stack([item.descriptor for item in new if item.descriptor is not None])
        store.put(records, descriptors, noted)
        replaced = sum(item.photo.id in known for item in new)
        tally.replaced += replaced
        tally.added += len(new) - replaced
    elif noted:
        store.put_skipped(noted)
    for item in batch:
        if item.descriptor is None:
            store.update_photo(Record(item.photo, item.content_hash, item.content_hint))
            store.forget_skipped([item.photo.id])
            changed = not same_photo(known[item.photo.id].photo, item.photo)
            tally.replaced += changed
            tally.unchanged += not changed
    tally.skipped.extend(skipped)
    committed = list(batch)
    batch.clear()
    skipped.clear()
    return committed


def nothing_usable(sources: Sequence[Given], added: Added) -> BadInput:
    """The error for a build that made an empty map."""
    where = ", ".join(filter(None, map(name_of, sources))) or "what was passed"
    if not added.skipped:
        return BadInput(
            f"There are no photos in {where}, so the map is empty. Pass a folder or a manifest with photos."
        )
    first = added.skipped[0]
    return BadInput(
        f"None of the photos in {where} could be used ({len(added.skipped)} skipped), so the map is empty. "
        f"The first, {first.id}: {first.reason}"
    )


def discard_if_empty(writer: Store, new: bool) -> None:
    """Clean up after a failed build: delete the map if it is new and empty, otherwise close it."""
    if new and not len(writer):
        writer.discard()
    else:
        writer.close()
