"""Place photos by those taken shortly before and after, with the filter of tracks, forward and backward in time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from ..geo import distances_m
from ..track.belief import DIRECTIONS
from ..track.context import TrackContext
from ..track.model import TrackModel
from ..track.modes import Mode, mode_named
from ..track.observe import Sight
from ..track.places import Places
from ..track.smooth import smoothed
from ..track.track import radius_of
from ..types import Position
from .combine import Estimate
from .job import Row

LINK_S = 300.0
"""Photos farther apart in time say nothing about each other: by then the filter has forgotten where the camera was."""

WINDOW, OVERLAP = 64, 8
"""Photos are smoothed in windows of this size with this many more at each end, so that memory stays small."""

TEMPER = 1.0
"""The most that one photo may weigh. The frames of a recording weigh twice as much in the shipped model, but an album
shows people and rooms too. On walks with a photo a minute, four in ten of them indoors, of the answers said to be right
with 0.8 or more, 110 of 113 were right with this weight, and 156 of 202 with that of recordings (benchmarks/geotag.py).
"""

ANCHOR_LOG_RATIO = 6.0
"""The weight of a position that a photo has already, as the logarithm of a likelihood ratio."""

ANCHOR_RADIUS_M = 30.0
"""The radius of such a position, if it has none or a smaller one."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One photo of the album, and the position that it has already, if that is trusted."""

    row: Row
    trusted: Position | None = None


@dataclass(slots=True)
class _Run:
    """Consecutive photos. The first `context` of them have their answers already."""

    moments: list[Moment] = field(default_factory=list)
    context: int = 0


class Neighbours:
    """Places the photos of an album on one map by their neighbours in time."""

    def __init__(self, tracking: TrackContext, mode: str) -> None:
        self._tracking = tracking
        self._mode: Mode = mode_named(mode)
        self._places: Places = tracking.places(self._mode)
        self._radius_m = radius_of(self._places)
        self._model = replace(tracking.model, temper=min(tracking.model.temper, TEMPER))

    def estimates(self, moments: Iterable[Moment]) -> Iterator[tuple[Moment, Estimate | None]]:
        """Yield each photo, in the order of time, placed by its picture and its neighbours; None without neighbours."""
        run = _Run()
        for moment in moments:
            if run.moments and not _linked(run.moments[-1].row, moment.row):
                yield from self._answers(run, len(run.moments))
                run = _Run()
            run.moments.append(moment)
            if len(run.moments) == run.context + WINDOW + OVERLAP:
                end = len(run.moments) - OVERLAP
                yield from self._answers(run, end)
                kept = max(end - OVERLAP, 0)
                run = _Run(run.moments[kept:], end - kept)
        yield from self._answers(run, len(run.moments))

    def _answers(self, run: _Run, end: int) -> Iterator[tuple[Moment, Estimate | None]]:
        """Answer the photos of a run that have no answer yet, up to `end`."""
        found: dict[str, Estimate] = {}
        frames = [(each, sight) for each in run.moments if (sight := self._sight(each)) is not None]
        if len(frames) > 1:
            times_s = [each.row.time_s for each, _ in frames]
            path = smoothed([s for _, s in frames], times_s, self._places, self._mode, self._model, self._radius_m)
            for (each, _), answer in zip(frames, path, strict=True):
                if answer.place is not None:
                    at = Position(answer.lat, answer.lon, self._radius_m)
                    # The directions of the filter are an eighth of a turn wide: too coarse to be written.
                    found[each.row.id] = Estimate("neighbours", at, answer.probability)
        yield from ((each, found.get(each.row.id)) for each in run.moments[run.context : end])

    def _sight(self, moment: Moment) -> Sight | None:
        """What a photo looks like, or where it is known to be; None if neither is known."""
        if moment.trusted is not None:
            return self._anchor(moment.trusted)
        if moment.row.descriptor is None:
            return None
        descriptor = np.frombuffer(moment.row.descriptor, "<f4").astype(np.float32)
        return self._tracking.sight(descriptor, self._places)[0]

    def _anchor(self, at: Position) -> Sight:
        """A photo with a position: the places around it are likely, and all others are not.

        If the map has no place around it, that counts for having been off the map.
        """
        model, radius_m = self._model, max(at.radius_m or 0.0, ANCHOR_RADIUS_M)
        away_m = distances_m(at.lat, at.lon, self._places.lats, self._places.lons)
        near = np.flatnonzero(away_m <= radius_m)
        standing = np.full((len(near), DIRECTIONS), standing_of(model, ANCHOR_LOG_RATIO))
        is_on_map = 1.0 if len(near) else 0.0
        return Sight(near, standing, standing_of(model, -ANCHOR_LOG_RATIO), is_on_map, resembled=-1)


def standing_of(model: TrackModel, log_ratio: float) -> float:
    """How far a photo must stand out to count this much: the inverse of `TrackModel.log_ratio`."""
    return (log_ratio / model.temper - model.bias) / model.slope


def _linked(before: Row, after: Row) -> bool:
    return before.clock == after.clock != "none" and after.time_s - before.time_s <= LINK_S
