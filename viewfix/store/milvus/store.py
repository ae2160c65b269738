"""A map that is searched in Milvus. Its records, descriptors included, are stored in a file or in PostgreSQL."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from ...errors import BadInput, NotAMap, StorageFailed, ViewfixError
from ...types import Skipped, silent
from ..address import Address
from ..postgres.url import check_size
from ..records import ModelIdentity, Record, to_halves, to_units
from ..store import Rows, Store
from .collection import Collection
from .delegate import DelegatingStore
from .sync import SyncState, mark_synchronised, synchronise
from .url import MilvusUrl

NOTE_EACH = 1_000
"""Photos between two checkpoints of the synchronisation; after a kill, those since the last one are put again."""


class MilvusStore(DelegatingStore):
    """See `Store`.

    The truth is another map, a file or PostgreSQL, because Milvus has no transactions. A batch is put into Milvus
    before the truth commits it, so Milvus has every row of the truth. Milvus may also have rows that the truth does
    not: these are never returned, because every candidate is looked up in the truth.
    """

    engine: ClassVar[str] = "milvus"

    def __init__(self, url: MilvusUrl, truth: Store, collection: Collection, state: SyncState | None = None) -> None:
        super().__init__(truth)
        self.address, self.collection = url.address, collection
        self._state = state  # None: opened for reading
        self._unnoted = 0

    # Opening and closing

    @classmethod
    def created(cls, address: Address, model: ModelIdentity) -> Self:
        url = _url(address)
        if url.records.scheme.startswith("postgres"):
            check_size(model)
        if Store.exists(url.records):
            raise BadInput(
                f"There is already something at {url.records}, where the records of {address} belong. Name another "
                "place for them with ?records="
            )
        collection = Collection(url)
        try:
            if (found := collection.found()) is not None:
                what = f"whose records are not at {url.records}" if "viewfix" in found else "of another program"
                raise BadInput(
                    f"There is already a collection {url.collection} in Milvus, {what}. Name its records with "
                    "?records=, drop the collection, or choose another name."
                )
            truth = Store.create(url.records, model)
            try:
                return cls(url, truth, collection, synchronise(collection, truth, silent, _log))
            except BaseException:
                truth.discard()
                raise
        except BaseException:
            collection.close()
            raise

    @classmethod
    def opened(cls, address: Address, *, write: bool = False) -> Self:
        url = _url(address)
        if not Store.exists(url.records):
            raise NotAMap(
                f"There is no map at {address}: its records are not at {url.records}. Name them with ?records=, or "
                f"build it with: viewfix build {address.typed} PHOTOS"
            )
        collection = Collection(url)
        truth = Store.open(url.records, write=write)
        try:
            # A writer needs a complete collection; for a reader, the search checks it.
            return cls(url, truth, collection, synchronise(collection, truth, silent, _log) if write else None)
        except BaseException:
            truth.close()
            collection.close()
            raise

    @classmethod
    def taken(cls, address: Address) -> bool:
        return Store.exists(_url(address).records)

    def close(self) -> None:
        if self._state is not None and self._unnoted:
            self._note()
        self._state = None
        self.collection.close()
        self.truth.close()

    def discard(self) -> None:
        self._state = None
        self.collection.drop()
        self.collection.close()
        self.truth.discard()

    def info(self) -> dict[str, Any]:
        url = self.collection.url
        return {**self.truth.info(), "path": str(self.address), "records": str(url.records), "index": url.index}

    # Writing: to Milvus first, then to the truth

    def put(
        self,
        records: Sequence[Record],
        descriptors: npt.NDArray[np.float32] | npt.NDArray[np.float16],
        skipped: Sequence[Skipped] = (),
        *,
        before_commit: Callable[[Rows], None] | None = None,
    ) -> Rows:
        halves = to_halves(records, descriptors, self.model.dim)
        units = to_units(halves)
        lats = np.array([record.photo.position.lat for record in records], np.float64)
        lons = np.array([record.photo.position.lon for record in records], np.float64)
        replaced = self.truth.rows_of([record.photo.id for record in records])

        def index(rows: Rows) -> None:
            last = {
                row: at for at, row in enumerate(rows.tolist())
            }  # records with the same id have the row of the last
            at = np.fromiter(last.values(), np.int64, len(last))
            if len(at):
                self._to_milvus(rows[at], lats[at], lons[at], units[at])
            if before_commit is not None:
                before_commit(rows)

        rows = self.truth.put(records, halves, skipped, before_commit=index)
        self._from_milvus(list(replaced.values()))
        self._unnoted += len(rows)
        if self._unnoted >= NOTE_EACH:
            self._note()
        return rows

    def update_photo(self, record: Record, *, before_commit: Callable[[Rows], None] | None = None) -> None:
        old = list(self.truth.rows_of([record.photo.id]).values())
        units, at = self.truth.descriptors(old), record.photo.position
        moved: list[int] = []

        def index(rows: Rows) -> None:
            self._to_milvus(rows, np.array([at.lat]), np.array([at.lon]), units)
            moved.extend(rows.tolist())
            if before_commit is not None:
                before_commit(rows)

        self.truth.update_photo(record, before_commit=index)
        if moved:
            self._from_milvus(old)
            self._unnoted += 1

    def remove(self, ids: Sequence[str]) -> int:
        rows = list(self.truth.rows_of(ids).values())
        removed = self.truth.remove(ids)
        self._from_milvus(rows)
        return removed

    def _to_milvus(self, rows: Rows, lats: np.ndarray, lons: np.ndarray, units: np.ndarray) -> None:
        """Put rows into Milvus within the transaction of the truth: an error here undoes it."""
        if self._state is None:
            raise StorageFailed(f"{self.address} was opened for reading or is closed. Open it with write=True.")
        if SyncState.of(self.truth).uid != self._state.uid:
            raise StorageFailed(
                f"{self.address}: another process has replaced the collection in Milvus. Run the same command again."
            )
        at = self.collection.put(rows, lats, lons, units)
        self._state = replace(self._state, at=max(at, self._state.at))

    def _from_milvus(self, rows: Sequence[int]) -> None:
        """Delete rows that the truth has removed. An error is only logged: rows left in Milvus are never returned."""
        try:
            if rows:
                self.collection.remove(rows)
        except ViewfixError as error:
            _log(f"{len(rows)} removed photos stay in Milvus for now, and are never returned: {error}")

    def _note(self) -> None:
        if self._state is not None:
            self._state, self._unnoted = mark_synchronised(self.truth, self._state), 0


def _url(address: Address) -> MilvusUrl:
    url = MilvusUrl.of(address)
    if len(url.records.urls) > 1:
        raise BadInput(
            f"{address} has its records on several servers, which a map in Milvus does not support. Name one server: "
            "Milvus does the searching."
        )
    if url.records.scheme.startswith("milvus"):
        raise BadInput(
            f"{address} has its records in Milvus, which cannot store them. Name a file or a URL of PostgreSQL."
        )
    return url


def _log(line: str) -> None:
    logging.getLogger("viewfix").warning(line)
