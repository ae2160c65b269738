"""The seam of storage: records and descriptors go in, and come out by id, by row or by region, whatever keeps them."""

from __future__ import annotations

import importlib
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from ..errors import BadInput
from ..geo import Region
from ..types import Photo, Skipped
from .address import Address
from .records import ModelIdentity, Record, Version

if TYPE_CHECKING:
    from .local_features import LocalFeatureCache
    from .migration import Migration
    from .points import Points

__all__ = ["Address", "ModelIdentity", "Record", "Store", "Version"]

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Units = npt.NDArray[np.float32]
Place = str | os.PathLike[str] | Address

SEVERAL = "several URLs"
ENGINES = {  # scheme of a URL: the class that keeps such maps; its module is imported when one is used
    "": "sqlite.store:SqliteStore",
    "postgresql": "postgres.store:PostgresStore",
    "postgres": "postgres.store:PostgresStore",
    "milvus": "milvus.store:MilvusStore",
    SEVERAL: "sharded.store:ShardedStore",
}


class Store(ABC):
    """One map, the truth about it. Any number of threads and processes read it while others write.

    Made with `Store.create` or `Store.open`, given back with `close` or as a context manager. A row number is
    given once and never again, and the position and the descriptor of a row never change: what was derived
    from rows stays right, but for those that are gone.
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
        """Make an empty map for the descriptors of one model, and open it for writing.

        Raises:
            BadInput: there is something already.
        """
        return _engine(place).created(Address.of(place), model)

    @staticmethod
    def open(place: Place, *, write: bool = False) -> Store:
        """Open the map at a path or URL.

        Raises:
            NotAMap: there is none, or it is something else, or of a newer viewfix.
            MapBusy: to write it, where an engine allows one writer and there is another.
            StorageFailed: it cannot be reached or read.
        """
        return _engine(place).opened(Address.of(place), write=write)

    @staticmethod
    def exists(place: Place) -> bool:
        """Whether there is something at a path or URL, be it a map or not."""
        return _engine(place).taken(Address.of(place))

    @classmethod
    @abstractmethod
    def created(cls, address: Address, model: ModelIdentity) -> Self:
        """What `create` does, for addresses of this engine."""

    @classmethod
    @abstractmethod
    def opened(cls, address: Address, *, write: bool) -> Self:
        """What `open` does, for addresses of this engine."""

    @classmethod
    @abstractmethod
    def taken(cls, address: Address) -> bool:
        """What `exists` does, for addresses of this engine."""

    @abstractmethod
    def close(self) -> None:
        """Give everything back. Closing twice is allowed."""

    @abstractmethod
    def discard(self) -> None:
        """Close the map, open for writing, and delete it."""

    def tidy(self) -> None:  # noqa: B027  most engines leave nothing
        """After writing, once nobody of this process has the map open: leave as little behind as can be."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    # Reading: each sees one moment of the map

    @abstractmethod
    def __len__(self) -> int: ...

    @property
    @abstractmethod
    def version(self) -> Version:
        """What the map holds now; cheap, so that a search can ask before every query.

        Raises:
            ModelMismatch: the map was migrated or made anew while it was open.
        """

    @abstractmethod
    def known(self, ids: Sequence[str]) -> dict[str, Record]:
        """What is stored under those ids; ids that are not in the map are left out."""

    @abstractmethod
    def rows_of(self, ids: Sequence[str]) -> dict[str, int]:
        """The row of each of those ids; ids that are not in the map are left out."""

    @abstractmethod
    def ids_of_sources(self, sources: Sequence[str]) -> dict[str, list[str]]:
        """The ids of all photos that were read from each of those files or URLs; sources without any are left out."""

    def ids_of_source(self, source: str) -> list[str]:
        """The ids of all photos that were read from one file or URL: a panorama has one for each of its views."""
        return self.ids_of_sources([source]).get(source, [])

    @abstractmethod
    def photos(self, rows: npt.ArrayLike) -> list[Photo]:
        """The photos of those rows, in the order asked; rows that are gone are left out."""

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
        """The rows that there are, above `after`: (N,) int64, ascending."""

    @abstractmethod
    def positions(self, after: int = 0) -> tuple[Rows, Floats, Floats]:
        """(N,) rows above `after`, ascending, and their (N,) latitudes and longitudes, float64 degrees."""

    @abstractmethod
    def rows_in(self, region: Region, limit: int | None = None) -> Rows:
        """The rows whose position lies in a region: int64, ascending; any `limit` of them when there are more."""

    def descriptors(self, rows: npt.ArrayLike) -> Units:
        """The descriptors of those rows, in the order asked, (N, dim) float32 of length 1; gone rows are left out."""
        return self.present(rows)[1]

    @abstractmethod
    def present(self, rows: npt.ArrayLike) -> tuple[Rows, Units]:
        """As `descriptors`, with (N,) int64: those of the rows that are still there."""

    @abstractmethod
    def iter_descriptors(self, chunk: int = 8192, after: int = 0) -> Iterator[tuple[Rows, npt.NDArray[np.float16]]]:
        """Every row above `after`, ascending, with its descriptor as stored: (n,) int64 and (n, dim) float16."""

    @abstractmethod
    def meta(self, key: str, default: Any = None) -> Any:
        """What was stored under a key: anything JSON can say."""

    @abstractmethod
    def skipped(self) -> list[Skipped]:
        """The photos that could not be used, by id."""

    @abstractmethod
    def info(self) -> dict[str, Any]:
        """Counts, model, area, calibration and sizes, ready for JSON."""

    @abstractmethod
    def model_file(self, model: ModelIdentity) -> Path | None:
        """The file of a model that was made for this map and is kept with it; None where there is none."""

    # Writing: one transaction each, all of it or nothing

    @abstractmethod
    def put(
        self,
        records: Sequence[Record],
        descriptors: npt.NDArray[np.float32] | npt.NDArray[np.float16],
        skipped: Sequence[Skipped] = (),
        *,
        before_commit: Callable[[Rows], None] | None = None,
    ) -> Rows:
        """Store one batch, in one transaction: photos with their descriptors, and what was skipped beside them.

        A photo whose id is there already replaces it, under a new row; of two with one id the last one stays.

        Args:
            records: N photos.
            descriptors: (N, dim) float32; NaN, infinities and zeros are refused. Or float16 as another map stored
                them, of length 1 but for rounding: kept to the last bit.
            skipped: remembered for `skipped`, until a photo of that id is stored.
            before_commit: given the rows when nobody else sees them yet; what it raises undoes the transaction. Where a
                batch takes several, it is called for each, with 0 for the rows that are of another.

        Returns:
            (N,) int64: the row of each.
        """

    @abstractmethod
    def update_photo(self, record: Record, *, before_commit: Callable[[Rows], None] | None = None) -> None:
        """Change what is known about a photo that is there, and keep its descriptor.

        A photo that moved gets a new row, which `before_commit` is given: the position of a row never changes.

        Raises:
            BadInput: there is no photo of that id.
        """

    @abstractmethod
    def remove(self, ids: Sequence[str]) -> int:
        """Forget those photos; how many there were."""

    @abstractmethod
    def put_skipped(self, skipped: Sequence[Skipped]) -> None:
        """Remember photos that could not be used, and why."""

    @abstractmethod
    def forget_skipped(self, ids: Sequence[str]) -> int:
        """Those photos are no longer named as skipped; how many were."""

    @abstractmethod
    def set_meta(self, key: str, value: Any) -> None:
        """Store anything JSON can say under a key."""

    @abstractmethod
    def keep_model_file(self, model: ModelIdentity, file: Path) -> Path:
        """Copy the file of a model that was made for this map to where `model_file` finds it; where that is."""

    @abstractmethod
    def forget_model_file(self, model: ModelIdentity) -> None:
        """Delete what `keep_model_file` kept. None is no error."""

    # What else is kept with the photos

    @property
    @abstractmethod
    def points(self) -> Points:
        """The points of interest of this map."""

    @abstractmethod
    def local_features(self, fingerprint: str, *, limit_bytes: int | None = None) -> LocalFeatureCache:
        """The local features of photos, made by what has that fingerprint; `limit_bytes` None for the usual."""

    @abstractmethod
    def migration(self, model: ModelIdentity) -> Migration:
        """The change of this map to another model; see `Migration.begun`."""


def _engine(place: Place) -> type[Store]:
    scheme = Address.of(place).scheme
    if scheme.startswith("postgres") and len(Address.of(place).urls) > 1:
        scheme = SEVERAL
    if scheme not in ENGINES:
        known = ", ".join(f"{each}://" for each in ENGINES if each not in ("", SEVERAL))
        raise BadInput(
            f"{Address.of(place)} begins with {scheme}://, where no map can be. Give the path of a file"
            + (f", or a URL that begins with one of: {known}." if known else ".")
        )
    module, _, name = ENGINES[scheme].partition(":")
    engine: type[Store] = getattr(importlib.import_module(f"{__package__}.{module}"), name)
    return engine
