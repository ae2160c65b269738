"""One question to a map: candidates are found, held against the query as far as it pays, and become a fix."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from ..errors import BadInput
from ..geo import Box, Circle, Region
from ..models.local import SEEN, LocalFeatures, Matcher
from ..photos import Readable, load
from ..search.search import Search
from ..store.store import Store
from ..types import Candidate
from .answer import VOTERS, Answered, answer
from .confidence import LEAST_CONFIDENCE, Calibration
from .fuse import AGREE_M, Consensus, fuse, ranked
from .relative_pose import PoseObservation, sighted
from .retrieve import retrieve, retrieve_rivals
from .verify import VerifiedCandidate, Verifier, sights

Verify = Literal["accurate", "fast", "off"]
"""How candidates are verified where similarity alone leaves a doubt; "off" for never."""

SURE = 0.97
"""At this probability by similarity alone nothing is verified: it could only take time."""

DOUBTFUL = 0.5
DEPTHS = {"sure": 0, "likely": 3, "doubtful": 5}
"""More changes little: of left-out photos of the training area 91.2 % are found with 3, 92.0 with 5, 92.8 with 10."""
MANY = 200

Features = Callable[[], LocalFeatures | None]
"""Gives the local features of the query when they are wanted; None where there are no pixels to take them from."""


@dataclass(frozen=True, slots=True)
class QueryOptions:
    """What is asked, beside the photo itself; see `Map.locate`."""

    k: int = 10
    region: Region | None = None
    least_confidence: float | None = None
    false_accepts: float | None = None
    verify: Verify = "accurate"
    budget_ms: float | None = None

    def __post_init__(self) -> None:
        if self.k < 1:
            raise BadInput(f"k is {self.k}, but at least one candidate is needed. Give k=1 or more.")
        if self.least_confidence is not None and not 0 <= self.least_confidence <= 1:  # NaN fails too
            raise BadInput(f"least_confidence is {self.least_confidence}, but it is a probability. Give 0 to 1.")
        if self.false_accepts is not None and self.least_confidence is not None:
            raise BadInput("Both least_confidence and false_accepts were given. Each draws the line: give one of them.")
        if self.false_accepts is not None and self.region is not None:
            raise BadInput(
                "No rate of false answers can be promised within a region: the map was calibrated as a whole. "
                "Ask without near and box, or draw the line with least_confidence."
            )
        if self.verify not in get_args(Verify):
            raise BadInput(f"verify is {self.verify!r}. Give one of: {', '.join(get_args(Verify))}.")
        if self.budget_ms is not None and not self.budget_ms > 0:
            raise BadInput(f"budget_ms is {self.budget_ms}, but it is a time. Give milliseconds, more than 0.")

    def line(self, calibration: Calibration, how: str) -> float:
        """The probability below which the answer is no."""
        if self.false_accepts is None:
            return LEAST_CONFIDENCE if self.least_confidence is None else self.least_confidence
        return math.nextafter(calibration.line(self.false_accepts, how), math.inf)


def region_of(near: tuple[float, float, float] | None, box: tuple[float, float, float, float] | None) -> Region | None:
    """A circle of (lat, lon, radius_m), a box of (south, west, north, east), or the whole map."""
    if near is not None and box is not None:
        raise BadInput("Both near and box were given. Give one of them.")
    if near is not None:
        return Circle(*near)
    return Box(*box) if box is not None else None


def depth(probability: float) -> int:
    """How many candidates to hold against a query that similarity alone gives this probability."""
    if probability >= SURE:
        return DEPTHS["sure"]
    return DEPTHS["likely" if probability >= DOUBTFUL else "doubtful"]


def neighbours(store: Store, consensus: Consensus) -> int:
    """How many photos of the map lie around what the candidates say."""
    at = consensus.position
    return len(store.rows_in(Circle(at.lat, at.lon, AGREE_M), MANY))


@dataclass(frozen=True, slots=True)
class MapContext:
    """What answers the questions to one map; without a verifier it goes by similarity alone."""

    store: Store
    search: Search
    calibration: Calibration
    verifier: Verifier | None = None

    def features(self, photo: Readable) -> LocalFeatures | None:
        """The local features of a query, decoded anew: at the size that they want, not that of the descriptor."""
        if self.verifier is None:
            return None
        return self.verifier.of_query(load(photo, least_side_px=SEEN.least_side_px))


def ask(
    question: QueryOptions, descriptor: npt.NDArray[np.float32], workings: MapContext, features: Features | None = None
) -> Answered:
    """Answer one question.

    Args:
        question: what is asked.
        descriptor: (dim,) float32 of length 1, of the query.
        workings: of the map.
        features: gives the local features of the query when they are wanted; None to go by similarity alone.
    """
    began = time.monotonic()
    store, search, calibration = workings.store, workings.search, workings.calibration
    if descriptor.shape != (store.model.dim,) or not np.isfinite(descriptor).all():
        raise BadInput(
            f"The descriptor has the shape {descriptor.shape}, or numbers that are none. "
            f"Give {store.model.dim} finite numbers, as the map's model makes them."
        )
    how = question.verify if features is not None and workings.verifier is not None else "off"
    candidates = retrieve(store, search, descriptor, max(question.k, VOTERS), question.region)
    elsewhere = retrieve_rivals(store, search, descriptor, candidates, question.region)
    consensus = fuse(candidates[:VOTERS], elsewhere=elsewhere)
    around = 0 if consensus is None else neighbours(store, consensus)
    lines = [question.line(calibration, how)]
    if consensus is not None and how != "off":
        wanted = depth(calibration.probability(consensus, around))
        until = None if question.budget_ms is None else began + question.budget_ms / 1000
        held, seen = _held(workings, features, candidates[:wanted], how, until)
        if len(held) < min(wanted, len(candidates)):  # no file, no time: it may be answered by similarity alone
            lines.append(question.line(calibration, "off"))
        if held:
            candidates = _with_inliers(candidates, held, how)
            consensus = fuse(candidates[:VOTERS], elsewhere=elsewhere, how=how)
            consensus = None if consensus is None else sighted(consensus, seen)
            around = 0 if consensus is None else neighbours(store, consensus)
    # The line is that of how was asked, whether or not this query needed to be verified: so were the trials.
    return answer(candidates, consensus, calibration, neighbours=around, line=max(lines), k=question.k)


def _held(
    workings: MapContext, features: Features | None, candidates: Sequence[Candidate], how: Matcher, until: float | None
) -> tuple[Sequence[VerifiedCandidate], Sequence[PoseObservation]]:
    verifier = workings.verifier
    if not candidates or verifier is None or features is None or not verifier.fits(candidates[0], until):
        return (), ()
    query = features()
    if query is None:
        return (), ()
    held = verifier.hold(query, candidates, how, until=until)
    return held, sights(query, held)


def _with_inliers(
    candidates: Sequence[Candidate], held: Sequence[VerifiedCandidate], how: Matcher
) -> tuple[Candidate, ...]:
    counted = {each.candidate.photo.id: each.candidate.inliers for each in held}
    return ranked([replace(c, inliers=counted.get(c.photo.id)) for c in candidates], how)
