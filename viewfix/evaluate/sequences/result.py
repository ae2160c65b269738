"""The result of a sequence evaluation as plain values, ready for JSON."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from ...types import Skipped
from ..result import Check, plain

FORMAT = 1
"""The version of the JSON. It grows when keys are removed or renamed; new keys may be added without notice."""


@dataclass(frozen=True, slots=True)
class FrameAnswer:
    """What one method said about one frame. `error_m` is None if the truth is unknown or there was no answer.

    `confidence` is a probability of the fixes, and any number for the baselines: higher is more certain.
    """

    confidence: float
    error_m: float | None
    is_right: bool
    within_radius: bool | None = None
    """Whether the truth lies within the radius of the fix, of which `confidence` is the probability."""


@dataclass(frozen=True, slots=True)
class Method:
    """One method over the whole sequence. Shares are of all frames.

    `given` are the frames with an answer above the threshold of confidence, and `wrong_given` the share of those that
    is wrong; None for a method without a probability. `area` is the area under risk over coverage.
    """

    name: str
    recall: float
    median_m: float
    given: float | None
    wrong_given: float | None
    area: float
    calibration_error: float | None
    coverage: list[float]
    risk: list[float]
    bin_confidence: list[float]
    bin_accuracy: list[float]
    bin_count: list[int]
    answers: tuple[FrameAnswer, ...]


@dataclass(frozen=True, slots=True)
class Slice:
    """A stretch of time, `start_s` to `end_s`, and by method the shares right, given, and wrong of those given."""

    start_s: float
    end_s: float
    frames: int
    recall: dict[str, float]
    coverage: dict[str, float]
    risk: dict[str, float]


@dataclass(frozen=True, slots=True)
class Trials:
    """How long until the first right fix that is given, over several starts: `frames` and `seconds` of each.

    None for one that did not end within `most_frames`.
    """

    most_frames: int
    frames: tuple[int | None, ...]
    seconds: tuple[float | None, ...]

    @property
    def reached(self) -> tuple[tuple[int, float], ...]:
        """(frames, seconds) of those that ended."""
        pairs = zip(self.frames, self.seconds, strict=True)
        return tuple((frames, seconds) for frames, seconds in pairs if frames is not None and seconds is not None)


@dataclass(frozen=True, slots=True)
class SequenceResult:
    """Everything that an evaluation of a sequence measured."""

    dataset: str
    protocol: str
    subject: str
    model: str
    fingerprint: str
    viewfix: str
    seed: int
    mode: str
    map_photos: int
    frames: int
    seconds: float
    methods: tuple[Method, ...]
    slices: tuple[Slice, ...]
    first_fix: Trials
    first_fix_single: Trials
    recovery: Trials
    p_off: float
    """The mean probability of not being on this map, by the track."""
    track_ms: float
    """Processor time of one frame of the track, beside the descriptor."""
    names: tuple[str, ...]
    times_s: tuple[float, ...]
    checks: tuple[Check, ...]
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()
    format: int = field(default=FORMAT)

    def method(self, name: str) -> Method:
        """The method with this name."""
        return next(each for each in self.methods if each.name == name)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON. NaN and infinity become null."""
        found: dict[str, Any] = plain(dataclasses.asdict(self))
        return found
