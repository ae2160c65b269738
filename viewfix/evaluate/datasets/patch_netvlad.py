"""Datasets with the ground truth of Patch-NetVLAD: an .npz file and two lists of file names."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ...errors import BadInput
from ...types import Skipped
from ..protocol import WithinM, unpublished
from .dataset import Dataset, Picture
from .truth import by_plane

Floats = npt.NDArray[np.float64]


def from_npz(
    ground_truth: str | Path, map_list: str | Path, query_list: str | Path, pictures: str | Path, *, name: str = ""
) -> Dataset:
    """Open a dataset by its lists of pictures, in the order of the ground truth.

    Args:
        ground_truth: an .npz with `utmDb` (M, 2), `utmQ` (Q, 2), metres in one plane, and `posDistThr`, metres.
        map_list: a text file with the M file names of the map pictures, one per line.
        query_list: the same for the Q queries.
        pictures: the folder to which the names are relative.
        name: of the dataset; that of the file if empty.

    Raises:
        BadInput: a file cannot be read, the numbers of names and positions differ, or no picture exists.
    """
    file, root = Path(ground_truth).expanduser(), Path(pictures).expanduser()
    name = name or file.stem
    photos_m, queries_m, radius_m = _truth(file)
    photos, photos_m, photos_missing = _found(Path(map_list).expanduser(), root, photos_m)
    queries, queries_m, queries_missing = _found(Path(query_list).expanduser(), root, queries_m)
    return Dataset(
        name=name,
        map=photos,
        queries=queries,
        positives=by_plane(queries_m, photos_m, radius_m),
        protocol=unpublished(WithinM(radius_m)),
        skipped=photos_missing + queries_missing,
    )


def _truth(file: Path) -> tuple[Floats, Floats, float]:
    try:
        with np.load(file, allow_pickle=False) as saved:
            photos, queries = np.asarray(saved["utmDb"], np.float64), np.asarray(saved["utmQ"], np.float64)
            radius_m = float(np.ravel(saved["posDistThr"])[0])
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        raise BadInput(
            f"{file} is not a readable ground truth ({error}). It must have plain numbers utmQ, utmDb and posDistThr; "
            "pickled objects are not opened."
        ) from None
    for table in (photos, queries):
        if table.ndim != 2 or table.shape[1] != 2:
            raise BadInput(f"{file} has positions of shape {table.shape}; expected (N, 2) metres.")
    return photos, queries, radius_m


def _found(names: Path, root: Path, metres: Floats) -> tuple[tuple[Picture, ...], Floats, tuple[Skipped, ...]]:
    try:
        lines = [line.strip() for line in names.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(
            f"The list {names} cannot be read ({error}). Choose a text file with one name per line."
        ) from None
    if len(lines) != len(metres):
        raise BadInput(
            f"{names} has {len(lines):,} names, but the ground truth has {len(metres):,} positions. Use its own list."
        )
    there = np.array([(root / line).is_file() for line in lines], np.bool_)
    pictures = tuple(Picture(line, str(root / line)) for line, here in zip(lines, there, strict=True) if here)
    skipped = tuple(
        Skipped(line, f"there is no file at {root / line}") for line, here in zip(lines, there, strict=True) if not here
    )
    return pictures, metres[there], skipped
