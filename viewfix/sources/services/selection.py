"""The choice among listed pictures: thin along streets, newest first, a limit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from ...geo import earth_centred_m
from .options import ServiceOptions
from .service import Item

SAME_DIRECTION_DEG = 45.0
"""Two pictures of one spot whose directions differ by more than this show different things, and both are kept."""

LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)


def chosen(items: Sequence[Item], options: ServiceOptions) -> list[Item]:
    """The pictures to take, in the order of the street, or the newest first."""
    ordered = sorted(items, key=lambda item: (*item.order, _age(item), item.id))
    if options.newest_first:
        ordered.sort(key=_age, reverse=True)
    if options.spacing_m is not None:
        ordered = thinned(ordered, options.spacing_m)
    limit = options.max_photos
    if limit is None or len(ordered) <= limit:
        return ordered
    if options.newest_first:
        return ordered[:limit]
    return [ordered[int(i)] for i in np.linspace(0, len(ordered) - 1, limit).round()]


def thinned(items: Sequence[Item], spacing_m: float) -> list[Item]:
    """Leave out every picture nearer than `spacing_m` to one before it with about the same direction."""
    if not items:
        return []
    points = earth_centred_m([item.position.lat for item in items], [item.position.lon for item in items])
    cells = np.floor(points / spacing_m).astype(np.int64)
    kept: list[Item] = []
    by_cell: dict[tuple[int, int, int], list[int]] = defaultdict(list)
    neighbours = [(x, y, z) for x in (-1, 0, 1) for y in (-1, 0, 1) for z in (-1, 0, 1)]
    for i, item in enumerate(items):
        x, y, z = (int(each) for each in cells[i])
        near = (j for dx, dy, dz in neighbours for j in by_cell.get((x + dx, y + dy, z + dz), ()))
        if any(np.linalg.norm(points[i] - points[j]) < spacing_m and _alike(item, items[j]) for j in near):
            continue
        by_cell[x, y, z].append(i)
        kept.append(item)
    return kept


def _alike(one: Item, other: Item) -> bool:
    """Whether two pictures show about the same: the direction of one of them is unknown, or they differ little."""
    if one.panorama != other.panorama:
        return other.panorama  # a sphere shows what a flat picture does, but not the other way round
    if one.panorama or one.heading_deg is None or other.heading_deg is None:
        return True
    return abs((one.heading_deg - other.heading_deg + 180) % 360 - 180) <= SAME_DIRECTION_DEG


def _age(item: Item) -> datetime:
    found = item.taken_at or LONG_AGO
    return found if found.tzinfo else found.replace(tzinfo=UTC)
