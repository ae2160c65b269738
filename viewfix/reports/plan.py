"""Plans with north up: conversion of positions to the units of a drawing, and scale bars of a round length."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..geo import Plane
from ..types import Position
from .formatting import length

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ScaleBar:
    """A bar of `units` in the drawing that stands for the distance in `label`."""

    units: float
    label: str


@dataclass(frozen=True, slots=True)
class Frame:
    """The area shown by a drawing of `width` by `height` units, with `centre_m` of the plane in its middle."""

    plane: Plane
    centre_m: tuple[float, float]
    per_metre: float
    width: float
    height: float

    def units(self, positions: Sequence[Position]) -> Floats:
        """Convert N positions to (N, 2) float64 x, y in units of the drawing, y down. They may lie outside of it."""
        return self.units_of_metres(self.plane.to_xy_m([p.lat for p in positions], [p.lon for p in positions]))

    def units_of_metres(self, xy_m: Floats) -> Floats:
        """Convert (N, 2) metres east and north of the plane's origin to units of the drawing."""
        scaled = (xy_m - np.array(self.centre_m)) * self.per_metre * np.array([1.0, -1.0])
        return np.asarray(scaled + np.array([self.width, self.height]) / 2)

    def contains(self, x: float, y: float) -> bool:
        return 0 <= x <= self.width and 0 <= y <= self.height

    def scale_bar(self) -> ScaleBar:
        """A bar of a round length, at most a quarter of the width."""
        metres = nice_length_m(self.width / 4 / self.per_metre)
        return ScaleBar(metres * self.per_metre, length(metres))


def nice_length_m(at_most_m: float) -> float:
    """The longest of 1, 2, 5, 10, 20, 50, ... metres that is no longer than `at_most_m`."""
    power = 10.0 ** math.floor(math.log10(at_most_m))
    return max(step * power for step in (1, 2, 5) if step * power <= at_most_m)


def ahead(x: float, y: float, heading_deg: float, distance: float) -> tuple[float, float]:
    """The point at a distance from (x, y) in a direction, in units of the drawing."""
    angle = math.radians(heading_deg)
    return x + distance * math.sin(angle), y - distance * math.cos(angle)
