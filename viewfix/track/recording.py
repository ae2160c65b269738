"""A recording becomes a path: its frames in the order of time, and where each was taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from ..errors import BadInput, UnreadablePhoto
from ..locate.confidence import LEAST_CONFIDENCE
from ..photos import Readable, metadata
from ..photos.film import Film, is_film
from ..reports.formatting import credit
from ..sources import open_sources
from ..sources.open import image_files
from ..types import Photo, Position, Progress, Skipped, silent
from .context import TrackContext
from .modes import mode_named
from .observe import Sight
from .smooth import smoothed
from .track import radius_of

_Row = tuple[str, Readable, datetime | None, str | None]
"""A photo: its name, where its picture is, its time, and its credit."""

MOST_FRAMES = 100_000
EVERY_S = 1.0


@dataclass(frozen=True)
class Frame:
    """One frame of a recording: its name, its picture, its time in seconds, and the moment it was taken if known.

    `credit` is to be shown with the picture; None if none is needed.
    """

    name: str
    picture: Readable
    time_s: float
    taken_at: datetime | None = None
    credit: str | None = None


@dataclass(frozen=True, slots=True)
class PathPoint:
    """Where one frame was taken: `position` is None where the camera was not on the map, or that is not sure.

    `confidence` and `p_off` are in [0, 1]; `time_s` is in seconds of the recording.
    """

    name: str
    time_s: float
    taken_at: datetime | None
    position: Position | None
    confidence: float
    p_off: float
    heading_deg: float | None = None
    speed_mps: float | None = None


@dataclass(frozen=True)
class RecordedPath:
    """The path of a recording, and the frames that could not be read."""

    points: tuple[PathPoint, ...]
    skipped: tuple[Skipped, ...]


def path_of(
    context: TrackContext,
    recording: str | Path,
    *,
    mode: str = "auto",
    every_s: float = EVERY_S,
    progress: Progress = silent,
    seen: Callable[[Frame], None] = lambda frame: None,
) -> RecordedPath:
    """Find the path of a film, a folder of photos, or a manifest, from all its frames together.

    Args:
        context: the parts of the open map.
        recording: the film, the folder, or the manifest.
        mode: how the camera moved.
        every_s: the time between two frames of a film, and between photos without a time.
        progress: called with the number of frames.
        seen: called with each frame that could be read, in their order.

    Raises:
        BadInput: there are no frames, or a value is out of range.
    """
    if not 0 < every_s < 86_400:
        raise BadInput(f"The time between two frames must be more than 0 seconds and less than a day; got {every_s}.")
    kind = mode_named(mode)
    places = context.places(kind)
    frames: list[Frame] = []
    sights: list[Sight] = []
    skipped: list[Skipped] = []
    for frame in _frames(Path(recording), every_s):
        progress("tracking", len(frames) + len(skipped), None)
        if isinstance(frame, Skipped):
            skipped.append(frame)
            continue
        try:
            sights.append(context.sight(context.describe(frame.picture), places)[0])
        except UnreadablePhoto as error:
            skipped.append(Skipped(frame.name, str(error)))
            continue
        seen(frame)
        # Of a film, the pictures of all frames together may not fit into memory.
        frames.append(replace(frame, picture=b""))
    if not frames:
        why = f" The first: {skipped[0].id}: {skipped[0].reason}" if skipped else ""
        raise BadInput(f"No frame of {recording} can be used.{why}")
    radius_m = radius_of(places)
    found = smoothed(sights, [frame.time_s for frame in frames], places, kind, context.model, radius_m)
    points = []
    for frame, answer in zip(frames, found, strict=True):
        said = context.model.calibrated(answer.probability)
        known = answer.place is not None and said >= LEAST_CONFIDENCE
        position = Position(answer.lat, answer.lon, radius_m) if known else None
        heading_deg, speed_mps = (answer.heading_deg, answer.speed_mps) if known else (None, None)
        points.append(
            PathPoint(frame.name, frame.time_s, frame.taken_at, position, said, answer.p_off, heading_deg, speed_mps)
        )
    return RecordedPath(tuple(points), tuple(skipped))


def _frames(recording: Path, every_s: float) -> Iterator[Frame | Skipped]:
    if is_film(recording):
        yield from _of_film(recording, every_s)
    elif recording.is_dir():
        yield from _of_folder(recording, every_s)
    else:
        rows: list[_Row] = []
        for photo in open_sources(str(recording)):
            if isinstance(photo, Photo):
                rows.append((photo.id, photo.source, photo.taken_at, credit(photo)))
            else:
                yield photo
        yield from _in_order(rows, every_s)


def _of_folder(folder: Path, every_s: float) -> Iterator[Frame | Skipped]:
    rows: list[_Row] = []
    for file in image_files(folder):
        try:
            rows.append((file.name, file, metadata(file).taken_at, None))
        except UnreadablePhoto as error:
            yield Skipped(file.name, str(error))
    yield from _in_order(rows, every_s)


def _in_order(rows: Sequence[_Row], every_s: float) -> Iterator[Frame | Skipped]:
    """By time, without the photos that have none; if no photo has one, in the given order, `every_s` apart."""
    if len(rows) > MOST_FRAMES:
        raise BadInput(f"The recording has {len(rows)} frames; at most {MOST_FRAMES} are tracked at once. Cut it.")
    timed = [(at.replace(tzinfo=at.tzinfo or UTC), name, what, owed) for name, what, at, owed in rows if at is not None]
    if not timed:
        yield from (Frame(name, what, every_s * i, None, owed) for i, (name, what, _, owed) in enumerate(rows))
        return
    for name, _, at, _ in rows:
        if at is None:
            yield Skipped(name, "it has no time, which the other photos have.")
    timed.sort(key=lambda row: row[:2])
    for at, name, what, owed in timed:
        yield Frame(name, what, (at - timed[0][0]).total_seconds(), at, owed)


def _of_film(path: Path, every_s: float) -> Iterator[Frame | Skipped]:
    try:
        with Film(path) as film:
            times = np.arange(0.0, max(film.duration_s, every_s), every_s)[:MOST_FRAMES].tolist()
            for time_s, frame in zip(times, film.frames(times), strict=False):
                if frame is not None:
                    yield Frame(f"{path.name}#t={time_s:g}", frame.pixels(), time_s)
    except UnreadablePhoto as error:
        yield Skipped(path.name, str(error))
