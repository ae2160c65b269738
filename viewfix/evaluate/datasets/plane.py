"""Two folders whose file names hold metres east and north but no UTM zone: no positions, but enough to compare."""

from __future__ import annotations

import itertools
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt

from ...sources.utm import metres_of
from ...sources.walk import walk
from ...types import Skipped
from ..protocol import Protocol
from .dataset import Dataset, Picture
from .places import pictures
from .truth import by_plane

SAMPLE = 20
"""How many names tell how a folder is named."""

NOTE = "The file names hold metres without a UTM zone: distances are measured in their plane."


def of_folders(map_folder: Path, query_folder: Path, wanted: Protocol, radius_m: float) -> Dataset | None:
    """The dataset, or None where one of the folders holds no such names.

    Both folders must be of one plane, as publishers write them; @east@north@anything@.jpg.
    """
    if not _has_such_names(map_folder) or not _has_such_names(query_folder):
        return None
    (photos, photos_m, unplaced), (queries, queries_m, unasked) = map(_placed, (map_folder, query_folder))
    return Dataset(
        name=wanted.name,
        map=photos,
        queries=queries,
        positives=by_plane(queries_m, photos_m, radius_m),
        protocol=wanted,
        skipped=unplaced + unasked,
        notes=(NOTE,),
    )


def _has_such_names(folder: Path) -> bool:
    names = (name for listing in walk(folder) for name in listing.pictures) if folder.is_dir() else ()
    return any(metres_of(name) is not None for name in itertools.islice(names, SAMPLE))


def _placed(folder: Path) -> tuple[tuple[Picture, ...], npt.NDArray[np.float64], tuple[Skipped, ...]]:
    """The pictures whose names hold metres, (N, 2) of these, and the pictures whose names do not."""
    every = pictures(folder)
    metres = [metres_of(PurePosixPath(picture.id).name) for picture in every]
    placed = tuple(picture for picture, there in zip(every, metres, strict=True) if there is not None)
    missing = tuple(
        Skipped(picture.id, "its name has no metres east and north")
        for picture, there in zip(every, metres, strict=True)
        if there is None
    )
    return placed, np.array([there for there in metres if there is not None], np.float64).reshape(-1, 2), missing
