"""Records go into the truth, their descriptors into Milvus too; questions about likeness are asked there."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ...errors import BadInput, NotAMap
from ...types import Progress, silent
from ..address import Address
from ..records import ModelIdentity, Record, to_halves, to_units
from ..search import Search
from ..store import Rows, Store
from .collection import Collection, Stamp
from .delegating import DelegatingStore
from .place import Place
from .search import MilvusSearch, see_to


class MilvusStore(DelegatingStore):
    """A map whose search is in Milvus: see Store.

    The truth, descriptors included, lies in another map, a file or PostgreSQL, for Milvus has no transactions. What is
    put goes to Milvus before the truth commits: so each row of the truth is in Milvus too, and what Milvus has
    beyond it never comes out, for every candidate is looked up in the truth.
    """

    def __init__(self, place: Place, truth: Store, collection: Collection) -> None:
        super().__init__(truth)
        self.address, self.collection = place.address, collection

    @classmethod
    def created(cls, address: Address, model: ModelIdentity) -> Self:
        place = Place.of(address)
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
                collection.make(Stamp(truth.map_id, model.fingerprint, model.dim))
            except BaseException:
                truth.discard()
                raise
        except BaseException:
            collection.close()
            raise
        return cls(place, truth, collection)

    @classmethod
    def opened(cls, address: Address, *, write: bool = False) -> Self:
        place = Place.of(address)
        if not Store.exists(place.records):
            raise NotAMap(
                f"There is no map at {address}: its records are not at {place.records}. Name them with ?records=, or "
                f"make it with: viewfix build '{address}' PHOTOS"
            )
        collection = Collection(place)
        try:
            truth = Store.open(place.records, write=write)
            try:
                if write:  # what is put must find it whole
                    see_to(collection, truth, silent, logging.getLogger("viewfix").warning)
                return cls(place, truth, collection)
            except BaseException:
                truth.close()
                raise
        except BaseException:
            collection.close()
            raise

    @classmethod
    def taken(cls, address: Address) -> bool:
        return Store.exists(Place.of(address).records)

    def close(self) -> None:
        self.collection.close()
        self.truth.close()

    def discard(self) -> None:
        self.collection.drop()
        self.collection.close()
        self.truth.discard()

    def info(self) -> dict[str, Any]:
        place = self.collection.place
        return {**self.truth.info(), "path": str(self.address), "records": str(place.records), "index": place.index}

    def search(self, *, progress: Progress = silent, notice: Callable[[str], None] | None = None) -> Search:
        return MilvusSearch(self, progress=progress, notice=notice)

    # Writing: Milvus first, then the truth

    def put(
        self,
        records: Sequence[Record],
        descriptors: npt.NDArray[np.float32] | npt.NDArray[np.float16],
        skipped: Sequence[Any] = (),
        *,
        before_commit: Callable[[Rows], None] | None = None,
    ) -> Rows:
        units = to_units(to_halves(records, descriptors, self.model.dim))
        lats = np.array([record.photo.position.lat for record in records], np.float64)
        lons = np.array([record.photo.position.lon for record in records], np.float64)
        replaced = list(self.truth.rows_of([record.photo.id for record in records]).values())

        def index(rows: Rows) -> None:
            # Of two photos with one id both have the row of the last, which stays; 0 is of another transaction.
            last = {row: at for at, row in enumerate(rows.tolist()) if row}
            at = np.fromiter(last.values(), np.int64, len(last))
            if len(at):
                self.collection.put(rows[at], lats[at], lons[at], units[at])
            if before_commit is not None:
                before_commit(rows)

        rows = self.truth.put(records, descriptors, skipped, before_commit=index)
        self.collection.remove(replaced)
        return rows

    def update_photo(self, record: Record, *, before_commit: Callable[[Rows], None] | None = None) -> None:
        old = self.truth.rows_of([record.photo.id])
        unit = self.truth.descriptors(list(old.values()))
        at = record.photo.position
        moved: list[int] = []

        def index(rows: Rows) -> None:
            self.collection.put(rows, np.array([at.lat]), np.array([at.lon]), unit)
            moved.extend(rows.tolist())
            if before_commit is not None:
                before_commit(rows)

        self.truth.update_photo(record, before_commit=index)
        if moved:
            self.collection.remove(list(old.values()))

    def remove(self, ids: Sequence[str]) -> int:
        rows = list(self.truth.rows_of(ids).values())
        removed = self.truth.remove(ids)
        self.collection.remove(rows)
        return removed
