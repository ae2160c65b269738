"""Run a track, or single pictures, over the frames of a ride; and start it again from other places."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...geo import distance_m, distances_m
from ...locate.confidence import LEAST_CONFIDENCE
from ...map import Map
from ...types import Fix, Position, Progress
from .baselines import Matches
from .result import FrameAnswer, Trials
from .ride import Ride

TRIALS = 20
"""Starts, and jumps, that are tried."""

MOST_FRAMES = 60
"""A trial that is not right after this many frames is given up."""


@dataclass(frozen=True, slots=True)
class Followed:
    """What a track said for each frame; `states` are those at some of the frames, by the number of the frame."""

    answers: tuple[FrameAnswer, ...]
    p_off: float
    ms: float
    states: dict[int, bytes]


class Judge:
    """Says whether an answer to a frame is right."""

    def __init__(self, ride: Ride) -> None:
        self._ride = ride
        positions = [picture.position for picture in ride.photos.pictures if picture.position is not None]
        self._lats = np.array([each.lat for each in positions])
        self._lons = np.array([each.lon for each in positions])

    def of_fix(self, frame: int, fix: Fix) -> FrameAnswer:
        """Compare the position of a fix with the truth."""
        at, truth = fix.position, self._ride.truth[frame]
        if at is None:
            return FrameAnswer(fix.confidence, None, False, False)
        error_m = None if truth is None else distance_m(at, truth)
        within = error_m is not None and error_m <= (at.radius_m or 0.0)
        return FrameAnswer(fix.confidence, error_m, self._is_right(frame, at, error_m), within)

    def of_row(self, frame: int, row: int, confidence: float) -> FrameAnswer:
        """Compare a photo of the map with the truth."""
        at = Position(float(self._lats[row]), float(self._lons[row]))
        truth = self._ride.truth[frame]
        return FrameAnswer(
            confidence, None if truth is None else distance_m(at, truth), bool(np.isin(row, self._ride.right[frame]))
        )

    def of_matches(self, matches: Matches) -> tuple[FrameAnswer, ...]:
        """Compare the photos of a baseline with the truth."""
        pairs = zip(matches.rows.tolist(), matches.margins.tolist(), strict=True)
        return tuple(self.of_row(frame, row, margin) for frame, (row, margin) in enumerate(pairs))

    def _is_right(self, frame: int, at: Position, error_m: float | None) -> bool:
        if self._ride.radius_m is not None:
            return error_m is not None and error_m <= self._ride.radius_m
        nearest = int(np.argmin(distances_m(at.lat, at.lon, self._lats, self._lons)))
        return bool(np.isin(nearest, self._ride.right[frame]))


def single_pictures(city: Map, ride: Ride, judge: Judge, progress: Progress) -> tuple[FrameAnswer, ...]:
    """The fix of each frame alone, without a threshold."""
    answers = []
    for frame, descriptor in enumerate(ride.frames.descriptors):
        progress("single pictures", frame, len(ride))
        answers.append(judge.of_fix(frame, city.locate_descriptor(descriptor, k=1, least_confidence=0.0)))
    return tuple(answers)


def followed(city: Map, ride: Ride, judge: Judge, mode: str, progress: Progress) -> Followed:
    """The fix of a track for each frame, without a threshold."""
    track = city.track(mode=mode)
    track.least_confidence = 0.0
    kept = {last for last, _ in jumps(ride)}
    answers, p_off, states, spent_s = [], [], {}, 0.0
    for frame, (descriptor, time_s) in enumerate(zip(ride.frames.descriptors, ride.times_s.tolist(), strict=True)):
        progress("track", frame, len(ride))
        began = time.process_time()
        fix = track.add(descriptor, at=time_s)
        spent_s += time.process_time() - began
        answers.append(judge.of_fix(frame, fix))
        p_off.append(fix.p_off)
        if frame in kept:
            states[frame] = track.save()
    return Followed(tuple(answers), float(np.mean(p_off)), 1000 * spent_s / len(ride), states)


def starts(ride: Ride) -> list[int]:
    """Frames at which a track begins anew: spread evenly, where the truth is on the map."""
    known = [frame for frame in range(len(ride)) if _is_on_map(ride, frame)]
    picked = np.linspace(0, len(known) - 1, min(TRIALS, len(known))).astype(np.int64)
    return [known[i] for i in dict.fromkeys(picked.tolist())]


def jumps(ride: Ride) -> list[tuple[int, int]]:
    """Pairs of frames, far apart: after the first, the camera is suddenly where the second was taken."""
    from_frames = starts(ride)
    return [
        (last, (last + len(ride) // 2) % len(ride))
        for last in from_frames
        if last and _is_on_map(ride, (last + len(ride) // 2) % len(ride))
    ]


def first_fixes(city: Map, ride: Ride, judge: Judge, mode: str, progress: Progress) -> Trials:
    """Begin a track at several frames: how long until its first right fix."""
    chosen = starts(ride)
    found = []
    for number, start in enumerate(chosen):
        progress("starts", number, len(chosen))
        found.append(_until_right(city, ride, judge, start, mode=mode))
    return _trials(found)


def recoveries(city: Map, ride: Ride, judge: Judge, states: dict[int, bytes], progress: Progress) -> Trials:
    """Carry the camera elsewhere while the track goes on: how long until it is right again."""
    chosen = [(last, first) for last, first in jumps(ride) if last in states]
    found = []
    for number, (last, first) in enumerate(chosen):
        progress("jumps", number, len(chosen))
        shift_s = float(ride.times_s[last] - ride.times_s[first]) + float(np.median(np.diff(ride.times_s)))
        found.append(_until_right(city, ride, judge, first, state=states[last], shift_s=shift_s))
    return _trials(found)


def first_of(ride: Ride, answers: Sequence[FrameAnswer]) -> Trials:
    """The same as `first_fixes` for answers that do not depend on the frames before."""
    found: list[tuple[int, float] | None] = []
    for start in starts(ride):
        span = range(start, min(start + MOST_FRAMES, len(ride)))
        hit = next((f for f in span if answers[f].is_right and answers[f].confidence >= LEAST_CONFIDENCE), None)
        found.append(None if hit is None else (hit - start + 1, float(ride.times_s[hit] - ride.times_s[start])))
    return _trials(found)


def _until_right(  # noqa: PLR0913  a trial, and how it begins
    city: Map,
    ride: Ride,
    judge: Judge,
    start: int,
    *,
    mode: str = "auto",
    state: bytes | None = None,
    shift_s: float = 0.0,
) -> tuple[int, float] | None:
    track = city.track(mode=mode, state=state)
    for count, frame in enumerate(range(start, min(start + MOST_FRAMES, len(ride))), start=1):
        time_s = float(ride.times_s[frame])
        if judge.of_fix(frame, track.add(ride.frames.descriptors[frame], at=time_s + shift_s)).is_right:
            return count, time_s - float(ride.times_s[start])
    return None


def _trials(found: Sequence[tuple[int, float] | None]) -> Trials:
    return Trials(
        MOST_FRAMES,
        tuple(None if each is None else each[0] for each in found),
        tuple(None if each is None else each[1] for each in found),
    )


def _is_on_map(ride: Ride, frame: int) -> bool:
    return len(ride.right[frame]) > 0


def errors_m(answers: Sequence[FrameAnswer]) -> npt.NDArray[np.float64]:
    """(Q,) metres; NaN where unknown."""
    return np.array([math.nan if each.error_m is None else each.error_m for each in answers])
