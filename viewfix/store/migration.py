"""The migration of a map to another model, in place. It can be interrupted, and ends with one transaction."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

from ..types import Photo, Skipped
from .records import ModelIdentity, Record, Units

KEY = "migration"
"""The model of an unfinished migration, in the meta of a map."""


class Migration(ABC):
    """A migration of a map that is open for writing. See `Store.begin_migration`.

    Until `finish` the map answers with its old descriptors. Photos that are added meanwhile are part of it.
    """

    model: ModelIdentity

    @abstractmethod
    def begin(self) -> None:
        """Create the tables for new descriptors, and store the model under KEY; keep what an earlier run stored."""

    @abstractmethod
    def forget(self) -> None:
        """Delete the new descriptors and KEY; the map stays as it is. Without a migration this does nothing."""

    @abstractmethod
    def done(self) -> int:
        """The number of photos that have a new descriptor."""

    @abstractmethod
    def todo(self, chunk: int = 4096) -> Iterator[Photo]:
        """The photos without a new descriptor, in the order of rows."""

    @abstractmethod
    def put(self, records: Sequence[Record], descriptors: Units) -> None:
        """Store the (N, dim) float32 new descriptors of photos of the map, in one transaction.

        The records describe the files as they are now; these may have changed since they were added.
        """

    @abstractmethod
    def finish(self, dropped: Sequence[Skipped] = ()) -> None:
        """Switch the map to the new descriptors, all in one transaction; `dropped` photos leave it.

        The map gets a new id: caches of the old descriptors, in memory or elsewhere, carry the old one.

        Raises:
            BadInput: a photo that stays has no new descriptor.
        """
