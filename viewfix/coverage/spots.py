"""Outcomes of left-out photos go in; what they say of every spot comes out. Pure."""

from __future__ import annotations

import numpy as np

from ..locate.fuse import AGREE_M
from ..types import Position
from .directions import DIRECTIONS, Looks
from .findings import Spot, State
from .grid import Floats
from .ground import Ground
from .leaving_out import Outcome

FOUND_SHARE = 0.75
"""A spot counts as found when three of its four views are."""


def spots_of(
    ground: Ground, names: list[str], outcomes: list[Outcome], reach_m: Floats, looked: tuple[Looks, Looks]
) -> list[Spot]:
    """Count the outcomes of every spot.

    Args:
        ground: the photos.
        names: (S,) the id of each spot's first photo.
        outcomes: of the photos that were left out.
        reach_m: (S,) the way to the next spot, inf where there is none.
        looked: see `directions.looked_to`.
    """
    of_spot: dict[int, list[Outcome]] = {}
    for each in outcomes:
        of_spot.setdefault(each.spot, []).append(each)
    count = len(ground.leaders)
    photos = np.bincount(ground.groups, minlength=count)
    headless = np.bincount(ground.groups[np.isnan(ground.headings_deg)], minlength=count)
    known, seen = looked
    spots = []
    for spot, leader in enumerate(ground.leaders):
        drawn = of_spot.get(spot, [])
        sure = [each.asked.probability for each in drawn if each.asked]
        found, alone = sum(each.found for each in drawn), len(drawn) - len(sure)
        spots.append(
            Spot(
                position=Position(float(ground.lats[leader]), float(ground.lons[leader])),
                photo=names[spot],
                photos=int(photos[spot]),
                asked=len(drawn),
                alone=alone,
                found=found,
                misled=sum(each.misled for each in drawn),
                probability=float(np.mean(sure)) if sure else None,
                state=state_of(len(drawn), alone, found, reach_m[spot]),
                nearest_m=float(reach_m[spot]) if np.isfinite(reach_m[spot]) else None,
                missing=tuple(d for d, there in zip(DIRECTIONS, seen[spot], strict=True) if not there)
                if known[spot]
                else None,
                headless=int(headless[spot]),
            )
        )
    return spots


def state_of(asked: int, alone: int, found: int, nearest_m: float) -> State:
    """See State; `nearest_m` is the way to the next spot."""
    if not asked:  # the map itself says where nothing can be asked
        return "unasked" if nearest_m <= AGREE_M else "alone"
    if alone == asked:
        return "alone"
    return "found" if found >= FOUND_SHARE * (asked - alone) else "doubtful"
