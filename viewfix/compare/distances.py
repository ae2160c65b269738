"""Descriptors of picture files, and the distances between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..embed.describe import describe_pictures
from ..models.model import Model
from ..types import Progress, Skipped, silent


@dataclass(frozen=True, slots=True)
class Pictures:
    """The readable files, their descriptors (N, dim) float32 of length 1, and the files that were skipped."""

    files: tuple[Path, ...]
    descriptors: npt.NDArray[np.float32]
    skipped: tuple[Skipped, ...]


def describe_files(files: Sequence[Path], model: Model, *, progress: Progress = silent) -> Pictures:
    """Embed picture files on all cores; an unreadable one is skipped."""
    good: list[Path] = []
    rows: list[npt.NDArray[np.float32]] = []
    skipped: list[Skipped] = []
    for done, (file, result) in enumerate(zip(files, describe_pictures(files, model), strict=True), start=1):
        if isinstance(result, Skipped):
            skipped.append(result)
        else:
            good.append(file)
            rows.append(result)
        progress("embedding", done, len(files))
    descriptors = np.stack(rows) if rows else np.empty((0, model.dim), np.float32)
    return Pictures(tuple(good), descriptors, tuple(skipped))


def distances(descriptors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The (N, N) Euclidean distances, [0, 2], of (N, dim) unit-length descriptors; 0 on the diagonal."""
    wide = descriptors.astype(np.float64)  # in float32 the distance of two nearly equal pictures is lost to rounding
    squared = np.maximum(0.0, 2.0 - 2.0 * (wide @ wide.T))
    np.fill_diagonal(squared, 0.0)
    return np.sqrt(squared).astype(np.float32)
