"""What an evaluation needs of a dataset, and photos as queries for an existing map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ..errors import BadInput
from ..sources import open_sources
from ..types import Photo, Skipped
from .descriptors import PictureInfo

FOUND_M = 25.0
"""The radius of nearly every protocol of the field, for queries that come without one."""


class ProtocolInfo(Protocol):
    """What an evaluation needs of a protocol; None for what the protocol does not define."""

    @property
    def name(self) -> str: ...
    @property
    def queries(self) -> int | None: ...
    @property
    def database(self) -> int | None: ...
    @property
    def radius_m(self) -> float | None: ...


class AreaNumbers(Protocol):
    """Areas that are measured separately: the area number of each map picture, (M,), and of each query, (Q,)."""

    @property
    def map(self) -> npt.NDArray[np.int64]: ...
    @property
    def queries(self) -> npt.NDArray[np.int64]: ...


class EvaluationDataset(Protocol):
    """Pictures, and for every query the rows of the map pictures that show its place."""

    @property
    def name(self) -> str: ...
    @property
    def map(self) -> Sequence[PictureInfo]: ...
    @property
    def queries(self) -> Sequence[PictureInfo]: ...
    @property
    def positives(self) -> Sequence[npt.NDArray[np.int64]]: ...
    @property
    def skipped(self) -> Sequence[Skipped]: ...
    @property
    def protocol(self) -> ProtocolInfo: ...
    @property
    def notes(self) -> Sequence[str]: ...
    @property
    def areas(self) -> AreaNumbers | None: ...


@dataclass(frozen=True, slots=True)
class RadiusProtocol:
    """Any number of queries; a map photo within `radius_m` metres is right."""

    name: str = f"photos of the map within {FOUND_M:g} m"
    queries: int | None = None
    database: int | None = None
    radius_m: float | None = FOUND_M


@dataclass(frozen=True, slots=True)
class QuerySet:
    """Queries with positions for an existing map, whose photos are the database."""

    name: str
    map: tuple[Photo, ...]
    queries: tuple[Photo, ...]
    positives: Sequence[npt.NDArray[np.int64]] = ()
    skipped: tuple[Skipped, ...] = ()
    protocol: RadiusProtocol = RadiusProtocol()
    notes: tuple[str, ...] = ()
    areas: None = None


def open_queries(source: str | Path) -> QuerySet:
    """The photos of a folder or a manifest as queries for a map. Their positions are the ground truth.

    Raises:
        BadInput: the source does not exist, or no photo has a position.
    """
    found = list(open_sources([source]))
    photos = tuple(item for item in found if isinstance(item, Photo))
    skipped = tuple(item for item in found if isinstance(item, Skipped))
    if not photos:
        first = f" The first, {skipped[0].id}: {skipped[0].reason}" if skipped else ""
        raise BadInput(f"No photo of {source} has a position, so there is nothing to measure against.{first}")
    return QuerySet(Path(source).name, (), photos, skipped=skipped)
