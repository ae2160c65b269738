"""The migration of a map over several servers to another model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...types import Photo, Skipped
from ..migration import Migration
from ..records import ModelIdentity, Record, Units
from .shards import Shards


class ShardedMigration(Migration):
    """See `Migration`. Shards switch one after the other; after a kill between two, the next run continues."""

    def __init__(self, shards: Shards, current: ModelIdentity, model: ModelIdentity) -> None:
        """`current` is the model whose descriptors the map has now."""
        self._shards, self.model = shards, model
        self._open = {
            number: shard.migration(model)
            for number, shard in enumerate(shards.stores)
            if shard.model.fingerprint != model.fingerprint or model.fingerprint == current.fingerprint
        }

    def begin(self) -> None:
        for migration in self._open.values():
            migration.begin()

    def forget(self) -> None:
        for migration in self._open.values():
            migration.forget()

    def done(self) -> int:
        switched = sum(len(shard) for n, shard in enumerate(self._shards.stores) if n not in self._open)
        return switched + sum(migration.done() for migration in self._open.values())

    def todo(self, chunk: int = 4096) -> Iterator[Photo]:
        for migration in self._open.values():
            yield from migration.todo(chunk)

    def put(self, records: Sequence[Record], descriptors: Units) -> None:
        for number, at in self._shards.split([record.photo.id for record in records]).items():
            if number in self._open:
                self._open[number].put([records[i] for i in at], descriptors[at])

    def finish(self, dropped: Sequence[Skipped] = ()) -> None:
        by_shard = self._shards.split([each.id for each in dropped])
        for number, migration in self._open.items():
            migration.finish([dropped[i] for i in by_shard.get(number, ())])
