"""A map examines itself: photos are left out and looked for, and what came of it calibrates the confidence."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .geo import distances_m
from .index.search import Search
from .index.store import Store
from .locate.answer import VOTERS
from .locate.confidence import Calibration, Trial, calibrate
from .locate.fuse import fuse
from .types import Candidate, Photo, Progress, silent

SAMPLE = 300
"""Left-out photos; every one is asked for twice, alone and with its surroundings."""

OWN_PLACE_M = 5.0
"""Photos this near are left out with it: a burst from one spot would make every query look easy."""

SURROUNDINGS_M = 100.0
"""Photos this near are left out to ask from outside the map: nothing within sight remains."""

POOL = 400


def examine(store: Store, search: Search, *, seed: int = 0, progress: Progress = silent) -> Calibration:
    """Calibrate a map on its own photos; its owner labels nothing.

    Every sampled photo is a query twice: once to a map without it (the right place can
    still be found) and once to a map without anything around it (it cannot).
    """
    rows, _, _ = store.positions()
    chosen = np.sort(np.random.default_rng(seed).permutation(rows)[:SAMPLE])
    inside: list[Trial] = []
    outside: list[Trial] = []
    for done, row in enumerate(chosen):
        progress("calibrating", done, len(chosen))
        for trials, candidates, truth in _questions(store, search, int(row), inside, outside):
            consensus = fuse(candidates[:VOTERS], elsewhere=candidates[VOTERS:])
            if consensus is not None:
                at = consensus.position
                error_m = float(distances_m(truth.position.lat, truth.position.lon, [at.lat], [at.lon])[0])
                trials.append(Trial(consensus, error_m))
    progress("calibrating", len(chosen), len(chosen))
    return calibrate(inside, outside)


def _questions(
    store: Store, search: Search, row: int, inside: list[Trial], outside: list[Trial]
) -> Iterator[tuple[list[Trial], list[Candidate], Photo]]:
    [truth] = store.photos([row])
    [descriptor] = store.descriptors([row])
    found, similarities = search.nearest(descriptor, POOL)
    photos = store.photos(found)
    apart_m = distances_m(
        truth.position.lat, truth.position.lon, [p.position.lat for p in photos], [p.position.lon for p in photos]
    )
    for trials, least_m in ((inside, OWN_PLACE_M), (outside, SURROUNDINGS_M)):
        kept = np.flatnonzero(apart_m > least_m)
        # A pool that holds nothing else says only that the map is small or dense here, not how a stranger would do.
        if len(kept) >= min(VOTERS, len(photos) // 4):
            yield trials, [Candidate(photos[i], float(similarities[i])) for i in kept], truth
