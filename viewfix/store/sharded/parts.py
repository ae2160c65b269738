"""The local features of a map over several servers, and its migration to another model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ...types import Photo, Skipped
from ..local_features import Identity, LocalFeatureCache
from ..migration import Migration
from ..records import ModelIdentity, Record

if TYPE_CHECKING:
    from .store import ShardedStore

Rows = npt.NDArray[np.int64]
Units = npt.NDArray[np.float32]


class ShardedLocalFeatures(LocalFeatureCache):
    """See LocalFeatureCache: the features of a photo lie on the shard of the photo."""

    def __init__(self, store: ShardedStore, caches: Sequence[LocalFeatureCache]) -> None:
        self._store, self._caches = store, caches

    def load(self, wanted: Sequence[Identity]) -> dict[Identity, bytes]:
        by_shard = self._store.parted(wanted, [photo_id for photo_id, _ in wanted])
        asked = [partial(self._caches[n].load, [wanted[i] for i in at]) for n, at in by_shard.items()]
        return {identity: packed for found in self._store.together(asked) for identity, packed in found.items()}

    def keep(self, packed: Mapping[Identity, bytes]) -> bool:
        return all([cache.keep(part) for cache, part in self._parts(packed) if part])

    def keep_all(self, packed: Mapping[Identity, bytes]) -> None:
        for cache, part in self._parts(packed):  # also those that get none: all are wanted from now on
            cache.keep_all(part)

    def missing(self, chunk: int = 1024) -> Iterator[list[Photo]]:
        for cache in self._caches:
            yield from cache.missing(chunk)

    def _parts(self, packed: Mapping[Identity, bytes]) -> list[tuple[LocalFeatureCache, dict[Identity, bytes]]]:
        identities = list(packed)
        by_shard = self._store.parted(identities, [photo_id for photo_id, _ in identities])
        return [
            (cache, {identities[i]: packed[identities[i]] for i in by_shard.get(number, ())})
            for number, cache in enumerate(self._caches)
        ]

    def _about(self) -> dict[str, Any]:
        return self._caches[0]._about()


class ShardedMigration(Migration):
    """See Migration. Shards switch one after the other: a kill between two leaves a map that says so, and goes on."""

    def __init__(self, store: ShardedStore, model: ModelIdentity) -> None:
        self._store, self.model = store, model
        self._open = {
            number: shard.migration(model)
            for number, shard in enumerate(store.shards)
            if shard.model.fingerprint != model.fingerprint or model.fingerprint == store.model.fingerprint
        }

    def begin(self) -> None:
        for migration in self._open.values():
            migration.begin()

    def forget(self) -> None:
        for migration in self._open.values():
            migration.forget()

    def done(self) -> int:
        switched = sum(len(shard) for n, shard in enumerate(self._store.shards) if n not in self._open)
        return switched + sum(migration.done() for migration in self._open.values())

    def todo(self, chunk: int = 4096) -> Iterator[Photo]:
        for migration in self._open.values():
            yield from migration.todo(chunk)

    def put(self, records: Sequence[Record], descriptors: Units) -> None:
        for number, at in self._store.parted(records, [record.photo.id for record in records]).items():
            if number in self._open:
                self._open[number].put([records[i] for i in at], descriptors[at])

    def finish(self, dropped: Sequence[Skipped] = ()) -> None:
        by_shard = self._store.parted(dropped, [each.id for each in dropped])
        for number, migration in self._open.items():
            migration.finish([dropped[i] for i in by_shard.get(number, ())])
