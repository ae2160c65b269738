"""Records go into the truth, their descriptors into Milvus too; questions about likeness are asked there."""

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
from ..records import ModelIdentity, Record, to_halves, to_units
from ..store import Rows, Store
from .collection import Collection
from .delegating import DelegatingStore
from .filling import Filled, see_to, stamped
from .place import Place

STAMP_EACH = 1_000
"""Photos: how far Milvus is filled is noted after so many; after a kill the last ones are put there again."""


class MilvusStore(DelegatingStore):
    """A map whose search is in Milvus: see Store.

    The truth, descriptors included, lies in another map, a file or PostgreSQL, for Milvus has no transactions. What is
    put goes to Milvus before the truth commits: so each row of the truth is in Milvus too, and what Milvus has
    beyond it never comes out, for every candidate is looked up in the truth.
    """

    engine: ClassVar[str] = "milvus"

    def __init__(self, place: Place, truth: Store, collection: Collection, filled: Filled | None = None) -> None:
        super().__init__(truth)
        self.address, self.collection = place.address, collection
        self._filled = filled  # None: opened for reading
        self._unstamped = 0

    # Opening and closing

    @classmethod
    def created(cls, address: Address, model: ModelIdentity) -> Self:
        place = _place(address)
        if Store.exists(place.records):
            raise BadInput(f"There is already something at {place.records}, where the records of {address} would lie.")
        collection = Collection(place)
        try:
            if (found := collection.found()) is not None:
                what = "whose records are not" if "viewfix" in found else "of somebody else:"
                raise BadInput(
                    f"There is already a collection {place.collection} in Milvus, {what} at {place.records}. Name the "
                    "records with ?records=, drop the collection, or choose another name."
                )
            truth = Store.create(place.records, model)
            try:
                return cls(place, truth, collection, see_to(collection, truth, silent, _log))
            except BaseException:
                truth.discard()
                raise
        except BaseException:
            collection.close()
            raise

    @classmethod
    def opened(cls, address: Address, *, write: bool = False) -> Self:
        place = _place(address)
        if not Store.exists(place.records):
            raise NotAMap(
                f"There is no map at {address}: its records are not at {place.records}. Name them with ?records=, or "
                f"make it with: viewfix build '{address}' PHOTOS"
            )
        collection = Collection(place)
        truth = Store.open(place.records, write=write)
        try:
            # What is put must find a whole collection; who reads looks when it is to be searched.
            return cls(place, truth, collection, see_to(collection, truth, silent, _log) if write else None)
        except BaseException:
            truth.close()
            collection.close()
            raise

    @classmethod
    def taken(cls, address: Address) -> bool:
        return Store.exists(_place(address).records)

    def close(self) -> None:
        if self._filled is not None and self._unstamped:
            self._stamp()
        self._filled = None
        self.collection.close()
        self.truth.close()

    def discard(self) -> None:
        self._filled = None
        self.collection.drop()
        self.collection.close()
        self.truth.discard()

    def info(self) -> dict[str, Any]:
        place = self.collection.place
        return {**self.truth.info(), "path": str(self.address), "records": str(place.records), "index": place.index}

    # Writing: Milvus first, then the truth

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
            last = {row: at for at, row in enumerate(rows.tolist())}  # of two with one id both have the row of the last
            at = np.fromiter(last.values(), np.int64, len(last))
            if len(at):
                self._to_milvus(rows[at], lats[at], lons[at], units[at])
            if before_commit is not None:
                before_commit(rows)

        rows = self.truth.put(records, halves, skipped, before_commit=index)
        self._from_milvus(list(replaced.values()))
        self._unstamped += len(rows)
        if self._unstamped >= STAMP_EACH:
            self._stamp()
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
            self._unstamped += 1

    def remove(self, ids: Sequence[str]) -> int:
        rows = list(self.truth.rows_of(ids).values())
        removed = self.truth.remove(ids)
        self._from_milvus(rows)
        return removed

    def _to_milvus(self, rows: Rows, lats: np.ndarray, lons: np.ndarray, units: np.ndarray) -> None:
        """Within the transaction of the truth: what fails here undoes it."""
        if self._filled is None:
            raise StorageFailed(f"{self.address} was opened for reading or is closed. Open it with write=True.")
        if Filled.of(self.truth).uid != self._filled.uid:
            raise StorageFailed(
                f"{self.address}: another process has made the collection in Milvus anew. Run the same command again."
            )
        at = self.collection.put(rows, lats, lons, units)
        self._filled = replace(self._filled, at=max(at, self._filled.at))

    def _from_milvus(self, rows: Sequence[int]) -> None:
        """After the truth has forgotten them: what stays in Milvus never comes out, so no failure undoes that."""
        try:
            if rows:
                self.collection.remove(rows)
        except ViewfixError as error:
            _log(f"{len(rows)} photos that are gone stay in Milvus for now, where they do no harm: {error}")

    def _stamp(self) -> None:
        if self._filled is not None:
            self._filled, self._unstamped = stamped(self.truth, self._filled), 0


def _place(address: Address) -> Place:
    place = Place.of(address)
    if len(place.records.urls) > 1:
        raise BadInput(
            f"{address} has its records on several servers, which a map in Milvus cannot have yet. Give one of them; "
            "it answers no question about likeness."
        )
    if place.records.scheme.startswith("milvus"):
        raise BadInput(f"{address} has its records in Milvus, which cannot keep them. Name a file or PostgreSQL.")
    return place


def _log(line: str) -> None:
    logging.getLogger("viewfix").warning(line)
