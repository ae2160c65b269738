"""The local features of photos of a map over several servers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from ...types import Photo
from ..local_features import Identity, LocalFeatureCache
from .shards import Shards


class ShardedLocalFeatures(LocalFeatureCache):
    """See `LocalFeatureCache`. The features of a photo lie on the shard of the photo."""

    def __init__(self, shards: Shards, caches: Sequence[LocalFeatureCache]) -> None:
        self._shards, self._caches = shards, caches

    def load(self, wanted: Sequence[Identity]) -> dict[Identity, bytes]:
        by_shard = self._shards.split([photo_id for photo_id, _ in wanted])
        asked = [partial(self._caches[n].load, [wanted[i] for i in at]) for n, at in by_shard.items()]
        return {identity: packed for found in self._shards.together(asked) for identity, packed in found.items()}

    def keep(self, packed: Mapping[Identity, bytes]) -> bool:
        return all([cache.keep(part) for cache, part in self._parts(packed) if part])

    def keep_all(self, packed: Mapping[Identity, bytes]) -> None:
        for cache, part in self._parts(packed):  # also those that get none: from now on all photos have features
            cache.keep_all(part)

    def missing(self, chunk: int = 1024) -> Iterator[list[Photo]]:
        for cache in self._caches:
            yield from cache.missing(chunk)

    def _parts(self, packed: Mapping[Identity, bytes]) -> list[tuple[LocalFeatureCache, dict[Identity, bytes]]]:
        identities = list(packed)
        by_shard = self._shards.split([photo_id for photo_id, _ in identities])
        return [
            (cache, {identities[i]: packed[identities[i]] for i in by_shard.get(number, ())})
            for number, cache in enumerate(self._caches)
        ]

    def _about(self) -> dict[str, Any]:
        return self._caches[0]._about()
