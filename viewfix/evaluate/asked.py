"""What an evaluation asks of a dataset, whoever made it; the plainest is a source of photos, for a map."""

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
from .described import Pictured

FOUND_M = 25.0
"""The radius of nearly every protocol of the field, for queries that come without one."""


class Rules(Protocol):
    """What is asked of the protocol of a dataset; None where it does not say."""

    @property
    def name(self) -> str: ...
    @property
    def queries(self) -> int | None: ...
    @property
    def database(self) -> int | None: ...
    @property
    def radius_m(self) -> float | None: ...


class Apart(Protocol):
    """Areas that are measured apart: the number of the area of each map picture, (M,), and of each query, (Q,)."""

    @property
    def map(self) -> npt.NDArray[np.int64]: ...
    @property
    def queries(self) -> npt.NDArray[np.int64]: ...


class Asked(Protocol):
    """What is asked of a dataset: pictures, and for every query the rows of the map that show its place."""

    @property
    def name(self) -> str: ...
    @property
    def map(self) -> Sequence[Pictured]: ...
    @property
    def queries(self) -> Sequence[Pictured]: ...
    @property
    def positives(self) -> Sequence[npt.NDArray[np.int64]]: ...
    @property
    def skipped(self) -> Sequence[Skipped]: ...
    @property
    def protocol(self) -> Rules: ...
    @property
    def notes(self) -> Sequence[str]: ...
    @property
    def areas(self) -> Apart | None: ...


@dataclass(frozen=True, slots=True)
class OwnRules:
    """Any queries, any number of them, right within `radius_m` metres."""

    name: str = f"photos of the map within {FOUND_M:g} m"
    queries: int | None = None
    database: int | None = None
    radius_m: float | None = FOUND_M


@dataclass(frozen=True, slots=True)
class Pair:
    """Queries with positions and no map photos: those of an existing map are to be asked."""

    name: str
    map: tuple[Photo, ...]
    queries: tuple[Photo, ...]
    positives: Sequence[npt.NDArray[np.int64]] = ()
    skipped: tuple[Skipped, ...] = ()
    protocol: OwnRules = OwnRules()
    notes: tuple[str, ...] = ()
    areas: None = None


def queries_of(source: str | Path) -> Pair:
    """The photos of a folder or a manifest as queries for a map; they need positions, which are the truth.

    Raises:
        BadInput: there is nothing there, or no photo with a position.
    """
    queries, skipped = _placed(source)
    return Pair(Path(source).name, (), queries, skipped=skipped)


def _placed(source: str | Path) -> tuple[tuple[Photo, ...], tuple[Skipped, ...]]:
    found = list(open_sources([source]))
    photos = tuple(item for item in found if isinstance(item, Photo))
    skipped = tuple(item for item in found if isinstance(item, Skipped))
    if not photos:
        first = f" The first, {skipped[0].id}: {skipped[0].reason}" if skipped else ""
        raise BadInput(f"No photo of {source} can be used to measure, since none says where it was taken.{first}")
    return photos, skipped
