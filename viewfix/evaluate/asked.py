"""What an evaluation asks of a dataset, whoever made it; and the plainest one: a source of photos to ask a map for."""

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


@dataclass(frozen=True, slots=True)
class OwnRules:
    """Any queries, any number of them, right within `radius_m` metres."""

    name: str = f"photos of the map within {FOUND_M:g} m"
    queries: int | None = None
    database: int | None = None
    radius_m: float | None = FOUND_M


@dataclass(frozen=True, slots=True)
class Queries:
    """Queries without a map of their own: the photos of an existing map near them are the right ones."""

    name: str
    queries: tuple[Photo, ...]
    skipped: tuple[Skipped, ...] = ()
    map: tuple[Photo, ...] = ()
    positives: tuple[npt.NDArray[np.int64], ...] = ()
    protocol: OwnRules = OwnRules()


def queries_of(source: str | Path) -> Queries:
    """The photos of a folder or a manifest as queries; they need positions, which are the truth.

    Raises:
        BadInput: there is nothing there, or no photo with a position.
    """
    found = list(open_sources([source]))
    queries = tuple(item for item in found if isinstance(item, Photo))
    skipped = tuple(item for item in found if isinstance(item, Skipped))
    if not queries:
        first = f" The first, {skipped[0].id}: {skipped[0].reason}" if skipped else ""
        raise BadInput(f"No photo of {source} can be asked for, since none says where it was taken.{first}")
    return Queries(Path(source).name, queries, skipped)
