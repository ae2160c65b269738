"""The constants that were measured, read from the file that benchmarks/constants.py writes."""

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
    """One number, or one by the size of the map, and where it is from: a command, or "arithmetic".

    `of_dims` are the numbers of a descriptor that it was measured with, None where it does not depend on them;
    `measured_to` the largest map it was measured on.
    """

    value: float | Sequence[tuple[float, float]]
    unit: str
    what: str
    source: str
    of_dims: int | None
    measured_to: float | None

    def at(self, photos: float, dims: int = 512) -> float:
        """Its value for a map of so many photos: as measured, or further along the line through the last two."""
        if isinstance(self.value, int | float):
            return self._of(float(self.value), dims)
        points = sorted(self.value)
        if photos <= points[0][0]:
            return self._of(points[0][1], dims)
        low, high = next(((a, b) for a, b in pairwise(points) if photos <= b[0]), (points[-2], points[-1]))
        steepness = math.log(high[1] / low[1]) / math.log(high[0] / low[0])
        return self._of(low[1] * (photos / low[0]) ** steepness, dims)

    def _of(self, value: float, dims: int) -> float:
        return value if self.of_dims is None else value * dims / self.of_dims

    def reaches(self, photos: float) -> bool:
        """Whether it was measured on a map of that size."""
        return self.measured_to is None or photos <= 1.01 * self.measured_to


@lru_cache(maxsize=1)
def load() -> Mapping[str, Constant]:
    """All constants by name."""
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
