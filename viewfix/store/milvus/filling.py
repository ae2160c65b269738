"""The truth and a collection go in; the collection has what the truth has, or what is missing is said."""

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
from .collection import Collection, Made

KEY = "milvus"
"""In the meta of the records: how far their collection is filled."""

CHUNK = 4_000
_SPARE_ROWS = 1_000  # more than the truth has, from removals that Milvus missed: so many are let be, and a tenth


@dataclass(frozen=True, slots=True)
class Filled:
    """How far the collection `uid` is filled: all rows up to `through` were put into it, the last at Milvus' `at`."""

    uid: str = ""
    through: int = 0
    at: int = 0

    @classmethod
    def of(cls, records: Store) -> Filled:
        return cls(**records.meta(KEY, {}))

    def kept(self, records: Store) -> Filled:
        records.set_meta(KEY, asdict(self))
        return self


def why_unfit(collection: Collection, records: Store, filled: Filled) -> str | None:
    """Why a collection cannot be trusted to hold every row up to `filled.through`; None where it can."""
    text = collection.found()
    if text is None:
        return "it is missing"
    made = Made.read(text)
    if made is None or made.uid != filled.uid:
        return "it is of another map"
    if (made.map_id, made.model, made.dim) != (records.map_id, records.model.fingerprint, records.model.dim):
        return "it is of the map before its model changed"
    collection.load()
    has = collection.count(filled.through, filled.at)
    wanted = len(records) - len(records.rows(filled.through))
    return None if has >= wanted else f"it has {has:,} of {wanted:,} photos"


def see_to(collection: Collection, records: Store, progress: Progress, notice: Callable[[str], None]) -> Filled:
    """Fill what the collection lacks, for who writes the map; goes on where an earlier call was stopped."""
    filled = Filled.of(records)
    reason = why_unfit(collection, records, filled)
    if reason is not None:
        if len(records):
            notice(f"The collection of {collection.place.address} in Milvus is filled from its records: {reason}.")
        if " photos" in reason:
            filled = _compared(collection, records, filled, progress)
        else:
            # The truth forgets the old one first: who searches never takes the new one, still empty, for it.
            filled = Filled(uuid.uuid4().hex).kept(records)
            model = records.model
            collection.make(Made(filled.uid, records.map_id, model.fingerprint, model.dim))
    filled = _followed(collection, records, filled, progress)
    extra = collection.count(filled.through, filled.at) - len(records)
    if extra > max(_SPARE_ROWS, len(records) // 10):
        filled = _compared(collection, records, filled, progress)
    return filled


def _followed(collection: Collection, records: Store, filled: Filled, progress: Progress) -> Filled:
    """Put the rows of the truth that came after those that the collection has."""
    last = records.version.last_row
    if last <= filled.through:
        return filled
    done, total = 0, len(records.rows(filled.through))
    for rows, found, halves in record_batches(records, CHUNK, filled.through):
        if not len(rows):
            continue
        at = collection.put(rows, *_positions(found), to_units(halves))
        filled = replace(filled, through=max(filled.through, min(int(rows[-1]), last)), at=max(at, filled.at)).kept(
            records
        )
        done += len(rows)
        progress("filling Milvus", done, max(done, total))
    return replace(filled, through=max(filled.through, last)).kept(records)


def _compared(collection: Collection, records: Store, filled: Filled, progress: Progress) -> Filled:
    """Row by row: what the collection lacks is put, what it has beyond the truth is deleted."""
    after, done = 0, 0
    for rows, found, halves in record_batches(records, CHUNK):
        if not len(rows):
            continue
        lats, lons = _positions(found)
        # So many at once as Milvus tells at once: the numbers of rows may have gaps, filled by what is gone.
        has = _rows_of(collection, after, int(rows[-1]))
        lacks = ~np.isin(rows, has)
        if lacks.any():
            at = collection.put(rows[lacks], lats[lacks], lons[lacks], to_units(halves[lacks]))
            filled = replace(filled, at=max(at, filled.at))
        beyond = has[~np.isin(has, rows)]
        gone = beyond[~np.isin(beyond, records.present(beyond)[0])]
        collection.remove(gone.tolist())
        after = int(rows[-1])
        done += len(rows)
        progress("comparing with Milvus", done, len(records))
    return filled.kept(records)


def _rows_of(collection: Collection, after: int, through: int) -> np.ndarray:
    step, parts = 16_000, []
    for start in range(after, through, step):
        parts.append(collection.rows_between(start, min(start + step, through)))
    return np.concatenate([np.empty(0, np.int64), *parts])


def _positions(found: list) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    lats, lons = (np.array([getattr(r.photo.position, name) for r in found], np.float64) for name in ("lat", "lon"))
    return lats, lons


def stamped(records: Store, filled: Filled) -> Filled:
    """Note that all rows that the truth has by now are in the collection, for who put them there."""
    try:
        last, known = records.version.last_row, Filled.of(records)
    except ViewfixError:  # the map was migrated: the collection is of no use any more
        return filled
    if known.uid != filled.uid:  # another writer made it anew, and sees to it
        return filled
    return replace(filled, through=max(last, known.through), at=max(filled.at, known.at)).kept(records)
