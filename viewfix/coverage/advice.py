"""Findings go in; what to photograph next comes out: places, reasons in words, the most worth first. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from ..geo import earth_centred_m
from ..locate.fuse import AGREE_M
from .confusion import confused
from .directions import DIRECTIONS, looks_to
from .findings import Gap, Spot, Suggestion
from .grid import Grid
from .ground import Ground
from .leaving_out import FAR_M, Outcome

MOST = 20
MOST_PER_KIND = 10
"""Of one kind, so that the many of one do not hide the few of another."""

MOSTLY = 0.6
"""This share of the photos makes a reason the reason."""

CLEARLY = 0.15
"""A direction is named when it fails this much more often than all of them together."""

STRETCHED = 1.7
"""The next spot is far for this map when it is this many usual ways off."""


def suggest(
    spots: Sequence[Spot],
    ground: Ground,
    gaps: Sequence[Gap],
    outcomes: Sequence[Outcome],
    likeness: float,
    looks: int | None,
    spacing_m: float | None,
) -> list[Suggestion]:
    """At most MOST, none near a better one.

    Args:
        spots: the S of the map.
        ground: its photos.
        gaps: holes in streets.
        outcomes: the photos that were left out.
        likeness: how alike photos of one place usually look.
        looks: to how many directions the usual spot looks; spots are compared with it, and not with four, because a
            map taken out of a car must not ask for what nobody meant to take.
        spacing_m: the usual way from a spot to the next.
    """
    grid = Grid(ground.spots_m, AGREE_M)
    ideas = [
        *(_of_gap(gap, spacing_m or 0.0) for gap in gaps),
        *(_of_lonely(spot) for spot in spots if spot.state == "alone"),
        *_of_lost(spots, ground, grid, outcomes, (likeness, spacing_m or np.inf)),
        *_of_directions(spots, ground, grid, looks or 0),
    ]
    ideas.sort(key=lambda idea: -idea.gain)
    return _apart(ideas)


def _of_gap(gap: Gap, spacing_m: float) -> Suggestion:
    reason = f"no photo on {gap.length_m:.0f} m between two spots; here the next is usually {spacing_m:.0f} m on"
    return Suggestion("gap", gap.middle, None, reason, float(gap.missing))


def _of_lonely(spot: Spot) -> Suggestion:
    reason = f"no second spot within {AGREE_M:.0f} m confirms what was taken here: stand some steps away"
    return Suggestion("alone", spot.position, None, reason, 1.0)


def _of_lost(
    spots: Sequence[Spot], ground: Ground, grid: Grid, outcomes: Sequence[Outcome], usual: tuple[float, float]
) -> Iterator[Suggestion]:
    checked: dict[int, list[Outcome]] = {}
    for each in outcomes:
        if each.asked is not None and spots[each.spot].state == "doubtful":
            checked.setdefault(each.spot, []).append(each)
    for spot in checked:
        around = [int(n) for n in grid.near(ground.spots_m[spot])[0] if n in checked]
        there = [each for n in around for each in checked[n]]
        lost = [each for each in there if not each.found]
        ways_m = [m for n in around if (m := spots[n].nearest_m) is not None]
        why, heading_deg = _why(ground, there, usual, float(np.median(ways_m)) if ways_m else np.inf)
        misled = sum(each.misled for each in lost)
        elsewhere = f", {misled} of them would be placed elsewhere" if misled else ""
        reason = f"{len(lost)} of {len(there)} photos around here would not be found by the others{elsewhere}: {why}"
        gain = sum(1.0 - (spots[n].share_found or 0.0) for n in around)
        yield Suggestion("not found", spots[spot].position, heading_deg, reason, gain)


def _why(
    ground: Ground, there: Sequence[Outcome], usual: tuple[float, float], way_m: float
) -> tuple[str, float | None]:
    """What most of those not found have in common, and the direction to look to; `way_m` is that to the next spot."""
    likeness, spacing_m = usual
    lost = [each for each in there if not each.found]
    directions, all_directions = (
        looks_to(ground.headings_deg[[each.index for each in some]]).sum(axis=0) for some in (lost, there)
    )
    main = int(directions.argmax())
    heading_deg = 90.0 * main if directions[main] >= MOSTLY * len(lost) else None
    facing = "" if heading_deg is None else f" looking {DIRECTIONS[main]}"
    unseen = sum(each.alike == 0 for each in lost)
    rivals = Counter(name for each in lost if (name := _rival(each, likeness)))
    if unseen >= MOSTLY * len(lost):
        return f"no spot nearby has photos{facing or ' looking their way'}", heading_deg
    if rivals.total() >= MOSTLY * len(lost):
        [(name, _)] = rivals.most_common(1)
        return f"another place looks like it ({name}): take what tells the two apart", heading_deg
    if way_m > STRETCHED * spacing_m:
        return f"the next spot is {way_m:.0f} m away, farther than usual here: stand between{facing}", heading_deg
    shares = directions / np.maximum(all_directions, 1)
    worst = int(shares.argmax())
    mostly = "" if heading_deg is not None or shares[worst] < len(lost) / len(there) + CLEARLY else (
        f", most of all looking {DIRECTIONS[worst]} ({directions[worst]} of {all_directions[worst]})"
    )  # fmt: skip
    beside = f"{way_m:.0f} m away" if np.isfinite(way_m) else "beside them"
    return f"photos from {beside} look different; take more{facing}, a few steps apart{mostly}", heading_deg


def _rival(each: Outcome, likeness: float) -> str | None:
    """The photo of another place that looks like this one."""
    if each.asked is None or each.asked.rival is None or not confused(each.asked, likeness):
        return None
    return each.asked.rival.photo.id


def _of_directions(spots: Sequence[Spot], ground: Ground, grid: Grid, looks: int) -> Iterator[Suggestion]:
    fewer = {n: spot for n, spot in enumerate(spots) if spot.missing and 4 - len(spot.missing) < looks}
    for n, spot in fewer.items():
        around = [fewer[int(near)] for near in grid.near(ground.spots_m[n])[0] if int(near) in fewer]
        gain = sum(looks - 4 + len(each.missing or ()) for each in around) / 4
        missing = spot.missing or ()
        reason = f"no photo here looks {' or '.join(missing)}; elsewhere in the map {looks} of 4 directions are seen"
        if spot.headless:
            reason += f" ({spot.headless} here do not say where they look)"
        heading_deg = 90.0 * DIRECTIONS.index(missing[0]) if len(missing) == 1 else None
        yield Suggestion("directions", spot.position, heading_deg, reason, gain)


def _apart(ideas: Sequence[Suggestion]) -> list[Suggestion]:
    """The best of each neighbourhood: what one walk settles is said once."""
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
