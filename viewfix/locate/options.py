"""The options of one query and their defaults, shared by Python, the command line, the service and the phone app."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypedDict, get_args

from ..errors import BadInput
from ..geo import Box, Circle, Region
from ..sources import PanoramaMode
from .confidence import LEAST_CONFIDENCE, Calibration

Verify = Literal["accurate", "fast", "off"]
"""How to verify candidates if similarity alone leaves a doubt; "off" for never."""

CANDIDATES = 5
"""The default number of candidates in an answer."""

NEAR_RADIUS_M = 500.0
"""The default radius of `near`: the accuracy of a phone that is located by its cell."""


class LocateOptions(TypedDict, total=False):
    """The keywords of `Map.locate`, for functions that pass them on."""

    k: int
    near: Sequence[float] | None
    box: Sequence[float] | None
    least_confidence: float | None
    false_accepts: float | None
    verify: Verify
    budget_ms: float | None
    panorama: PanoramaMode


@dataclass(frozen=True, slots=True)
class QueryOptions:
    """The options of one query; see `Map.locate` for what each means."""

    k: int = CANDIDATES
    region: Region | None = None
    least_confidence: float | None = None
    false_accepts: float | None = None
    verify: Verify = "accurate"
    budget_ms: float | None = None
    panorama: PanoramaMode = "ask"

    def __post_init__(self) -> None:
        if isinstance(self.k, bool) or not isinstance(self.k, int) or self.k < 1:
            raise BadInput(f"k, the number of candidates, must be a whole number of 1 or more; got {self.k!r}.")
        if self.least_confidence is not None and not 0 <= _number("least_confidence", self.least_confidence) <= 1:
            raise BadInput(f"least_confidence must be from 0 to 1; got {self.least_confidence}.")
        if self.false_accepts is not None and self.least_confidence is not None:
            raise BadInput("Both least_confidence and false_accepts are set. Pass one of them.")
        if self.false_accepts is not None and self.region is not None:
            raise BadInput(
                "No rate of false answers can be promised within a region: the map was calibrated as a whole. "
                "Leave out near and box, or use least_confidence."
            )
        if self.false_accepts is not None and not 0 < _number("false_accepts", self.false_accepts) < 1:
            raise BadInput(f"false_accepts must be more than 0 and less than 1; got {self.false_accepts}.")
        if self.verify not in get_args(Verify):
            raise BadInput(f"verify is {self.verify!r}. Pass one of: {', '.join(get_args(Verify))}.")
        if self.panorama not in get_args(PanoramaMode):
            raise BadInput(f"panorama is {self.panorama!r}. Pass one of: {', '.join(get_args(PanoramaMode))}.")
        if self.budget_ms is not None and not _number("budget_ms", self.budget_ms) > 0:
            raise BadInput(f"budget_ms must be more than 0, in milliseconds; got {self.budget_ms}.")

    def line(self, calibration: Calibration, matcher: str) -> float:
        """The threshold, [0, 1]: below this probability the answer is "not in this map"."""
        if self.false_accepts is None:
            return LEAST_CONFIDENCE if self.least_confidence is None else self.least_confidence
        return math.nextafter(calibration.line(self.false_accepts, matcher), math.inf)


def _number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadInput(f"{name} is {value!r}, which is not a number.")
    return value


def region_of(near: Sequence[float] | None, box: Sequence[float] | None) -> Region | None:
    """The region that a query is restricted to: a circle, a box, or None for the whole map.

    Args:
        near: (lat, lon) or (lat, lon, radius_m); the default radius is NEAR_RADIUS_M.
        box: (south, west, north, east) in degrees.

    Raises:
        BadInput: both are set, or one has the wrong number of values or a value out of range.
    """
    if near is not None and box is not None:
        raise BadInput("Both near and box are set. Pass one of them.")
    if near is not None:
        numbers = _numbers("near", near, (2, 3), "(lat, lon) or (lat, lon, radius_m)")
        return Circle(numbers[0], numbers[1], numbers[2] if len(numbers) == 3 else NEAR_RADIUS_M)
    return None if box is None else Box(*_numbers("box", box, (4,), "(south, west, north, east)"))


def _numbers(name: str, given: Sequence[float], counts: tuple[int, ...], form: str) -> list[float]:
    try:
        numbers = [_number(name, value) for value in given]
    except TypeError:
        numbers = []
    if len(numbers) not in counts:
        raise BadInput(f"{name} is {given!r}, but it must be {form}.")
    return numbers


def query_options(
    *, near: Sequence[float] | None = None, box: Sequence[float] | None = None, **others: Any
) -> QueryOptions:
    """Make query options from the keywords of `Map.locate`.

    Raises:
        BadInput: a value is out of range.
    """
    return QueryOptions(region=region_of(near, box), **others)
