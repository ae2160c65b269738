"""A map over several PostgreSQL servers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from ...geo import Region
from ...types import Photo, Skipped
from ..address import Address
from ..basemap_file import BasemapFile
from ..points import Points
from ..postgres.store import PostgresStore
from ..records import Floats, Halves, ModelIdentity, Record, Rows, Units, Version, grouped, to_halves
from ..roads import Roads
from ..store import Store
from .local_features import ShardedLocalFeatures
from .migration import ShardedMigration
from .open import create, open_all
from .shards import SHARD_BITS, Shards


class ShardedStore(Store):
    """See `Store`.

    A hash of its id decides which server stores a photo: the servers have about the same number of photos, and an id
    is found without querying all of them. The calibration, points of interest, roads and whatever else a map has only
    once are on the first. A batch is one transaction on each server that it touches: if one of them fails, an error is
    raised, the others stay committed, and repeating the call completes the batch.
    """

    engine: ClassVar[str] = "sharded"

    def __init__(self, address: Address, shards: Sequence[PostgresStore]) -> None:
        self.address, self.shards = address, shards
        self._shards, first = Shards(shards), shards[0]
        self.created_at, self.map_id, self.schema_version = first.created_at, first.map_id, first.schema_version
        # Until the last shard has switched to a new model, the map has the old one.
        self.model = next((s.model for s in shards if s.meta("migration") is not None), first.model)

    @classmethod
    def created(cls, address: Address, model: ModelIdentity) -> Self:
        return cls(address, create(address, model))

    @classmethod
    def opened(cls, address: Address, *, write: bool = False) -> Self:
        return cls(address, open_all(address, write=write))

    @classmethod
    def taken(cls, address: Address) -> bool:
        return any([PostgresStore.taken(Address(url)) for url in address.urls])

    def close(self) -> None:
        self._shards.close()

    def together(self, calls: Sequence[Callable[[], Any]]) -> list[Any]:
        """See `Shards.together`."""
        return self._shards.together(calls)

    def discard(self) -> None:
        self._shards.stop()
        for shard in self.shards:
            shard.discard()

    # Reading

    def __len__(self) -> int:
        return sum(self._shards.all(len))

    @property
    def version(self) -> Version:
        """See `Store`. The numbers are sums over the servers: they show whether the map changed, and how much."""
        found = self._shards.all(lambda shard: shard.version)
        last_rows = [version.last_row - (n << SHARD_BITS) for n, version in enumerate(found)]
        return Version(self.map_id, sum(last_rows), sum(version.removals for version in found))

    def known(self, ids: Sequence[str]) -> dict[str, Record]:
        return {key: r for part in self._shards.by_ids(ids, PostgresStore.known) for key, r in part.items()}

    def rows_of(self, ids: Sequence[str]) -> dict[str, int]:
        return {key: row for part in self._shards.by_ids(ids, PostgresStore.rows_of) for key, row in part.items()}

    def ids_of_sources(self, sources: Sequence[str]) -> dict[str, list[str]]:
        parts = self._shards.all(lambda shard: shard.ids_of_sources(sources))  # the views of one file lie on several
        return grouped((source, key) for part in parts for source, ids in part.items() for key in ids)

    def photos(self, rows: npt.ArrayLike) -> list[Photo]:
        asked = np.asarray(rows, np.int64)

        parts = self._shards.by_rows(asked, PostgresStore.photos_by_row)
        found = {row: photo for part in parts for row, photo in part.items()}
        return [found[row] for row in asked.tolist() if row in found]

    def records(self, chunk: int = 4096) -> Iterator[Record]:
        for shard in self.shards:
            yield from shard.records(chunk)

    def ids(self) -> list[str]:
        return [key for part in self._shards.all(lambda shard: shard.ids()) for key in part]

    def rows(self, after: int = 0) -> Rows:
        return np.concatenate(self._shards.all(lambda shard: shard.rows(after)))

    def positions(self, after: int = 0) -> tuple[Rows, Floats, Floats]:
        rows, lats, lons = zip(*self._shards.all(lambda shard: shard.positions(after)), strict=True)
        return np.concatenate(rows), np.concatenate(lats), np.concatenate(lons)

    def rows_in(self, region: Region, limit: int | None = None) -> Rows:
        return np.concatenate(self._shards.all(lambda shard: shard.rows_in(region, limit)))[:limit]

    def present(self, rows: npt.ArrayLike) -> tuple[Rows, Units]:
        asked = np.asarray(rows, np.int64)
        parts = self._shards.by_rows(asked, PostgresStore.present)
        if not parts:
            return np.empty(0, np.int64), np.empty((0, self.model.dim), np.float32)
        found, units = np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])
        order = np.argsort(found, kind="stable")
        found, units = found[order], units[order]
        at = np.minimum(np.searchsorted(found, asked), max(0, len(found) - 1))
        there = found[at] == asked if len(found) else np.zeros(len(asked), bool)
        return asked[there], units[at[there]]

    def iter_descriptors(self, chunk: int = 8192, after: int = 0) -> Iterator[tuple[Rows, Halves]]:
        for shard in self.shards:
            yield from shard.iter_descriptors(chunk, after)

    def meta(self, key: str, default: Any = None) -> Any:
        return self.shards[0].meta(key, default)

    def skipped(self) -> list[Skipped]:
        found = [each for part in self._shards.all(lambda shard: shard.skipped()) for each in part]
        return sorted(found, key=lambda each: each.id)

    def info(self) -> dict[str, Any]:
        return merged([shard.info() for shard in self.shards], str(self.address))

    # Writing

    def put(
        self,
        records: Sequence[Record],
        descriptors: Units | Halves,
        skipped: Sequence[Skipped] = (),
        *,
        before_commit: Callable[[Rows], None] | None = None,
    ) -> Rows:
        to_halves(records, descriptors, self.model.dim)  # refuse the batch as a whole, not one server's part of it
        ids, skipped_ids = [record.photo.id for record in records], [each.id for each in skipped]
        of_records, of_skipped = self._shards.split(ids), self._shards.split(skipped_ids)
        rows = np.zeros(len(records), np.int64)

        def put(number: int) -> None:
            at, left_out = of_records.get(number, []), of_skipped.get(number, [])
            hook = None if before_commit is None else _padded(before_commit, len(records), at)
            rows[at] = self.shards[number].put(
                [records[i] for i in at], descriptors[at], [skipped[i] for i in left_out], before_commit=hook
            )

        self._shards.together([partial(put, number) for number in sorted({*of_records, *of_skipped})])
        return rows

    def update_photo(self, record: Record, *, before_commit: Callable[[Rows], None] | None = None) -> None:
        self._shards.of(record.photo.id).update_photo(record, before_commit=before_commit)

    def remove(self, ids: Sequence[str]) -> int:
        return sum(self._shards.by_ids(ids, PostgresStore.remove))

    def put_skipped(self, skipped: Sequence[Skipped]) -> None:
        for number, at in self._shards.split([each.id for each in skipped]).items():
            self.shards[number].put_skipped([skipped[i] for i in at])

    def forget_skipped(self, ids: Sequence[str]) -> int:
        return sum(self._shards.by_ids(ids, PostgresStore.forget_skipped))

    def set_meta(self, key: str, value: Any) -> None:
        self.shards[0].set_meta(key, value)

    # What else is stored with the photos

    def model_file(self, model: ModelIdentity) -> Path | None:
        return self.shards[0].model_file(model)

    def keep_model_file(self, model: ModelIdentity, file: Path) -> Path:
        return self.shards[0].keep_model_file(model, file)

    def forget_model_file(self, model: ModelIdentity) -> None:
        self.shards[0].forget_model_file(model)

    @property
    def points(self) -> Points:
        return self.shards[0].points

    @property
    def roads(self) -> Roads:
        return self.shards[0].roads

    @property
    def basemap_file(self) -> BasemapFile:
        return self.shards[0].basemap_file

    def local_features(self, fingerprint: str, *, limit_bytes: int | None = None) -> ShardedLocalFeatures:
        caches = [shard.local_features(fingerprint, limit_bytes=limit_bytes) for shard in self.shards]
        return ShardedLocalFeatures(self._shards, caches)

    def migration(self, model: ModelIdentity) -> ShardedMigration:
        return ShardedMigration(self._shards, self.model, model)


def _padded(before_commit: Callable[[Rows], None], count: int, at: list[int]) -> Callable[[Rows], None]:
    """`before_commit` for one server's part of a batch. It gets all rows, with 0 for those of the other servers."""

    def padded(own: Rows) -> None:
        rows = np.zeros(count, np.int64)
        rows[at] = own
        before_commit(rows)

    return padded


def merged(parts: Sequence[dict[str, Any]], address: str) -> dict[str, Any]:
    """Merge the info of all shards into that of the map."""
    sums = {key: sum(part[key] for part in parts) for key in ("photos", "skipped", "map_bytes", "index_bytes")}
    areas = [part["area"] for part in parts if part["area"] is not None]
    first = [part["first_taken_at"] for part in parts if part["first_taken_at"]]
    last = [part["last_taken_at"] for part in parts if part["last_taken_at"]]
    area = None
    if areas:
        edges = {"south": min, "west": min, "north": max, "east": max}
        area = {edge: of(each[edge] for each in areas) for edge, of in edges.items()}
        if any(each["west"] > each["east"] for each in areas):  # one lies across the 180th meridian: then all may
            area |= {"west": -180.0, "east": 180.0}
    times = {"first_taken_at": min(first, default=None), "last_taken_at": max(last, default=None)}
    return {**parts[0], **sums, **times, "path": address, "area": area, "shards": len(parts)}
