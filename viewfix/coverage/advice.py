"""Suggest what to photograph next: places and reasons, those with the largest gain first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..geo import earth_centred_m
from ..locate.fuse import AGREE_M
from .confusion import is_confused
from .directions import DIRECTIONS, directions_of
from .grid import Grid
from .leave_one_out import FAR_M, Outcome
from .positions import MapPositions
from .result import Gap, Spot, Suggestion

MOST = 20
MOST_PER_KIND = 10
"""The limit per kind, so that a common kind does not hide a rare one."""

MOSTLY = 0.6
"""A reason is given if it applies to at least this share of the photos."""

CLEARLY = 0.15
"""A direction is named if it fails this much more often than all directions together."""

STRETCHED = 1.7
"""The next spot is far, for this map, if it is this many times the usual spacing away."""


@dataclass(frozen=True, slots=True)
class _Usual:
    """The usual values of this map: the similarity of photos of one place, and the distance to the next spot."""

    similarity: float
    spacing_m: float


def suggest(
    spots: Sequence[Spot],
    positions: MapPositions,
    gaps: Sequence[Gap],
    outcomes: Sequence[Outcome],
    usual_similarity: float,
    looks: int | None,
    spacing_m: float | None,
) -> list[Suggestion]:
    """At most MOST suggestions, none close to a better one.

    Args:
        spots: the S spots of the map.
        positions: the positions of its photos.
        gaps: the gaps in its streets.
        outcomes: the outcomes of the photos that were left out.
        usual_similarity: the usual similarity of photos of one place.
        looks: the number of directions seen at the usual spot. Spots are compared with this rather than with four: a
            map made from a car must not ask for views that were never intended.
        spacing_m: the usual distance from a spot to the next.
    """
    grid = Grid(positions.spots_m, AGREE_M)
    usual = _Usual(usual_similarity, spacing_m or np.inf)
    ideas = [
        *(_for_gap(gap, spacing_m or 0.0) for gap in gaps),
        *(_for_lone_spot(spot) for spot in spots if spot.state == "alone"),
        *_for_doubtful_spots(spots, positions, grid, outcomes, usual),
        *_for_directions(spots, positions, grid, looks or 0),
    ]
    ideas.sort(key=lambda idea: -idea.gain)
    return _best_of_each_neighbourhood(ideas)


def _for_gap(gap: Gap, spacing_m: float) -> Suggestion:
    reason = f"no photo on {gap.length_m:.0f} m between two spots; the usual spacing here is {spacing_m:.0f} m"
    return Suggestion("gap", gap.middle, None, reason, float(gap.missing))


def _for_lone_spot(spot: Spot) -> Suggestion:
    reason = f"no other spot within {AGREE_M:.0f} m confirms this one: take photos a few steps away"
    return Suggestion("alone", spot.position, None, reason, 1.0)


def _for_doubtful_spots(
    spots: Sequence[Spot], positions: MapPositions, grid: Grid, outcomes: Sequence[Outcome], usual: _Usual
) -> Iterator[Suggestion]:
    tested: dict[int, list[Outcome]] = {}
    for each in outcomes:
        if each.prediction is not None and spots[each.spot].state == "doubtful":
            tested.setdefault(each.spot, []).append(each)
    for spot in tested:
        around = [int(n) for n in grid.near(positions.spots_m[spot])[0] if n in tested]
        there = [each for n in around for each in tested[n]]
        lost = [each for each in there if not each.found]
        distances_m = [m for n in around if (m := spots[n].nearest_m) is not None]
        why, heading_deg = _why(positions, there, usual, float(np.median(distances_m)) if distances_m else np.inf)
        misled = sum(each.misled for each in lost)
        elsewhere = f", {misled} of them would be placed elsewhere" if misled else ""
        reason = f"{len(lost)} of {len(there)} photos around here would not be found by the others{elsewhere}: {why}"
        gain = sum(1.0 - (spots[n].share_found or 0.0) for n in around)
        yield Suggestion("not found", spots[spot].position, heading_deg, reason, gain)


def _why(
    positions: MapPositions, there: Sequence[Outcome], usual: _Usual, next_spot_m: float
) -> tuple[str, float | None]:
    """What most of the photos that were not found have in common, and the direction in which to take more."""
    lost = [each for each in there if not each.found]
    directions, all_directions = (
        directions_of(positions.headings_deg[[each.photo for each in some]]).sum(axis=0) for some in (lost, there)
    )
    main = int(directions.argmax())
    heading_deg = 90.0 * main if directions[main] >= MOSTLY * len(lost) else None
    facing = "" if heading_deg is None else f" facing {DIRECTIONS[main]}"
    unseen = sum(each.facing_alike == 0 for each in lost)
    rivals = Counter(name for each in lost if (name := _rival(each, usual.similarity)))
    if unseen >= MOSTLY * len(lost):
        return f"no spot nearby has photos{facing or ' facing the same way'}", heading_deg
    if rivals.total() >= MOSTLY * len(lost):
        [(name, _)] = rivals.most_common(1)
        return f"another place looks like it ({name}): photograph what tells the two apart", heading_deg
    if next_spot_m > STRETCHED * usual.spacing_m:
        return (
            f"the next spot is {next_spot_m:.0f} m away, more than usual here: take photos between{facing}",
            heading_deg,
        )
    shares = directions / np.maximum(all_directions, 1)
    worst = int(shares.argmax())
    mostly = ""
    if heading_deg is None and shares[worst] >= len(lost) / len(there) + CLEARLY:
        mostly = f", above all facing {DIRECTIONS[worst]} ({directions[worst]} of {all_directions[worst]} not found)"
    beside = f"{next_spot_m:.0f} m away" if np.isfinite(next_spot_m) else "close by"
    return f"photos from {beside} look different; take more{facing}, a few steps apart{mostly}", heading_deg


def _rival(each: Outcome, usual_similarity: float) -> str | None:
    """The photo of another place that looks like this one."""
    prediction = each.prediction
    if prediction is None or prediction.rival is None or not is_confused(prediction, usual_similarity):
        return None
    return prediction.rival.photo.id


def _for_directions(spots: Sequence[Spot], positions: MapPositions, grid: Grid, looks: int) -> Iterator[Suggestion]:
    fewer = {n: spot for n, spot in enumerate(spots) if spot.missing and 4 - len(spot.missing) < looks}
    for n, spot in fewer.items():
        around = [fewer[int(near)] for near in grid.near(positions.spots_m[n])[0] if int(near) in fewer]
        gain = sum(looks - 4 + len(each.missing or ()) for each in around) / 4
        missing = spot.missing or ()
        reason = f"no photo here faces {' or '.join(missing)}; the usual spot of this map shows {looks} of 4 directions"
        if spot.headless:
            reason += f" ({spot.headless} here have no heading)"
        heading_deg = 90.0 * DIRECTIONS.index(missing[0]) if len(missing) == 1 else None
        yield Suggestion("directions", spot.position, heading_deg, reason, gain)


def _best_of_each_neighbourhood(ideas: Sequence[Suggestion]) -> list[Suggestion]:
    """Drop an idea close to a better one: a single walk settles both."""
    kept: list[Suggestion] = []
    kinds: Counter[str] = Counter()
    if not ideas:
        return kept
    points_m = earth_centred_m([i.position.lat for i in ideas], [i.position.lon for i in ideas])
    taken = np.empty((MOST, 3))
    for idea, point_m in zip(ideas, points_m, strict=True):
        near = np.linalg.norm(taken[: len(kept)] - point_m, axis=1) <= FAR_M
        if near.any() or kinds[idea.kind] == MOST_PER_KIND:
            continue
        taken[len(kept)] = point_m
        kept.append(idea)
        kinds[idea.kind] += 1
        if len(kept) == MOST:
            break
    return kept
