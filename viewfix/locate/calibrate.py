"""Calibration of a map on its own photos: leave photos out, search for them, and fit the confidence to the outcomes."""

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
from .confidence import LEAST_CONFIDENCE, LEAST_TRIALS, Calibration, Trial, calibrate
from .context import density
from .decide import VOTERS
from .expected_share import LeftOut, expect
from .fuse import Consensus, fuse, ranked
from .query import depth
from .relative_pose import apply_poses
from .verify import Verifier, observations

RECALIBRATE_SHARE = 0.1

SAMPLE = 450
"""The largest number of photos to leave out. Two of three are searched for twice, left out alone and with their
surroundings, to fit the probability. The third is searched for only with its surroundings left out, to set thresholds:
the guarantee of a threshold holds only if the fit has never seen the photos behind it."""

STEP = 3

OWN_PLACE_M = 5.0
"""The radius of the photo's own place, which is left out with it: a burst from one spot would make each query easy."""

SURROUNDINGS_M = 100.0
"""The radius to leave out so that a photo counts as one from outside the map: nothing within sight remains."""

VERIFIED_INSIDE, VERIFIED_OUTSIDE, VERIFIED_OUT_OF_MAP = 60, 50, 100
"""How many left-out photos of each kind are also verified, which takes most of the time. A rate of 1 % can be
guaranteed from 99 photos of the last kind on."""

POOL = 400
MATCHERS: tuple[Matcher, ...] = ("fast", "accurate")

Verified = dict[Matcher, "list[tuple[LeaveOneOut, Trial]]"]


@dataclass(frozen=True, slots=True)
class LeaveOneOut:
    """A photo that was left out, and what the rest of the map finds for it.

    `inside`: its place is still in the map. `for_line`: it serves only to set the threshold, and nothing is fitted to
    it. `candidates` are the voters and `elsewhere` the photos ranked after them, strongest first.
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
    """Calibrate a map that is open for writing, if a tenth of its photos has changed since the last calibration."""
    count, version = len(writer), writer.version
    stored = writer.meta("calibration") or {}
    # None, or from an older viewfix, which set no thresholds and verified nothing, or did not say what a map can do.
    if "weights" not in stored or "expectation" not in stored:
        stored = {"photos": 0, "last_row": 0, "removals": 0}
    changes = version.last_row - stored["last_row"] + version.removals - stored["removals"]
    if count and changes > RECALIBRATE_SHARE * stored["photos"]:
        calibration = examine(writer, search, verifier, progress=progress)
        state = {"photos": count, "last_row": version.last_row, "removals": version.removals}
        writer.set_meta("calibration", {**calibration.to_json(), **state})


def examine(
    store: Store, search: Search, verifier: Verifier | None = None, *, seed: int = 0, progress: Progress = silent
) -> Calibration:
    """Calibrate a map on its own photos, without labels.

    Each sampled photo is a query twice: to the map without its own place (the right answer can still be found), and to
    the map without its surroundings (it cannot). Some of the queries that similarity leaves in doubt are also
    verified.
    """
    rows = store.rows()
    chosen = np.sort(np.random.default_rng(seed).permutation(rows)[:SAMPLE])
    left: list[LeaveOneOut] = []
    for done, row in enumerate(chosen):
        progress("calibrating", done, len(chosen))
        left.extend(_left_out(store, search, int(row), for_line=done % STEP == STEP - 1))
    progress("calibrating", len(chosen), len(chosen))
    calibration = calibrate(*_sides([(each, each.trial) for each in left]))
    verified: Verified = {}
    scores: dict[str, list[float]] = {}
    if calibration.outside:
        scores["off"] = _scores(calibration, [each.trial for each in left if each.for_line])
        verified = _verified(store, verifier, left, calibration, progress) if verifier else {}
    for matcher, pairs in verified.items():
        fresh = [(of, trial) for of, trial in pairs if trial.consensus.matcher]
        calibration = calibrate(*_sides(fresh), prior=calibration, again=True)
        # A query that is sure without verification keeps its probability, so these trials do too.
        scores[matcher] = _scores(calibration, [trial for of, trial in pairs if of.for_line])
    made_at = datetime.now(UTC).isoformat(timespec="seconds") if scores else None
    expectation = expect(store, _outcomes(left, verified.get("accurate", ()), calibration), OWN_PLACE_M)
    return replace(calibration, outside_scores=scores, made_at=made_at, expectation=expectation)


def _outcomes(
    left: Sequence[LeaveOneOut], verified: Sequence[tuple[LeaveOneOut, Trial]], calibration: Calibration
) -> list[LeftOut]:
    """Which of the photos that were left out alone would be found.

    A verified photo stands for all those that would have been verified, had there been the time.
    """
    trials = {id(of): trial for of, trial in verified if of.inside}
    inside = [each for each in left if each.inside]
    doubtful = [each for each in inside if depth(calibration.probability(each.trial.consensus, each.trial.density))]
    each_counts = max(len(doubtful), len(trials)) / len(trials) if trials else 1.0
    unsure = {id(each) for each in doubtful} if trials else set()

    def is_found(trial: Trial) -> bool:
        probability = calibration.probability(trial.consensus, trial.density)
        return probability >= LEAST_CONFIDENCE and trial.error_m <= calibration.radius_m

    return [
        LeftOut(
            each.photo,
            is_found(each.trial),
            is_found(trials.get(id(each), each.trial)),
            each_counts if id(each) in trials else 0.0 if id(each) in unsure else 1.0,
        )
        for each in inside
    ]


def _scores(calibration: Calibration, outside: Sequence[Trial]) -> list[float]:
    """The probabilities of the trials, rounded up: a threshold set to one of them must not lie below it."""
    return [math.ceil(1e6 * calibration.probability(t.consensus, t.density)) / 1e6 for t in outside]


def _sides(pairs: Sequence[tuple[LeaveOneOut, Trial]]) -> tuple[list[Trial], list[Trial]]:
    """The trials to fit: of photos left out alone, and of photos left out with their surroundings."""
    pairs = [(of, trial) for of, trial in pairs if not of.for_line]
    return [trial for of, trial in pairs if of.inside], [trial for of, trial in pairs if not of.inside]


def _left_out(store: Store, search: Search, row: int, *, for_line: bool) -> Iterator[LeaveOneOut]:
    there, descriptors = store.photos([row]), store.descriptors([row])
    if not there or not len(descriptors):  # a damaged row, which no answer uses either
        return
    truth, descriptor = there[0], descriptors[0]
    found, similarities = search.nearest(descriptor, POOL)
    photos = store.photos(found)
    apart_m = distances_m(
        truth.position.lat, truth.position.lon, [p.position.lat for p in photos], [p.position.lon for p in photos]
    )
    for inside, least_m in ((True, OWN_PLACE_M), (False, SURROUNDINGS_M)):
        if inside and for_line:
            continue
        kept = np.flatnonzero(apart_m > least_m)
        # With too few photos left in the pool, the trial would only show that the map is small or dense here.
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
    return Trial(consensus, error_m, density(store, consensus))


def _verified(
    store: Store, verifier: Verifier, left: Sequence[LeaveOneOut], calibration: Calibration, progress: Progress
) -> Verified:
    """The trials after verification, by matcher; a photo that was not verified keeps its trial. Empty if too few."""
    depths = {id(each): depth(calibration.probability(each.trial.consensus, each.trial.density)) for each in left}
    inside = [each for each in left if each.inside and depths[id(each)]]
    outside = [each for each in left if not each.inside and not each.for_line]
    for_line = [each for each in left if each.for_line]
    chosen = [*_spaced(inside, VERIFIED_INSIDE), *_spaced(outside, VERIFIED_OUTSIDE)]
    if len(chosen) < 2 * LEAST_TRIALS:
        return {}
    chosen += _spaced(for_line, VERIFIED_OUT_OF_MAP)

    def one(each: LeaveOneOut) -> dict[Matcher, Trial]:
        return _verified_trials(store, verifier, each, depths[id(each)])

    trials: list[dict[Matcher, Trial]] = []
    with ThreadPoolExecutor(cores(), thread_name_prefix="verify") as pool:
        for done, each in enumerate(pool.map(one, chosen)):
            progress("calibrating the verification", done, len(chosen))
            trials.append(each)
    progress("calibrating the verification", len(chosen), len(chosen))
    if not any(trial.consensus.matcher for each in trials for trial in each.values()):
        return {}
    return {matcher: [(of, each[matcher]) for of, each in zip(chosen, trials, strict=True)] for matcher in MATCHERS}


def _verified_trials(store: Store, verifier: Verifier, each: LeaveOneOut, deep: int) -> dict[Matcher, Trial]:
    """The trial of one photo after verification by each matcher; its trial by similarity if it cannot be verified."""
    trials: dict[Matcher, Trial] = dict.fromkeys(MATCHERS, each.trial)
    query = verifier.photo_features(each.photo) if deep else None
    if query is None:
        return trials
    for matcher in MATCHERS:
        verified = verifier.verify(query.features, each.candidates[:deep], matcher)
        if not verified:
            continue
        counted = {v.candidate.photo.id: v.candidate for v in verified}
        shown = ranked([counted.get(c.photo.id, c) for c in each.candidates], matcher)
        consensus = fuse(shown, elsewhere=each.elsewhere, matcher=matcher)
        if consensus is not None:
            trials[matcher] = _trial(store, each.photo, apply_poses(consensus, observations(query, verified)))
    return trials


def _spaced(left: Sequence[LeaveOneOut], most: int) -> Sequence[LeaveOneOut]:
    """At most `most` of them, evenly spaced."""
    return [left[i] for i in np.linspace(0, len(left) - 1, min(most, len(left))).astype(int)]
