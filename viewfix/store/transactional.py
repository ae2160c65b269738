"""The common base of engines with transactions: each batch is one transaction."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ..errors import BadInput
from ..types import Skipped
from .records import Record, Rows, to_halves
from .store import Store


class Statements(Protocol):
    """The statements of one engine, its module `write`, to be executed within a transaction."""

    @property
    def put(self) -> Callable[[Any, Sequence[Record], npt.NDArray[np.float16]], Rows]:
        """Insert records with their descriptors. Returns their rows."""

    @property
    def change(self) -> Callable[[Any, Record], Rows | None]:
        """Replace a record. Returns the new row of a photo that moved, no row if it did not, None if it is missing."""

    @property
    def remove(self) -> Callable[[Any, Sequence[str]], int]:
        """Delete photos by id. Returns the number deleted."""

    @property
    def skip(self) -> Callable[[Any, Sequence[Skipped]], None]:
        """Store which photos could not be used."""

    @property
    def unskip(self) -> Callable[[Any, Sequence[str]], int]:
        """Delete what is stored about skipped photos. Returns the number deleted."""


class TransactionalStore(Store):
    """See Store."""

    statements: Statements

    @abstractmethod
    def transaction(self) -> AbstractContextManager[Any]:
        """A connection in a transaction: the whole block is committed, or nothing."""

    def put(
        self,
        records: Sequence[Record],
        descriptors: npt.NDArray[np.float32] | npt.NDArray[np.float16],
        skipped: Sequence[Skipped] = (),
        *,
        before_commit: Callable[[Rows], None] | None = None,
    ) -> Rows:
        halves = to_halves(records, descriptors, self.model.dim)
        with self.transaction() as connection:
            rows = self.statements.put(connection, records, halves)
            self.statements.skip(connection, skipped)
            if before_commit is not None:
                before_commit(rows)
        return rows

    def update_photo(self, record: Record, *, before_commit: Callable[[Rows], None] | None = None) -> None:
        with self.transaction() as connection:
            moved = self.statements.change(connection, record)
            if moved is None:
                raise BadInput(f"{record.photo.id} is not in {self.address}, so it cannot be changed. Add it first.")
            if before_commit is not None and len(moved):
                before_commit(moved)

    def remove(self, ids: Sequence[str]) -> int:
        with self.transaction() as connection:
            return self.statements.remove(connection, ids)

    def put_skipped(self, skipped: Sequence[Skipped]) -> None:
        with self.transaction() as connection:
            self.statements.skip(connection, skipped)

    def forget_skipped(self, ids: Sequence[str]) -> int:
        with self.transaction() as connection:
            return self.statements.unskip(connection, ids)
