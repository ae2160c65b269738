"""The belief of a track: how likely each place, direction of travel and speed is, on the map and off it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .places import Floats, Ints

DIRECTIONS = 8
"""The bins of the direction of travel, and of the direction of the camera: north, north-east, and so on."""

NEGLIGIBLE = 1e-4
"""The share of the belief that is given back to all places alike after each frame."""


@dataclass(frozen=True)
class Belief:
    """Probabilities that sum to 1: those of `on`, `off`, `rest_on` and `rest_off` together.

    `places` are (n,) ascending indices. `on` and `off` are (n, DIRECTIONS, speeds): the camera is at a place of the
    map, or it has left the map and was last near that place. `rest_on` and `rest_off` are what is left for all places
    alike. `views` is (n, DIRECTIONS): for each place, the direction of the camera, if the camera is there; rows sum
    to 1.
    """

    places: Ints
    on: Floats
    off: Floats
    views: Floats
    rest_on: float
    rest_off: float

    @property
    def on_places(self) -> Floats:
        """(n,) probability of each place on the map, without the rest."""
        return np.asarray(self.on.sum(axis=(1, 2)))

    @property
    def p_off(self) -> float:
        """The probability of being off the map."""
        return float(self.off.sum()) + self.rest_off


def unknown(speeds: int) -> Belief:
    """The belief before the first frame: anywhere, on the map or off it."""
    nothing = np.empty((0, DIRECTIONS, speeds))
    return Belief(np.empty(0, np.int64), nothing, nothing, np.empty((0, DIRECTIONS)), 0.5, 0.5)


def expanded(belief: Belief, places: Ints) -> Belief:
    """The same belief with more places, all with probability 0; `places` are ascending and contain the present ones."""
    shape = (len(places), *belief.on.shape[1:])
    at = np.searchsorted(places, belief.places)
    on, off = np.zeros(shape), np.zeros(shape)
    views = np.full((len(places), DIRECTIONS), 1 / DIRECTIONS)
    on[at], off[at], views[at] = belief.on, belief.off, belief.views
    return Belief(places, on, off, views, belief.rest_on, belief.rest_off)


def pruned(belief: Belief, most_places: int = 300, most_values: int = 4096, least: float = 1e-7) -> Belief:
    """Round probabilities to float32, and give small ones back to the rest, so that the state stays small.

    They are rounded first: many are equal but for their last bits, which must not decide which of them are kept.

    The most likely places are kept that together hold all but NEGLIGIBLE of what the places hold, at most
    `most_places`; and about `most_values` values above `least`.
    """
    values = _float32(np.concatenate([belief.on, belief.off], axis=1))
    weight = values.sum(axis=(1, 2))
    order = np.argsort(-_float32(weight), kind="stable")[:most_places]
    held = np.cumsum(weight[order])
    enough = int(np.searchsorted(held, (1 - NEGLIGIBLE) * float(weight.sum()))) + 1
    keep = np.sort(order[:enough])
    values = values[keep]
    line = least
    if np.count_nonzero(values > line) > most_values:
        line = float(np.partition(values.ravel(), -most_values)[-most_values])
    values = np.where(values > line, values, 0.0)
    some = values.any(axis=(1, 2))
    on, off = values[some, :DIRECTIONS], values[some, DIRECTIONS:]
    return Belief(
        belief.places[keep][some],
        on,
        off,
        _float32(belief.views[keep][some]),
        max(belief.rest_on + float(belief.on.sum()) - float(on.sum()), 0.0),
        max(belief.rest_off + float(belief.off.sum()) - float(off.sum()), 0.0),
    )


def _float32(values: Floats) -> Floats:
    return values.astype(np.float32).astype(np.float64)
