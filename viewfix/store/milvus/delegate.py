"""A store that delegates to another store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...geo import Region
from ...types import Photo, Skipped
from ..basemap_file import BasemapFile
from ..local_features import LocalFeatureCache
from ..migration import Migration
from ..points import Points
from ..records import ModelIdentity, Record, Version
from ..roads import Roads
from ..store import Floats, Rows, Store, Units


class DelegatingStore(Store):
    """See `Store`. Subclasses override what they do differently."""

    def __init__(self, truth: Store) -> None:
        self.truth = truth
        self.model, self.map_id = truth.model, truth.map_id
        self.created_at, self.schema_version = truth.created_at, truth.schema_version

    def __len__(self) -> int:
        return len(self.truth)

    @property
    def version(self) -> Version:
        return self.truth.version

    def known(self, ids: Sequence[str]) -> dict[str, Record]:
        return self.truth.known(ids)

    def rows_of(self, ids: Sequence[str]) -> dict[str, int]:
        return self.truth.rows_of(ids)

    def ids_of_sources(self, sources: Sequence[str]) -> dict[str, list[str]]:
        return self.truth.ids_of_sources(sources)

    def photos(self, rows: npt.ArrayLike) -> list[Photo]:
        return self.truth.photos(rows)

    def records(self, chunk: int = 4096) -> Iterator[Record]:
        return self.truth.records(chunk)

    def ids(self) -> list[str]:
        return self.truth.ids()

    def rows(self, after: int = 0) -> Rows:
        return self.truth.rows(after)

    def positions(self, after: int = 0) -> tuple[Rows, Floats, Floats]:
        return self.truth.positions(after)

    def rows_in(self, region: Region, limit: int | None = None) -> Rows:
        return self.truth.rows_in(region, limit)

    def present(self, rows: npt.ArrayLike) -> tuple[Rows, Units]:
        return self.truth.present(rows)

    def iter_descriptors(self, chunk: int = 8192, after: int = 0) -> Iterator[tuple[Rows, npt.NDArray[np.float16]]]:
        return self.truth.iter_descriptors(chunk, after)

    def meta(self, key: str, default: Any = None) -> Any:
        return self.truth.meta(key, default)

    def skipped(self) -> list[Skipped]:
        return self.truth.skipped()

    def put_skipped(self, skipped: Sequence[Skipped]) -> None:
        self.truth.put_skipped(skipped)

    def forget_skipped(self, ids: Sequence[str]) -> int:
        return self.truth.forget_skipped(ids)

    def set_meta(self, key: str, value: Any) -> None:
        self.truth.set_meta(key, value)

    def model_file(self, model: ModelIdentity) -> Path | None:
        return self.truth.model_file(model)

    def keep_model_file(self, model: ModelIdentity, file: Path) -> Path:
        return self.truth.keep_model_file(model, file)

    def forget_model_file(self, model: ModelIdentity) -> None:
        self.truth.forget_model_file(model)

    @property
    def points(self) -> Points:
        return self.truth.points

    @property
    def roads(self) -> Roads:
        return self.truth.roads

    @property
    def basemap_file(self) -> BasemapFile:
        return self.truth.basemap_file

    def local_features(self, fingerprint: str, *, limit_bytes: int | None = None) -> LocalFeatureCache:
        return self.truth.local_features(fingerprint, limit_bytes=limit_bytes)

    def migration(self, model: ModelIdentity) -> Migration:
        return self.truth.migration(model)

    def tidy(self) -> None:
        self.truth.tidy()
