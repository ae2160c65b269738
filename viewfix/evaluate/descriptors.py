"""Descriptors and content hashes of the pictures of a dataset, computed on all cores; unreadable ones are listed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ..embed.describe import content_hash, cores
from ..errors import BadInput, UnreadablePhoto
from ..map import Map
from ..models.model import Model
from ..photos.views import identity_bytes, load_view
from ..store.records import to_units
from ..types import Position, Progress, Skipped, View, silent

Descriptors = npt.NDArray[np.float32]

AHEAD = 64
"""Pictures passed to the workers at a time, so that memory is bounded for any dataset."""


class PictureInfo(Protocol):
    """What an evaluation needs of a picture; `source` is a path or a URL."""

    @property
    def id(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def position(self) -> Position | None: ...
    @property
    def heading_deg(self) -> float | None: ...
    @property
    def attribution(self) -> str | None: ...
    @property
    def licence(self) -> str | None: ...
    @property
    def view(self) -> View | None: ...
    @property
    def taken_at(self) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class EmbeddedPictures:
    """Pictures that could be read, each with its row in the dataset, its descriptor and the hash of its bytes.

    `rows` is (N,) int64, ascending; `descriptors` (N, dim) float32 of length 1. `areas` is (N,) int64 if pictures of
    different areas must not be compared, None otherwise.
    """

    pictures: tuple[PictureInfo, ...]
    rows: npt.NDArray[np.int64]
    descriptors: Descriptors
    hashes: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    areas: npt.NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def placed(self) -> bool:
        """Whether every picture has a position."""
        return all(picture.position is not None for picture in self.pictures)


def embed_pictures(
    pictures: Sequence[PictureInfo],
    model: Model,
    *,
    stage: str,
    workers: int | None = None,
    progress: Progress = silent,
) -> EmbeddedPictures:
    """Read, decode and embed pictures, in their order.

    Raises:
        BadInput: none of them can be read.
    """
    kept: list[tuple[int, Descriptors, str]] = []
    skipped: list[Skipped] = []
    with ThreadPoolExecutor(workers or cores(), thread_name_prefix="evaluate") as pool:
        for done, found in enumerate(_results(pool, pictures, model)):
            if isinstance(found, Skipped):
                skipped.append(found)
            else:
                kept.append((done, *found))
            progress(stage, done + 1, len(pictures))
    if not kept:
        first = f" The first, {skipped[0].id}: {skipped[0].reason}" if skipped else ""
        raise BadInput(f"None of the {len(pictures)} {stage} can be read.{first} Check the folder of the dataset.")
    rows, descriptors, hashes = zip(*kept, strict=True)
    return EmbeddedPictures(
        tuple(pictures[row] for row in rows),
        np.array(rows, np.int64),
        np.stack(descriptors),
        tuple(hashes),
        tuple(skipped),
    )


def _results(
    pool: ThreadPoolExecutor, pictures: Sequence[PictureInfo], model: Model
) -> Iterator[tuple[Descriptors, str] | Skipped]:
    def one(picture: PictureInfo) -> tuple[Descriptors, str] | Skipped:
        try:
            data = identity_bytes(picture.source, picture.view)
            is_frame = picture.view is not None and picture.view.time_s is not None
            pixels = load_view(picture.source if is_frame else data, picture.view, least_side_px=model.least_side_px)
        except UnreadablePhoto as error:
            return Skipped(picture.id, str(error))
        # In batches of one: a model that looks at the other pictures of a batch must not benefit from that.
        return model.embed([pixels])[0], content_hash(data, picture.view)

    for start in range(0, len(pictures), AHEAD):
        yield from pool.map(one, pictures[start : start + AHEAD])


def pictures_of_map(city: Map) -> EmbeddedPictures:
    """The photos of a map, in the order of `Map.photos`, with the descriptors and hashes that it stores."""
    records = list(city.store.records())
    if not records:
        raise BadInput(f"The map {city.address} is empty. Add photos first: viewfix add {city.address.typed} PHOTOS")
    units = np.concatenate([to_units(halves) for _, halves in city.store.iter_descriptors()])
    return EmbeddedPictures(
        tuple(record.photo for record in records),
        np.arange(len(records), dtype=np.int64),
        units,
        tuple(record.content_hash for record in records),
        (),
    )
