"""A map and the descriptors of another model go in; one transaction later the map is of that model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

from ..errors import BadInput
from ..types import Photo, Skipped
from .records import ModelIdentity, Record
from .store import Store, Units

KEY = "migration"
"""The model of a migration that is not finished, in the meta of a map."""


class Migration(ABC):
    """The change of a map, open for writing, to another model: begun, gone on with after a kill, finished.

    Until `finish` the map answers with its old descriptors. Photos that come meanwhile are part of it.
    """

    model: ModelIdentity

    @staticmethod
    def pending(store: Store) -> ModelIdentity | None:
        """The model of a migration that was begun and not finished."""
        found = store.meta(KEY)
        return None if found is None else ModelIdentity(**found)

    @classmethod
    def begun(cls, store: Store, model: ModelIdentity) -> Migration:
        """A new migration to `model`, or the one to it that was begun before.

        Raises:
            BadInput: one to another model is not finished.
        """
        other = cls.pending(store)
        if other is not None and other.fingerprint != model.fingerprint:
            finish = store.model_file(other) or other.name
            raise BadInput(
                f"A migration of {store.address} to {other.name} ({other.fingerprint[:12]}) is not finished. Finish it "
                f"with viewfix migrate --model {finish}, or give it up with --restart."
            )
        migration = store.migration(model)
        migration.begin()
        return migration

    @staticmethod
    def give_up(store: Store) -> None:
        """Forget a migration that is not finished; the map stays as it is. None is no error."""
        store.migration(store.model).forget()

    @abstractmethod
    def begin(self) -> None:
        """Make room for new descriptors, and note the model under KEY; what was put before stays."""

    @abstractmethod
    def forget(self) -> None:
        """What `give_up` does."""

    @abstractmethod
    def done(self) -> int:
        """How many photos have a new descriptor."""

    @abstractmethod
    def todo(self, chunk: int = 4096) -> Iterator[Photo]:
        """The photos without a new descriptor, in the order of rows."""

    @abstractmethod
    def put(self, records: Sequence[Record], descriptors: Units) -> None:
        """Store the (N, dim) float32 new descriptors of photos of the map, in one transaction.

        The records say what the files hold now, which may not be what they held when they were added.
        """

    @abstractmethod
    def finish(self, dropped: Sequence[Skipped] = ()) -> None:
        """Switch the map to the new descriptors, all in one transaction; `dropped` photos leave it.

        The map gets a new id: what was derived from the old descriptors, in memory or elsewhere, goes by the old one.

        Raises:
            BadInput: a photo that stays has no new descriptor.
        """
