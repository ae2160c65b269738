"""A map examines itself: photos are left out and looked for, and what came of it calibrates the confidence."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from ..embed.describe import cores
from ..geo import distances_m
from ..models.local import Matcher
from ..search.search import Search
from ..store.store import Store
from ..types import Candidate, Photo, Progress, silent
from .answer import VOTERS
from .confidence import LEAST_TRIALS, Calibration, Trial, calibrate
from .fuse import Consensus, fuse, ranked
from .query import depth, neighbours
from .relative_pose import sighted
from .verify import Verifier, sights

RECALIBRATE_SHARE = 0.1

SAMPLE = 450
"""Left-out photos. Two of three are asked for twice, alone and with their surroundings, to fit the probability by; the
third only as a stranger, to draw lines by: a line keeps its promise only if the fit has never seen its strangers."""

STEP = 3

OWN_PLACE_M = 5.0
"""Photos this near are left out with it: a burst from one spot would make every query look easy."""

SURROUNDINGS_M = 100.0
"""Photos this near are left out to ask from outside the map: nothing within sight remains."""

VERIFIED_INSIDE, VERIFIED_OUTSIDE, VERIFIED_STRANGERS = 60, 50, 100
"""Left-out photos that are verified too: most of the time goes there. From 99 strangers on, 1 % can be promised."""

POOL = 400
HOWS: tuple[Matcher, ...] = ("fast", "accurate")


@dataclass(frozen=True, slots=True)
class LeaveOneOut:
    """A photo that was left out, what the rest of the map finds for it, and whether its place is still there.

    `for_line`: it is a stranger to draw a line by, and nothing is fitted to it.
    """

    photo: Photo
    inside: bool
    for_line: bool
    candidates: tuple[Candidate, ...]
    elsewhere: tuple[Candidate, ...]
    trial: Trial


def keep_calibrated(
    writer: Store, search: Search, verifier: Verifier | None = None, *, progress: Progress = silent
) -> None:
    """Examine a map, open for writing, when a tenth of its photos came, went or changed since the last time."""
    count, version = len(writer), writer.version
    stored = writer.meta("calibration") or {}
    if "weights" not in stored:  # none, or one of an older viewfix, which drew no lines and verified nothing
        stored = {"photos": 0, "last_row": 0, "removals": 0}
    changes = version.last_row - stored["last_row"] + version.removals - stored["removals"]
    if count and changes > RECALIBRATE_SHARE * stored["photos"]:
        calibration = examine(writer, search, verifier, progress=progress)
        state = {"photos": count, "last_row": version.last_row, "removals": version.removals}
        writer.set_meta("calibration", {**calibration.to_json(), **state})


def examine(
    store: Store, search: Search, verifier: Verifier | None = None, *, seed: int = 0, progress: Progress = silent
) -> Calibration:
    """Calibrate a map on its own photos; its owner labels nothing.

    A sampled photo is a query twice: once to a map without it (the right place can
    still be found) and once to a map without anything around it (it cannot). A part of those that similarity
    alone leaves in doubt is verified, both ways, as a query would be.
    """
    rows = store.rows()
    chosen = np.sort(np.random.default_rng(seed).permutation(rows)[:SAMPLE])
    left: list[LeaveOneOut] = []
    for done, row in enumerate(chosen):
        progress("calibrating", done, len(chosen))
        left.extend(_left_out(store, search, int(row), for_line=done % STEP == STEP - 1))
    progress("calibrating", len(chosen), len(chosen))
    calibration = calibrate(*_sides([(each, each.trial) for each in left]))
    if not calibration.outside:
        return calibration
    scores = {"off": _scores(calibration, [each.trial for each in left if each.for_line])}
    for how, pairs in _verified(store, verifier, left, calibration, progress).items() if verifier else ():
        fresh = [(of, trial) for of, trial in pairs if trial.consensus.how]
        calibration = calibrate(*_sides(fresh), prior=calibration, again=True)
        # Those that were sure without verification keep their probability: so would a query.
        scores[how] = _scores(calibration, [trial for of, trial in pairs if of.for_line])
    made_at = datetime.now(UTC).isoformat(timespec="seconds")
    return replace(calibration, outside_scores=scores, made_at=made_at)


def _scores(calibration: Calibration, outside: Sequence[Trial]) -> list[float]:
    """Rounded up: a line drawn through one of them must not lie below it."""
    return [math.ceil(1e6 * calibration.probability(t.consensus, t.neighbours)) / 1e6 for t in outside]


def _sides(pairs: Sequence[tuple[LeaveOneOut, Trial]]) -> tuple[list[Trial], list[Trial]]:
    """To fit by: trials of photos left out alone, and of those left out with all around them."""
    pairs = [(of, trial) for of, trial in pairs if not of.for_line]
    return [trial for of, trial in pairs if of.inside], [trial for of, trial in pairs if not of.inside]


def _left_out(store: Store, search: Search, row: int, *, for_line: bool) -> Iterator[LeaveOneOut]:
    [truth] = store.photos([row])
    [descriptor] = store.descriptors([row])
    found, similarities = search.nearest(descriptor, POOL)
    photos = store.photos(found)
    apart_m = distances_m(
        truth.position.lat, truth.position.lon, [p.position.lat for p in photos], [p.position.lon for p in photos]
    )
    for inside, least_m in ((True, OWN_PLACE_M), (False, SURROUNDINGS_M)):
        if inside and for_line:
            continue
        kept = np.flatnonzero(apart_m > least_m)
        # A pool that holds nothing else says only that the map is small or dense here, not how a stranger would do.
        if len(kept) < min(VOTERS, len(photos) // 4):
            continue
        candidates = tuple(Candidate(photos[i], float(similarities[i])) for i in kept)
        consensus = fuse(candidates[:VOTERS], elsewhere=candidates[VOTERS:])
        if consensus is not None:
            trial = _trial(store, truth, consensus)
            yield LeaveOneOut(truth, inside, for_line, candidates[:VOTERS], candidates[VOTERS:], trial)


def _trial(store: Store, truth: Photo, consensus: Consensus) -> Trial:
    at = consensus.position
    error_m = float(distances_m(truth.position.lat, truth.position.lon, [at.lat], [at.lon])[0])
    return Trial(consensus, error_m, neighbours(store, consensus))


def _verified(
    store: Store, verifier: Verifier, left: Sequence[LeaveOneOut], calibration: Calibration, progress: Progress
) -> dict[Matcher, list[tuple[LeaveOneOut, Trial]]]:
    """Trials after verification, by how; as they were where nothing was verified. Empty where there are too few."""
    depths = {id(each): depth(calibration.probability(each.trial.consensus, each.trial.neighbours)) for each in left}
    inside = [each for each in left if each.inside and depths[id(each)]]
    outside = [each for each in left if not each.inside and not each.for_line]
    strangers = [each for each in left if each.for_line]
    some = [*_some(inside, VERIFIED_INSIDE), *_some(outside, VERIFIED_OUTSIDE)]
    if len(some) < 2 * LEAST_TRIALS:
        return {}
    some += _some(strangers, VERIFIED_STRANGERS)

    def one(each: LeaveOneOut) -> dict[Matcher, Trial]:
        query = verifier.of_photo(each.photo) if depths[id(each)] else None
        found: dict[Matcher, Trial] = {}
        for how in HOWS:
            found[how] = each.trial
            held = [] if query is None else verifier.hold(query, each.candidates[: depths[id(each)]], how)
            if query is not None and held:
                counted = {h.candidate.photo.id: h.candidate for h in held}
                shown = ranked([counted.get(c.photo.id, c) for c in each.candidates], how)
                consensus = fuse(shown, elsewhere=each.elsewhere, how=how)
                if consensus is not None:
                    found[how] = _trial(store, each.photo, sighted(consensus, sights(query, held)))
        return found

    trials: list[dict[Matcher, Trial]] = []
    with ThreadPoolExecutor(cores(), thread_name_prefix="verify") as pool:
        for done, each in enumerate(pool.map(one, some)):
            progress("calibrating the verification", done, len(some))
            trials.append(each)
    progress("calibrating the verification", len(some), len(some))
    if not any(trial.consensus.how for each in trials for trial in each.values()):
        return {}
    return {how: [(of, each[how]) for of, each in zip(some, trials, strict=True)] for how in HOWS}


def _some(left: Sequence[LeaveOneOut], most: int) -> Sequence[LeaveOneOut]:
    """At most so many, evenly from all."""
    return [left[i] for i in np.linspace(0, len(left) - 1, min(most, len(left))).astype(int)]
