"""The fitted numbers of the filter: the worth of a sight, the sign of a foreign frame, the final probability."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import BadInput

Floats = npt.NDArray[np.float64]

MOST_LOG_RATIO = 10.0
"""The largest logarithm of a likelihood ratio that one frame may contribute for one place."""


@dataclass(frozen=True, slots=True)
class TrackModel:
    """The fitted numbers.

    A photo that stands `z` robust standard deviations above the median similarity of its frame has the log-likelihood
    ratio `temper * (slope * z + bias)` for "taken here" against "not taken here". A frame whose most similar photo has
    the cosine `s` has the log-likelihood ratio `foreign_bias - foreign_slope * s`, limited to +- `most_foreign`,
    for "not on this map". `said` and `true` are the points of the curve that turns the filter's own probability into
    the one that is reported: both ascending, from 0 to 1.
    """

    slope: float = 0.7
    bias: float = -0.6
    temper: float = 1.0
    foreign_bias: float = 0.0
    foreign_slope: float = 0.0
    most_foreign: float = 5.0
    said: tuple[float, ...] = (0.0, 1.0)
    true: tuple[float, ...] = (0.0, 1.0)

    def log_ratio(self, standing: npt.ArrayLike) -> Floats:
        """The log-likelihood ratio of a standing, natural logarithm."""
        value = self.temper * (self.slope * np.asarray(standing, np.float64) + self.bias)
        return np.asarray(np.clip(value, -MOST_LOG_RATIO, MOST_LOG_RATIO))

    def foreign_log_ratio(self, top: float) -> float:
        """The log-likelihood ratio of "not on this map" for a frame, by the highest cosine."""
        value = self.foreign_bias - self.foreign_slope * top
        return min(max(value, -self.most_foreign), self.most_foreign)

    def calibrated(self, probability: float) -> float:
        """The probability to report, [0, 1], for one of the filter."""
        return float(np.interp(probability, self.said, self.true))

    def to_json(self) -> dict[str, Any]:
        """Convert to plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> TrackModel:
        """Read what `to_json` made; names that are missing keep their defaults.

        Raises:
            BadInput: a value is not a finite number, or the curve is not ascending.
        """
        known: dict[str, Any] = {each.name: stored[each.name] for each in fields(cls) if each.name in stored}
        try:
            for name, value in known.items():
                known[name] = tuple(float(v) for v in value) if name in ("said", "true") else float(value)
            made = cls(**known)
        except (TypeError, ValueError) as error:
            raise BadInput(f"The model of the track is not valid: {error}. Fit it again.") from None
        numbers = [made.slope, made.bias, made.temper, made.foreign_bias, made.foreign_slope, made.most_foreign]
        if not all(math.isfinite(each) for each in numbers) or not _ascending(made.said) or not _ascending(made.true):
            raise BadInput("The model of the track has values that are not finite or not ascending. Fit it again.")
        if len(made.said) != len(made.true) or len(made.said) < 2:
            raise BadInput("The curve of the track's model needs two or more points of `said` and as many of `true`.")
        return made


OTHER = TrackModel()
"""For maps of any model: frames say nothing about being foreign until that is fitted."""

SHIPPED = TrackModel(bias=-2.0, temper=2.0, foreign_bias=7.8, foreign_slope=32.0)
"""For maps of the model that ships with viewfix: fitted on left-out photos of one town (benchmarks/track.py)."""


def _ascending(values: Sequence[float]) -> bool:
    return all(0 <= v <= 1 for v in values) and all(a <= b for a, b in zip(values, values[1:], strict=False))
