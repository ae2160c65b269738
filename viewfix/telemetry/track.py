"""A track: timed positions of a receiver, interpolated in between, with headings by the direction of travel."""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

from ..geo import Plane, wrap_heading_deg
from ..types import Position

Floats = npt.NDArray[np.float64]

GAP_S = 10.0
"""Longer than this without a position, the receiver had none, and nothing is interpolated."""

STILL_M = 20.0
"""Unless the positions before and after the gap are this close: many recorders write nothing while they stand still."""

HEADING_M = 3.0
"""How far the camera must move for its direction of travel to be known."""

HEADING_WINDOW_S = 10.0
"""It must do so within this time before and after; otherwise it stood, and may have turned."""

SPEED_WINDOW_S = 2.0
"""The speed is the distance within this time, in which the noise of a receiver matters less."""

STOP_S, STOP_M = 3.0, 2.0
"""A stop: at least this long within this distance."""

STEP_M = 0.5
"""The resolution of distances along the track."""

MOST_STEPS = 5_000_000
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class TrackPoint:
    """One position of a receiver, at `time_s` on the clock of its track.

    `radius_m` is the receiver's own estimate of its error. `heading_deg`, [0, 360), is the direction of the camera if
    the device recorded it; the direction of travel is computed instead if it is None.
    """

    time_s: float
    lat: float
    lon: float
    altitude_m: float | None = None
    radius_m: float | None = None
    heading_deg: float | None = None


@dataclass(frozen=True, slots=True)
class Fixed:
    """Where the camera was at one time. `heading_deg` is None if it stood still."""

    position: Position
    heading_deg: float | None = None
    altitude_m: float | None = None


class Track:
    """Timed positions, ascending in time. Points without a plausible position must be left out by the reader.

    Args:
        points: in any order; of several at one time the first is used.
        started_at: the time at 0 of the track's clock; None if it is not known.
        source: what recorded it, for messages, such as "GPS of GoPro".
        gap_s: the longest time between two points to interpolate over.
    """

    def __init__(
        self,
        points: Iterable[TrackPoint],
        *,
        started_at: datetime | None = None,
        source: str = "track",
        gap_s: float = GAP_S,
    ) -> None:
        unique: dict[float, TrackPoint] = {}
        for point in points:
            unique.setdefault(point.time_s, point)
        self.points: Sequence[TrackPoint] = [unique[time_s] for time_s in sorted(unique)]
        self.started_at, self.source, self.gap_s = started_at, source, gap_s
        self._times_s = [point.time_s for point in self.points]
        lats, lons = [point.lat for point in self.points], [point.lon for point in self.points]
        # One plane for all: at its edges, 100 km away, it is wrong by metres in ten kilometres, not between neighbours.
        self._plane = Plane(Position(lats[0], lons[0])) if self.points else None
        self._xy_m = np.zeros((0, 2)) if self._plane is None else self._plane.to_xy_m(lats, lons)

    def __len__(self) -> int:
        return len(self.points)

    @property
    def begins_s(self) -> float:
        return self._times_s[0] if self._times_s else 0.0

    @property
    def ends_s(self) -> float:
        return self._times_s[-1] if self._times_s else 0.0

    def seconds(self, moment: datetime) -> float | None:
        """A time with a zone, on the clock of this track; None if the track does not know when it was recorded."""
        return None if self.started_at is None else (moment - self.started_at).total_seconds()

    def moment(self, time_s: float) -> datetime | None:
        """The time of day at a time of this track; None if the track does not know when it was recorded."""
        return None if self.started_at is None else self.started_at + timedelta(seconds=time_s)

    def at(self, time_s: float) -> Fixed | None:
        """Where the camera was; None before the first and after the last point, and where the receiver had no fix."""
        found = self._between(time_s)
        if found is None or self._plane is None:
            return None
        before, share = found
        one, other = self.points[before], self.points[min(before + 1, len(self.points) - 1)]
        x_m, y_m = self._xy_m[before] * (1 - share) + self._xy_m[min(before + 1, len(self.points) - 1)] * share
        radii = [point.radius_m for point in (one, other) if point.radius_m is not None]
        position = self._plane.to_position(float(x_m), float(y_m), max(radii) if radii else None)
        return Fixed(position, self._heading_deg(time_s, one, other, share), _mixed(one, other, share))

    def speeds_mps(self, times_s: Floats) -> Floats:
        """(N,) the speed at each of (N,) times, over SPEED_WINDOW_S; NaN where it is not known."""
        if not self.points:
            return np.full(len(times_s), np.nan)
        ends = [np.clip(times_s + way * SPEED_WINDOW_S / 2, self.begins_s, self.ends_s) for way in (-1, 1)]
        places = [np.stack([np.interp(at, self._times_s, self._xy_m[:, k]) for k in (0, 1)]) for at in ends]
        known = [self._between(float(time_s)) is not None for time_s in times_s]
        with np.errstate(invalid="ignore", divide="ignore"):  # at either end of a track of one point
            speeds = np.hypot(*(places[1] - places[0])) / (ends[1] - ends[0])
        return np.where(known, speeds, np.nan)

    def stations(self, spacing_m: float, begins_s: float, ends_s: float) -> list[float]:
        """Times at which the camera has moved on by `spacing_m`, as the crow flies, and one in each stop on the way.

        Args:
            spacing_m: the distance from each station to the next. Noise of a receiver that stands makes none.
            begins_s: the earliest time.
            ends_s: the latest time.
        """
        times_s, xy_m = self._steps(begins_s, ends_s)
        if not len(times_s):
            return []
        chosen: list[float] = []
        last = np.full(2, np.inf)
        stops = self._stops(times_s, xy_m)
        for number, (time_s, at) in enumerate(zip(times_s, xy_m, strict=True)):
            moved_m = math.hypot(at[0] - last[0], at[1] - last[1])
            if moved_m >= spacing_m or (number in stops and moved_m >= spacing_m / 2):
                chosen.append(float(time_s))
                last = at
        return chosen

    def _steps(self, begins_s: float, ends_s: float) -> tuple[Floats, Floats]:
        """The track in steps of at most STEP_M and half a second: (N,) times and (N, 2) metres, without the gaps."""
        if not self.points:
            return np.zeros(0), np.zeros((0, 2))
        times_s = np.array(self._times_s)
        lengths_m = np.hypot(*np.diff(self._xy_m, axis=0).T) if len(times_s) > 1 else np.zeros(0)
        pieces = [times_s[:1]]
        total = 0
        for n, length_m in enumerate(lengths_m):
            if not self._joined(n):
                pieces.append(times_s[n + 1 : n + 2])
                continue
            count = max(1, math.ceil(length_m / STEP_M), math.ceil(2 * (times_s[n + 1] - times_s[n])))
            total += count
            if total > MOST_STEPS:
                break
            pieces.append(np.linspace(times_s[n], times_s[n + 1], count + 1)[1:])
        steps = np.concatenate(pieces)
        steps = steps[(steps >= begins_s) & (steps <= ends_s)]
        if begins_s < ends_s and self._between(begins_s) is not None:
            steps = np.unique(np.concatenate([[begins_s], steps]))
        return steps, np.stack([np.interp(steps, times_s, self._xy_m[:, axis]) for axis in (0, 1)], axis=1)

    @staticmethod
    def _stops(times_s: Floats, xy_m: Floats) -> set[int]:
        """The step in the middle of each stop."""
        middles, first = set(), 0
        for number in range(1, len(times_s) + 1):
            still = number < len(times_s) and math.hypot(*(xy_m[number] - xy_m[first])) <= STOP_M
            if still:
                continue
            if times_s[number - 1] - times_s[first] >= STOP_S:
                middles.add((first + number - 1) // 2)
            first = number
        return middles

    def _joined(self, before: int) -> bool:
        """Whether the camera may be interpolated between a point and the next."""
        if self._times_s[before + 1] - self._times_s[before] <= self.gap_s:
            return True
        return math.hypot(*(self._xy_m[before + 1] - self._xy_m[before])) <= STILL_M

    def _between(self, time_s: float) -> tuple[int, float] | None:
        """The point before a time, and the share, [0, 1], of the way to the next."""
        if not self.points or not self.begins_s <= time_s <= self.ends_s:
            return None
        before = bisect.bisect_right(self._times_s, time_s) - 1
        if before == len(self.points) - 1:
            return before, 0.0
        share = (time_s - self._times_s[before]) / (self._times_s[before + 1] - self._times_s[before])
        if share == 0.0:
            return before, 0.0
        return (before, share) if self._joined(before) else None

    def _xy_at(self, time_s: float) -> Floats:
        return np.array([np.interp(time_s, self._times_s, self._xy_m[:, axis]) for axis in (0, 1)])

    def _heading_deg(self, time_s: float, one: TrackPoint, other: TrackPoint, share: float) -> float | None:
        recorded = [point.heading_deg for point in (one, other)]
        if recorded[0] is not None:
            return _mixed_heading(recorded[0], recorded[0] if recorded[1] is None else recorded[1], share)
        for reach_m in (HEADING_M / 2, HEADING_M):  # farther where the track begins or ends
            east_m, north_m = self._moved(time_s, 1.0, reach_m) - self._moved(time_s, -1.0, reach_m)
            if math.hypot(east_m, north_m) >= HEADING_M - 1e-6:
                return wrap_heading_deg(math.degrees(math.atan2(east_m, north_m)))
        return None

    def _moved(self, time_s: float, direction: float, reach_m: float) -> Floats:
        """The place this far before or after a time, or as far as the camera came within HEADING_WINDOW_S."""
        here = self._xy_at(time_s)
        reached = here
        for step_s in (0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, HEADING_WINDOW_S):
            then_s = min(max(time_s + direction * step_s, self.begins_s), self.ends_s)
            if self._between(then_s) is None:
                break
            reached = self._xy_at(then_s)
            if math.hypot(*(reached - here)) >= reach_m:
                break
        return reached


def _mixed(one: TrackPoint, other: TrackPoint, share: float) -> float | None:
    if one.altitude_m is None or other.altitude_m is None:
        return one.altitude_m
    return one.altitude_m * (1 - share) + other.altitude_m * share


def _mixed_heading(one: float, other: float, share: float) -> float:
    return wrap_heading_deg(one + ((other - one + 180) % 360 - 180) * share)


def on_earth(lat: float, lon: float) -> bool:
    """Whether a receiver means it: (0, 0) and values out of range stand for "no fix"."""
    return -90 <= lat <= 90 and -180 <= lon <= 180 and not (lat == 0 and lon == 0)
