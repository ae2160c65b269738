"""Walk through a map in batches: records with their descriptors, row by row."""

from __future__ import annotations

from collections.abc import Iterator

from .records import Halves, Record, Rows
from .store import Store


def record_batches(store: Store, chunk: int, after: int = 0) -> Iterator[tuple[Rows, list[Record], Halves]]:
    """Every row above `after`, ascending: (n,) int64, its record, and its (n, dim) float16 as stored.

    Rows that are removed or changed meanwhile, and damaged ones, are left out; a changed photo has a later row.
    """
    for rows, halves in store.iter_descriptors(chunk, after):
        ids = [photo.id for photo in store.photos(rows)]
        known, row_of = store.known(ids), store.rows_of(ids)
        by_row = {row_of[key]: known[key] for key in ids if key in known and key in row_of}
        kept = [at for at, row in enumerate(rows.tolist()) if row in by_row]
        yield rows[kept], [by_row[row] for row in rows[kept].tolist()], halves[kept]
