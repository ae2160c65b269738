"""A map goes in and its coverage comes out: the whole path, in order."""

from __future__ import annotations

import contextlib

import numpy as np

from ..errors import BadInput
from ..geo import bearing_deg, distance_m, moved
from ..locate.confidence import LEAST_CONFIDENCE, Calibration
from ..map import Map
from ..search.open import open_search
from ..search.search import Search
from ..store.store import Store
from ..types import Position, Progress, silent
from .advice import suggest
from .confusion import look_alikes, usual_likeness
from .directions import looked_to, same_way
from .findings import Coverage, Gap
from .grid import Floats, nearest_m
from .ground import Ground, ground_of
from .leaving_out import Outcome, ask
from .spots import spots_of
from .streets import LONGEST_M, gaps, usual_m

SAMPLE = 2000
"""Photos left out: 4 ms each in a small map, and a share known to 2 %."""


def survey(city: Map, *, sample: int = SAMPLE, seed: int = 0, progress: Progress = silent) -> Coverage:
    """Say where a photo would be found on a map, where not, and what to photograph next.

    Every photo, or `sample` of them drawn by `seed`, is left out with all that stands within 5 m, and looked for among
    the others. Nothing is read but the map: no picture, no network.

    Raises:
        BadInput: the map has fewer than two photos, or the sample less than one.
    """
    _refuse(city, sample)
    store, calibration = city.store, city.calibration
    ground = ground_of(store, progress)
    with contextlib.closing(open_search(store, progress=progress)) as search:
        outcomes = _left_out(ground, store, search, calibration, _drawn(len(ground.rows), sample, seed), progress)
    progress("looking along the streets", 0, None)
    reach_m = nearest_m(ground.spots_m, LONGEST_M)
    known, seen = looked_to(ground.headings_deg, ground.groups, ground.spots_m)
    spots = spots_of(ground, _names(ground, store), outcomes, reach_m, (known, seen))
    spacing_m = usual_m(reach_m)
    looks = int(np.median(seen[known].sum(axis=1))) if known.any() else None
    holes = [] if spacing_m is None else _gaps(ground, spacing_m)
    asked = [each.asked for each in outcomes if each.asked]
    alone, likeness = len(outcomes) - len(asked), usual_likeness(asked)
    found = sum(each.found for each in outcomes)
    return Coverage(
        map=str(city.address),
        photos=len(ground.rows),
        asked=len(outcomes),
        seed=seed,
        found=found,
        doubtful=len(asked) - found,
        alone=alone,
        misled=sum(each.misled for each in outcomes),
        radius_m=calibration.radius_m,
        least_confidence=LEAST_CONFIDENCE,
        headless=int(np.isnan(ground.headings_deg).sum()),
        spacing_m=spacing_m,
        looks=looks,
        spots=tuple(spots),
        look_alikes=tuple(look_alikes(asked, likeness)),
        gaps=tuple(holes),
        suggestions=tuple(suggest(spots, ground, holes, outcomes, likeness, looks, spacing_m)),
    )


def _refuse(city: Map, sample: int) -> None:
    if sample < 1:
        raise BadInput(f"The sample is {sample}, but at least one photo must be left out. Give 1 or more.")
    if len(city) < 2:
        has = "one photo" if len(city) else "no photos"
        raise BadInput(
            f"The map {city.address} has {has}, and coverage compares photos with each other. "
            f"Add some: viewfix add {city.address.typed} PHOTOS"
        )


def _drawn(count: int, sample: int, seed: int) -> list[int]:
    chosen: list[int] = np.sort(np.random.default_rng(seed).permutation(count)[:sample]).tolist()
    return chosen


def _left_out(
    ground: Ground, store: Store, search: Search, calibration: Calibration, drawn: list[int], progress: Progress
) -> list[Outcome]:
    outcomes: list[Outcome] = []
    for done, index in enumerate(drawn):
        progress("leaving photos out", done, len(drawn))
        near, spot = ground.neighbours(index), int(ground.groups[index])
        if not len(near):
            outcomes.append(Outcome(index, spot, found=False, alike=None, asked=None))
            continue
        asked = ask(store, search, calibration, int(ground.rows[index]))
        if asked is not None:
            found = asked.answered() and asked.error_m <= calibration.radius_m
            alike = _alike(ground.headings_deg[index], ground.headings_deg[near])
            outcomes.append(Outcome(index, spot, found, alike, asked))
    progress("leaving photos out", len(drawn), len(drawn))
    return outcomes


def _alike(heading_deg: float, headings_deg: Floats) -> int | None:
    if np.isnan(heading_deg) or np.isnan(headings_deg).any():
        return None
    return int(same_way(heading_deg, headings_deg).sum())


def _names(ground: Ground, store: Store) -> list[str]:
    """The id of the first photo of each spot; empty where it has gone since."""
    rows = ground.rows[ground.leaders]
    chunks = [store.photos(rows[at : at + 4096]) for at in range(0, len(rows), 4096)]
    found = [photo.id for photos in chunks for photo in photos]
    return found if len(found) == len(rows) else [""] * len(rows)


def _gaps(ground: Ground, spacing_m: float) -> list[Gap]:
    places = [Position(float(ground.lats[i]), float(ground.lons[i])) for i in ground.leaders]
    found = []
    for a, b, _ in gaps(ground.spots_m, spacing_m):
        start, end = places[a], places[b]
        length_m = distance_m(start, end)
        middle = moved(start, bearing_deg(start, end), length_m / 2)
        found.append(Gap(start, end, middle, length_m, max(1, round(length_m / spacing_m) - 1)))
    return found
