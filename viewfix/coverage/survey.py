"""Survey the coverage of a map: leave photos out, search for them, and look along the streets."""

from __future__ import annotations

import numpy as np

from ..errors import BadInput
from ..geo import bearing_deg, distance_m, moved
from ..locate.confidence import LEAST_CONFIDENCE
from ..locate.context import MapContext
from ..store.store import Store
from ..types import Position, Progress, silent
from .advice import suggest
from .confusion import find_look_alikes, usual_similarity
from .directions import directions_seen, facing_alike
from .grid import Floats, nearest_m
from .leave_one_out import Outcome, predict
from .positions import MapPositions, read_positions
from .result import Coverage, Gap
from .spots import make_spots
from .streets import LONGEST_M, find_gaps, usual_spacing_m

SAMPLE = 2000
"""Photos to leave out at most: they take 4 ms each in a small map, and give a share within 2 %."""


def survey(context: MapContext, *, sample: int = SAMPLE, seed: int = 0, progress: Progress = silent) -> Coverage:
    """Find out where a photo would be found on a map, where not, and what to photograph next.

    Every photo, or `sample` of them chosen by `seed`, is left out with everything within 5 m, and searched for among
    the others by similarity alone. Only the map is read: no picture, no network.

    Raises:
        BadInput: the map has fewer than two photos, or the sample is less than one.
    """
    store, calibration = context.store, context.calibration
    _check(store, sample)
    positions = read_positions(store, progress)
    outcomes = _leave_out(positions, context, _choose(len(positions.rows), sample, seed), progress)
    progress("looking along the streets", 0, None)
    nearest_spot_m = nearest_m(positions.spots_m, LONGEST_M)
    known, seen = directions_seen(positions.headings_deg, positions.spot_of, positions.spots_m)
    spots = make_spots(positions, _first_ids(positions, store), outcomes, nearest_spot_m, (known, seen))
    spacing_m = usual_spacing_m(nearest_spot_m)
    looks = int(np.median(seen[known].sum(axis=1))) if known.any() else None
    gaps = [] if spacing_m is None else _gaps(positions, spacing_m)
    predictions = [each.prediction for each in outcomes if each.prediction]
    found, usual = sum(each.found for each in outcomes), usual_similarity(predictions)
    return Coverage(
        map=str(store.address),
        photos=len(positions.rows),
        asked=len(outcomes),
        seed=seed,
        found=found,
        doubtful=len(predictions) - found,
        alone=len(outcomes) - len(predictions),
        misled=sum(each.misled for each in outcomes),
        radius_m=calibration.radius_m,
        least_confidence=LEAST_CONFIDENCE,
        headless=int(np.isnan(positions.headings_deg).sum()),
        spacing_m=spacing_m,
        looks=looks,
        spots=tuple(spots),
        look_alikes=tuple(find_look_alikes(predictions, usual)),
        gaps=tuple(gaps),
        suggestions=tuple(suggest(spots, positions, gaps, outcomes, usual, looks, spacing_m)),
    )


def _check(store: Store, sample: int) -> None:
    if sample < 1:
        raise BadInput(f"The sample must be at least 1 photo; got {sample}.")
    if len(store) < 2:
        has = "one photo" if len(store) else "no photos"
        raise BadInput(
            f"The map {store.address} has {has}, but coverage compares photos with each other. "
            f"Add more: viewfix add {store.address.typed} PHOTOS"
        )


def _choose(count: int, sample: int, seed: int) -> list[int]:
    chosen: list[int] = np.sort(np.random.default_rng(seed).permutation(count)[:sample]).tolist()
    return chosen


def _leave_out(positions: MapPositions, context: MapContext, chosen: list[int], progress: Progress) -> list[Outcome]:
    outcomes: list[Outcome] = []
    for done, photo in enumerate(chosen):
        progress("leaving photos out", done, len(chosen))
        near, spot = positions.neighbours(photo), int(positions.spot_of[photo])
        if not len(near):
            outcomes.append(Outcome(photo, spot, found=False, facing_alike=None, prediction=None))
            continue
        prediction = predict(context, int(positions.rows[photo]))
        if prediction is not None:
            found = prediction.answered and prediction.error_m <= context.calibration.radius_m
            alike = _facing_alike(positions.headings_deg[photo], positions.headings_deg[near])
            outcomes.append(Outcome(photo, spot, found, alike, prediction))
    progress("leaving photos out", len(chosen), len(chosen))
    return outcomes


def _facing_alike(heading_deg: float, headings_deg: Floats) -> int | None:
    if np.isnan(heading_deg) or np.isnan(headings_deg).any():
        return None
    return int(facing_alike(heading_deg, headings_deg).sum())


def _first_ids(positions: MapPositions, store: Store) -> list[str]:
    """The id of the first photo of each spot; empty if photos were removed in the meantime."""
    rows = positions.rows[positions.leaders]
    chunks = [store.photos(rows[at : at + 4096]) for at in range(0, len(rows), 4096)]
    found = [photo.id for photos in chunks for photo in photos]
    return found if len(found) == len(rows) else [""] * len(rows)


def _gaps(positions: MapPositions, spacing_m: float) -> list[Gap]:
    places = [Position(float(positions.lats[i]), float(positions.lons[i])) for i in positions.leaders]
    found = []
    for a, b, _ in find_gaps(positions.spots_m, spacing_m):
        start, end = places[a], places[b]
        length_m = distance_m(start, end)
        middle = moved(start, bearing_deg(start, end), length_m / 2)
        found.append(Gap(start, end, middle, length_m, max(1, round(length_m / spacing_m) - 1)))
    return found
