"""Count the outcomes of the tested photos for every spot."""

from __future__ import annotations

import numpy as np

from ..locate.fuse import AGREE_M
from ..types import Position
from .directions import DIRECTIONS, Bools
from .grid import Floats
from .leave_one_out import Outcome
from .positions import MapPositions
from .result import Spot, State

FOUND_SHARE = 0.75
"""A spot counts as found if three of its four views are."""


def make_spots(
    positions: MapPositions,
    names: list[str],
    outcomes: list[Outcome],
    nearest_m: Floats,
    directions: tuple[Bools, Bools],
) -> list[Spot]:
    """Make the spots of a map.

    Args:
        positions: the positions of its photos.
        names: (S,) the id of each spot's first photo.
        outcomes: the outcomes of the photos that were left out.
        nearest_m: (S,) the distance to the next spot, inf if there is none.
        directions: see `directions.directions_seen`.
    """
    of_spot: dict[int, list[Outcome]] = {}
    for each in outcomes:
        of_spot.setdefault(each.spot, []).append(each)
    count = len(positions.leaders)
    photos = np.bincount(positions.spot_of, minlength=count)
    headless = np.bincount(positions.spot_of[np.isnan(positions.headings_deg)], minlength=count)
    known, seen = directions
    spots = []
    for spot, leader in enumerate(positions.leaders):
        tested = of_spot.get(spot, [])
        probabilities = [each.prediction.probability for each in tested if each.prediction]
        found, alone = sum(each.found for each in tested), len(tested) - len(probabilities)
        missing = tuple(d for d, is_seen in zip(DIRECTIONS, seen[spot], strict=True) if not is_seen)
        spots.append(
            Spot(
                position=Position(float(positions.lats[leader]), float(positions.lons[leader])),
                photo=names[spot],
                photos=int(photos[spot]),
                asked=len(tested),
                alone=alone,
                found=found,
                misled=sum(each.misled for each in tested),
                probability=float(np.mean(probabilities)) if probabilities else None,
                state=state_of(len(tested), alone, found, nearest_m[spot]),
                nearest_m=float(nearest_m[spot]) if np.isfinite(nearest_m[spot]) else None,
                missing=missing if known[spot] else None,
                headless=int(headless[spot]),
            )
        )
    return spots


def state_of(asked: int, alone: int, found: int, nearest_m: float) -> State:
    """The state of a spot from its counts; `nearest_m` is the distance to the next spot."""
    if not asked:  # positions alone tell whether a photo could be found here
        return "unasked" if nearest_m <= AGREE_M else "alone"
    if alone == asked:
        return "alone"
    return "found" if found >= FOUND_SHARE * (asked - alone) else "doubtful"
