"""The measured constants for capacity plans, written by benchmarks/constants.py."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from itertools import pairwise

FILE = "constants.json"


@dataclass(frozen=True, slots=True)
class Constant:
    """A number, or a curve over the number of photos in a map.

    `source` is the command that measured it, or "arithmetic". `of_dims` is the length of the descriptors it was
    measured with; None if it does not depend on that. `measured_to` is the size of the largest map it was measured on;
    None if it does not depend on that.
    """

    value: float | Sequence[tuple[float, float]]
    unit: str
    what: str
    source: str
    of_dims: int | None
    measured_to: float | None

    def at(self, photos: float, dims: int = 512) -> float:
        """The value for a map of `photos` photos and descriptors of length `dims`.

        It is interpolated by a power law between measurements, and extrapolated by the last one.
        """
        if isinstance(self.value, int | float):
            return self._scaled(float(self.value), dims)
        points = sorted(self.value)
        if photos <= points[0][0]:
            return self._scaled(points[0][1], dims)
        low, high = next(((a, b) for a, b in pairwise(points) if photos <= b[0]), (points[-2], points[-1]))
        exponent = math.log(high[1] / low[1]) / math.log(high[0] / low[0])
        return self._scaled(low[1] * (photos / low[0]) ** exponent, dims)

    def _scaled(self, value: float, dims: int) -> float:
        return value if self.of_dims is None else value * dims / self.of_dims

    def reaches(self, photos: float) -> bool:
        """Whether the constant was measured on a map of that size."""
        return self.measured_to is None or photos <= 1.01 * self.measured_to


@lru_cache(maxsize=1)
def load() -> Mapping[str, Constant]:
    """All constants, by name."""
    text = resources.files(__package__).joinpath(FILE).read_text(encoding="utf-8")
    return {
        name: Constant(
            value=[(float(a), float(b)) for a, b in each["value"]]
            if isinstance(each["value"], list)
            else each["value"],
            unit=each["unit"],
            what=each["what"],
            source=each["from"],
            of_dims=each["of_dims"],
            measured_to=each["measured_to"],
        )
        for name, each in json.loads(text)["constants"].items()
    }
