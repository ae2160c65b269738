"""The frames of a dataset as one sequence in time, over a map whose photos all have a position."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC

import numpy as np
import numpy.typing as npt

from ...errors import BadInput
from ...geo import moved
from ...types import Position
from ..datasets.dataset import Picture
from ..descriptors import EmbeddedPictures, PictureInfo
from ..fixes import subset
from ..proximity import points_m
from ..run import Embedded

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

SPACING_M = 4.0
EVERY_S = 1.0
LINE_START, LINE_BEARING_DEG = Position(0.0, 0.0), 90.0
"""Where the line of a map without positions begins, and its direction."""

SAMPLE = 256
"""Photos whose neighbours are measured, to see whether the map is a walk itself."""


@dataclass(frozen=True, slots=True, eq=False)
class Ride:
    """Q frames in the order of time, and the M photos of the map.

    `times_s` is (Q,) float64, ascending. `right` are the rows of the photos that are right for each frame. `truth` is
    where each frame was taken, None if unknown. `radius_m` is how near to it an answer is right; None if a right photo
    must be the nearest one. `is_walk`: the photos of the map follow one another along a way, too. `advance` is by how
    many photos of the map the camera moves from one frame to the next, the median.
    """

    photos: EmbeddedPictures
    frames: EmbeddedPictures
    times_s: Floats
    right: tuple[Rows, ...]
    truth: tuple[Position | None, ...]
    radius_m: float | None
    is_walk: bool
    advance: float
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.times_s)


def ride_of(
    embedded: Embedded, radius_m: float | None, *, every_s: float | None = None, spacing_m: float = SPACING_M
) -> Ride:
    """Bring the queries of a dataset into the order of time.

    Args:
        embedded: the dataset.
        radius_m: the radius of its protocol; None if it counts frames.
        every_s: the time between two frames that have no time of their own; if given, their own times are ignored.
        spacing_m: the distance of the photos of a map without positions, which are then put on a straight line.

    Raises:
        BadInput: there is one frame only, or the order of the frames is unknown.
    """
    if len(embedded.queries) < 2:
        raise BadInput(
            f"A sequence has two frames or more; this one has {len(embedded.queries)}. Leave out --sequence to measure "
            "single pictures."
        )
    if embedded.photos.areas is not None:
        raise BadInput("The dataset has several areas, which are not one walk. Leave out --sequence.")
    order, times_s, notes = _in_time(embedded.queries.pictures, every_s)
    frames = subset(embedded.queries, order)
    right = tuple(embedded.positives[row] for row in order)
    photos = embedded.photos
    if photos.placed:
        truth = tuple(picture.position for picture in frames.pictures)
        if radius_m is not None and any(position is None for position in truth):
            raise BadInput("Not every frame has a position, so it is unknown which answers are right. Add positions.")
    else:
        photos = _on_a_line(photos, spacing_m)
        truth = tuple(_middle(photos, rows) for rows in right)
        radius_m = None
        notes += (f"The map has no positions: its pictures were put on a line, {spacing_m:g} m apart.",)
    is_walk = not embedded.photos.placed or _follow_one_another(photos)
    return Ride(photos, frames, times_s, right, truth, radius_m, is_walk, _advance(right), notes)


def _in_time(pictures: Sequence[PictureInfo], every_s: float | None) -> tuple[Rows, Floats, tuple[str, ...]]:
    count = len(pictures)
    moments = [_moment_s(picture) for picture in pictures]
    known = [moment for moment in moments if moment is not None]
    if every_s is not None or not known:
        step_s = EVERY_S if every_s is None else every_s
        note = f"Frames are taken in the order of their names, {step_s:g} s apart."
        return np.arange(count, dtype=np.int64), np.arange(count, dtype=np.float64) * step_s, (note,)
    if len(known) < count:
        raise BadInput(
            f"{count - len(known)} of {count} frames have no time, so the order of the frames is unknown. Add times, "
            "or pass --every SECONDS to take all frames in the order of their names."
        )
    if len(set(known)) == 1:
        raise BadInput(
            f"All {count} frames have the same time, so their order is unknown. Pass --every SECONDS to take them in "
            "the order of their names."
        )
    times_s = np.array(known, np.float64)
    order: Rows = np.argsort(times_s, kind="stable").astype(np.int64)
    return order, times_s[order] - times_s[order[0]], ()


def _moment_s(picture: PictureInfo) -> float | None:
    """The time of a frame in seconds: of its clock, or of its film."""
    if picture.taken_at is not None:
        at = picture.taken_at
        return at.replace(tzinfo=at.tzinfo or UTC).timestamp()
    return None if picture.view is None else picture.view.time_s


def _on_a_line(photos: EmbeddedPictures, spacing_m: float) -> EmbeddedPictures:
    placed = [
        Picture(each.id, each.source, moved(LINE_START, LINE_BEARING_DEG, spacing_m * int(row)), view=each.view)
        for row, each in zip(photos.rows, photos.pictures, strict=True)
    ]
    return EmbeddedPictures(tuple(placed), photos.rows, photos.descriptors, photos.hashes, photos.skipped)


def _middle(photos: EmbeddedPictures, rows: Rows) -> Position | None:
    return photos.pictures[int(rows[len(rows) // 2])].position if len(rows) else None


def _advance(right: Sequence[Rows]) -> float:
    middles = np.array([np.median(rows) if len(rows) else np.nan for rows in right])
    steps = np.diff(middles)
    steps = steps[np.isfinite(steps)]
    if not len(steps):
        return 1.0
    # The mean of the steps near the median: the median of whole numbers alone would lose half a photo.
    median = float(np.median(steps))
    usual = float(steps[np.abs(steps - median) <= 1.0].mean())
    return usual if usual else 1.0


def _follow_one_another(photos: EmbeddedPictures) -> bool:
    """Whether each photo lies about as near to the one before as to any other photo."""
    points = points_m([picture.position for picture in photos.pictures if picture.position is not None])
    if len(points) < 3:
        return True
    steps_m = np.linalg.norm(np.diff(points, axis=0), axis=1)
    chosen = np.unique(np.linspace(0, len(points) - 1, min(len(points), SAMPLE)).astype(np.int64))
    nearest = []
    for row in chosen:
        apart = np.linalg.norm(points - points[row], axis=1)
        apart[row] = np.inf
        nearest.append(apart.min())
    return bool(np.quantile(steps_m, 0.9) <= 5 * np.quantile(nearest, 0.9) + 25.0)
