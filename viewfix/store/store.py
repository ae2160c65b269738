"""The interface of storage: one map, whichever engine stores it."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

import numpy.typing as npt

from ..errors import BadInput
from ..geo import Region
from ..shell import shell_quoted
from ..types import Photo, Skipped
from .address import Address
from .attachments import Attachments
from .engines import engine_class
from .local_features import LocalFeatureCache
from .migration import KEY as MIGRATION
from .migration import Migration
from .records import Floats, Halves, ModelIdentity, Record, Rows, Units, Version, to_model

__all__ = ["Address", "Floats", "Halves", "ModelIdentity", "Place", "Record", "Rows", "Store", "Units", "Version"]

Place = str | os.PathLike[str] | Address


class Store(Attachments):
    """One map. Any number of threads and processes can read it while others write.

    Open one with `Store.create` or `Store.open`; close it with `close`, or use it as a context manager. A row number is
    used once, and the position and the descriptor of a row never change: what was derived from rows stays valid, except
    that rows may be removed. Damaged rows are logged and left out, as if they had been removed.
    """

    engine: ClassVar[str]
    address: Address
    model: ModelIdentity
    created_at: datetime
    map_id: str
    schema_version: int

    # Opening and closing

    @staticmethod
    def create(place: Place, model: ModelIdentity) -> Store:
        """Create an empty map for the descriptors of one model, and open it for writing.

        Raises:
            BadInput: the place is taken, or the engine cannot store descriptors of that size.
        """
        address = Address.of(place)
        store: Store = engine_class(address).created(address, model)
        return store

    @staticmethod
    def open(place: Place, *, write: bool = False) -> Store:
        """Open the map at a path or URL.

        Raises:
            NotAMap: nothing is there, or something that is not a map, or a map of a newer viewfix.
            MapBusy: `write` is True, and the engine allows one writer, which is at work.
            StorageFailed: it cannot be reached or read.
        """
        address = Address.of(place)
        store: Store = engine_class(address).opened(address, write=write)
        return store

    @staticmethod
    def exists(place: Place) -> bool:
        """Whether a path or URL is taken, by a map or by something else."""
        address = Address.of(place)
        return bool(engine_class(address).taken(address))

    @classmethod
    @abstractmethod
    def created(cls, address: Address, model: ModelIdentity) -> Self:
        """`create`, for addresses of this engine."""

    @classmethod
    @abstractmethod
    def opened(cls, address: Address, *, write: bool) -> Self:
        """`open`, for addresses of this engine."""

    @classmethod
    @abstractmethod
    def taken(cls, address: Address) -> bool:
        """`exists`, for addresses of this engine."""

    @abstractmethod
    def close(self) -> None:
        """Release all connections and locks. Closing twice is allowed."""

    @abstractmethod
    def discard(self) -> None:
        """Close the map, and delete it. It must be open for writing."""

    def tidy(self) -> None:  # noqa: B027  most engines leave nothing behind
        """Reduce the map to as few files as possible. Called after writing, when this process has closed it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    # Reading: each call sees one consistent state of the map

    @abstractmethod
    def __len__(self) -> int: ...

    @property
    @abstractmethod
    def version(self) -> Version:
        """The current state of the map. Cheap enough to check before every query.

        Raises ModelMismatch if the map was migrated, or deleted and created again, while it was open.
        """

    @abstractmethod
    def known(self, ids: Sequence[str]) -> dict[str, Record]:
        """The records of these ids, in one query; ids that are not in the map are left out."""

    @abstractmethod
    def rows_of(self, ids: Sequence[str]) -> dict[str, int]:
        """The row of each of these ids, in one query; ids that are not in the map are left out."""

    @abstractmethod
    def ids_of_sources(self, sources: Sequence[str]) -> dict[str, list[str]]:
        """The ids of the photos of each of these files or URLs, in one query; sources without any are left out."""

    def ids_of_source(self, source: str) -> list[str]:
        """The ids of the photos of one file or URL: a panorama has one for each of its views."""
        return self.ids_of_sources([source]).get(source, [])

    @abstractmethod
    def photos(self, rows: npt.ArrayLike) -> list[Photo]:
        """The photos of these rows, in the order of `rows`; rows that are gone are left out."""

    @abstractmethod
    def records(self, chunk: int = 4096) -> Iterator[Record]:
        """Every record, in the order of rows."""

    def all_photos(self) -> Iterator[Photo]:
        """Every photo, in the order of rows."""
        for record in self.records():
            yield record.photo

    @abstractmethod
    def ids(self) -> list[str]:
        """The id of every photo, in the order of rows."""

    @abstractmethod
    def rows(self, after: int = 0) -> Rows:
        """All rows above `after`: (N,) int64, ascending."""

    @abstractmethod
    def positions(self, after: int = 0) -> tuple[Rows, Floats, Floats]:
        """(N,) rows above `after`, ascending, and their (N,) latitudes and longitudes, float64 degrees."""

    @abstractmethod
    def rows_in(self, region: Region, limit: int | None = None) -> Rows:
        """The rows whose position lies in a region: int64, ascending; at most `limit`, an arbitrary choice."""

    def descriptors(self, rows: npt.ArrayLike) -> Units:
        """The descriptors of these rows, in the order of `rows`: (N, dim) float32 of length 1, without gone rows."""
        return self.present(rows)[1]

    @abstractmethod
    def present(self, rows: npt.ArrayLike) -> tuple[Rows, Units]:
        """The rows that still exist, (N,) int64, and their descriptors, as `descriptors` returns them."""

    @abstractmethod
    def iter_descriptors(self, chunk: int = 8192, after: int = 0) -> Iterator[tuple[Rows, Halves]]:
        """Every row above `after`, ascending, with its descriptor as stored: (n,) int64 and (n, dim) float16."""

    @abstractmethod
    def meta(self, key: str, default: Any = None) -> Any:
        """The JSON value that is stored under a key."""

    @abstractmethod
    def skipped(self) -> list[Skipped]:
        """The photos that could not be used, by id."""

    @abstractmethod
    def info(self) -> dict[str, Any]:
        """Counts, model, area, calibration and sizes, ready for JSON."""

    @abstractmethod
    def model_file(self, model: ModelIdentity) -> Path | None:
        """The file of a model that was trained for this map and is stored with it; None without one."""

    # Writing: each call is one transaction

    @abstractmethod
    def put(
        self,
        records: Sequence[Record],
        descriptors: Units | Halves,
        skipped: Sequence[Skipped] = (),
        *,
        before_commit: Callable[[Rows], None] | None = None,
    ) -> Rows:
        """Store one batch: photos with their descriptors, and the photos that were skipped.

        A photo replaces a stored one with the same id, under a new row. Of two in one batch, the last one is stored.

        Args:
            records: N photos.
            descriptors: (N, dim) float32, without NaN, infinities or rows of zeros. Or float16 from another map, of
                length 1 except for rounding: stored to the last bit.
            skipped: returned by `skipped` until a photo of that id is stored.
            before_commit: called with the rows before others see them; an exception from it undoes the transaction.
                If a batch takes several, it is called for each, with 0 for the rows of the others.

        Returns: (N,) int64, the row of each.
        """

    @abstractmethod
    def update_photo(self, record: Record, *, before_commit: Callable[[Rows], None] | None = None) -> None:
        """Change the record of a stored photo, and keep its descriptor.

        A photo that moved by more than rounding gets a new row, with which `before_commit` is called.

        Raises BadInput if the map has no photo with that id.
        """

    @abstractmethod
    def remove(self, ids: Sequence[str]) -> int:
        """Remove photos by id. Returns the number removed."""

    @abstractmethod
    def put_skipped(self, skipped: Sequence[Skipped]) -> None:
        """Store which photos could not be used, and why."""

    @abstractmethod
    def forget_skipped(self, ids: Sequence[str]) -> int:
        """Delete what is stored about skipped photos with these ids. Returns the number deleted."""

    @abstractmethod
    def set_meta(self, key: str, value: Any) -> None:
        """Store a JSON value under a key."""

    @abstractmethod
    def keep_model_file(self, model: ModelIdentity, file: Path) -> Path:
        """Store the file of a model that was trained for this map. Returns the path that `model_file` returns."""

    @abstractmethod
    def forget_model_file(self, model: ModelIdentity) -> None:
        """Delete the file that `keep_model_file` stored, if there is one."""

    # What else is stored with the photos

    @abstractmethod
    def local_features(self, fingerprint: str, *, limit_bytes: int | None = None) -> LocalFeatureCache:
        """The local features for the matcher with this fingerprint; `limit_bytes` defaults to LIMIT_BYTES."""

    @abstractmethod
    def migration(self, model: ModelIdentity) -> Migration:
        """The migration of this map to a model, whether it has begun or not. See `begin_migration`."""

    def pending_migration(self) -> ModelIdentity | None:
        """The model of an unfinished migration; None without one."""
        found = self.meta(MIGRATION)
        return None if found is None else to_model(found)

    def begin_migration(self, model: ModelIdentity) -> Migration:
        """Begin a migration to `model`, or continue an interrupted one. BadInput if one to another is not finished."""
        other = self.pending_migration()
        if other is not None and other.fingerprint != model.fingerprint:
            finish = shell_quoted(self.model_file(other) or other.name)
            raise BadInput(
                f"A migration of {self.address} to {other.name} ({other.fingerprint[:12]}) is not finished. Finish it, "
                f"or give it up with --restart: viewfix migrate {self.address.typed} --model {finish}"
            )
        migration = self.migration(model)
        migration.begin()
        return migration

    def give_up_migration(self) -> None:
        """Abandon an unfinished migration; the map stays as it is. Without one this does nothing."""
        self.migration(self.model).forget()
