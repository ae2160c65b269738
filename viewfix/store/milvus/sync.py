"""Keep a collection of Milvus in step with the records, which are the truth."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

import numpy as np

from ...errors import ViewfixError
from ...types import Progress
from ..batches import record_batches
from ..records import to_units
from ..store import Store
from .collection import Collection, Label

KEY = "milvus"
"""In the meta of the records: how far their collection is synchronised."""

CHUNK = 4_000
_SPARE_ROWS = 1_000  # so many rows of removed photos, and a tenth of all rows, may stay in Milvus


@dataclass(frozen=True, slots=True)
class SyncState:
    """How far the collection `uid` is synchronised: up to the row `through`, put at the time `at` by Milvus' clock."""

    uid: str = ""
    through: int = 0
    at: int = 0

    @classmethod
    def of(cls, records: Store) -> SyncState:
        return cls(**records.meta(KEY, {}))

    def store(self, records: Store) -> SyncState:
        records.set_meta(KEY, asdict(self))
        return self


def mismatch(collection: Collection, records: Store, state: SyncState) -> str | None:
    """Why a collection may lack rows up to `state.through`; None if it has them all."""
    text = collection.found()
    if text is None:
        return "it is missing"
    made = Label.read(text)
    if made is None or made.uid != state.uid:
        return "it belongs to another map"
    if (made.map_id, made.model, made.dim) != (records.map_id, records.model.fingerprint, records.model.dim):
        return "it belongs to the map before its migration to another model"
    collection.load()
    has = collection.count(state.through, state.at)
    wanted = len(records) - len(records.rows(state.through))
    return None if has >= wanted else f"it has {has:,} of {wanted:,} photos"


def synchronise(collection: Collection, records: Store, progress: Progress, notice: Callable[[str], None]) -> SyncState:
    """Add the rows that the collection lacks, for a writer of the map. Continues an interrupted call."""
    state = SyncState.of(records)
    reason = mismatch(collection, records, state)
    if reason is not None:
        if len(records):
            notice(f"Filling the collection of {collection.url.address} in Milvus from its records: {reason}.")
        if " photos" in reason:
            state = _repair(collection, records, state, progress)
        else:
            # The records name the new collection first: otherwise a search would take it, still empty, for the old one.
            state = SyncState(uuid.uuid4().hex).store(records)
            model = records.model
            collection.make(Label(state.uid, records.map_id, model.fingerprint, model.dim))
    state = _append(collection, records, state, progress)
    extra = collection.count(state.through, state.at) - len(records)
    if extra > max(_SPARE_ROWS, len(records) // 10):
        state = _repair(collection, records, state, progress)
    return state


def _append(collection: Collection, records: Store, state: SyncState, progress: Progress) -> SyncState:
    """Add the rows that are newer than those of the collection."""
    last = records.version.last_row
    if last <= state.through:
        return state
    done, total = 0, len(records.rows(state.through))
    for rows, found, halves in record_batches(records, CHUNK, state.through):
        if not len(rows):
            continue
        at = collection.put(rows, *_positions(found), to_units(halves))
        state = replace(state, through=max(state.through, min(int(rows[-1]), last)), at=max(at, state.at)).store(
            records
        )
        done += len(rows)
        progress("filling Milvus", done, max(done, total))
    return replace(state, through=max(state.through, last)).store(records)


def _repair(collection: Collection, records: Store, state: SyncState, progress: Progress) -> SyncState:
    """Compare row by row: add what the collection lacks, delete what the records do not have."""
    after, done = 0, 0
    for rows, found, halves in record_batches(records, CHUNK):
        if not len(rows):
            continue
        lats, lons = _positions(found)
        # In steps that Milvus can return at once: the row numbers may have gaps, which its deleted rows fill.
        has = _rows_of(collection, after, int(rows[-1]))
        lacks = ~np.isin(rows, has)
        if lacks.any():
            at = collection.put(rows[lacks], lats[lacks], lons[lacks], to_units(halves[lacks]))
            state = replace(state, at=max(at, state.at))
        beyond = has[~np.isin(has, rows)]
        gone = beyond[~np.isin(beyond, records.present(beyond)[0])]
        collection.remove(gone.tolist())
        after = int(rows[-1])
        done += len(rows)
        progress("comparing with Milvus", done, len(records))
    return state.store(records)


def _rows_of(collection: Collection, after: int, through: int) -> np.ndarray:
    step, parts = 16_000, []
    for start in range(after, through, step):
        parts.append(collection.rows_between(start, min(start + step, through)))
    return np.concatenate([np.empty(0, np.int64), *parts])


def _positions(found: list) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    lats, lons = (np.array([getattr(r.photo.position, name) for r in found], np.float64) for name in ("lat", "lon"))
    return lats, lons


def mark_synchronised(records: Store, state: SyncState) -> SyncState:
    """Store that the collection has all rows of the records. Called by the writer that put them there."""
    try:
        last, known = records.version.last_row, SyncState.of(records)
    except ViewfixError:  # the map was migrated: the collection is obsolete
        return state
    if known.uid != state.uid:  # another writer replaced the collection, and keeps it in step
        return state
    return replace(state, through=max(last, known.through), at=max(state.at, known.at)).store(records)
