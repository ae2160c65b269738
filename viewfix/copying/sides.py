"""The two sides of a copy or comparison: maps in any engine, or Parquet files, read in batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from ..store.batches import record_batches
from ..store.parquet import ParquetFile
from ..store.records import Halves, ModelIdentity, Record, Rows, Version
from ..store.store import Store
from ..types import Skipped

CHUNK = 4096


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive photos: n rows, n records, (n, dim) float16; `last` is the last row that was read."""

    rows: Rows
    records: Sequence[Record]
    halves: Halves
    last: int
    skipped: Sequence[Skipped] = ()


class Side(Protocol):
    """A map or a file that photos are read from."""

    name: str  # as it is shown: without a password
    identity: str  # differs between two maps
    model: ModelIdentity
    created_at: datetime | None
    store: Store | None  # None for a Parquet file

    def __len__(self) -> int: ...

    def batches(self, after: int = 0) -> Iterator[Batch]:
        """All photos above row `after`."""
        ...

    @property
    def version(self) -> Version: ...

    @property
    def calibration(self) -> dict[str, Any] | None:
        """The calibration as the map stores it, with the counts of the `version` at which it was computed."""
        ...


class MapSide:
    """A map in any engine."""

    def __init__(self, store: Store) -> None:
        self.store: Store | None = store
        self._store = store
        self.name, self.identity, self.model = str(store.address), store.map_id, store.model
        self.created_at: datetime | None = store.created_at

    def __len__(self) -> int:
        return len(self._store)

    def batches(self, after: int = 0) -> Iterator[Batch]:
        for rows, records, halves in record_batches(self._store, CHUNK, after):
            if len(rows):
                yield Batch(rows, records, halves, int(rows[-1]))

    @property
    def version(self) -> Version:
        return self._store.version

    @property
    def calibration(self) -> dict[str, Any] | None:
        found: dict[str, Any] | None = self._store.meta("calibration")
        return found


class ParquetSide:
    """A Parquet file, perhaps from another program: unusable rows are skipped, with a reason."""

    def __init__(self, file: ParquetFile) -> None:
        self.store: Store | None = None
        self._file = file
        self.name, self.identity, self.model = str(file.path), file.identity, file.model
        self.created_at = file.created_at

    def __len__(self) -> int:
        return len(self._file)

    def batches(self, after: int = 0) -> Iterator[Batch]:
        for rows, records, halves, skipped, last in self._file.photos(after):
            yield Batch(rows, records, halves, last, skipped)

    @property
    def version(self) -> Version:
        return Version(self.identity, 0, 0)

    @property
    def calibration(self) -> dict[str, Any] | None:
        return self._file.calibration
