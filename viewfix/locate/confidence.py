"""A consensus becomes a probability; a map's own photos, left out one by one, say how far to believe it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from .fuse import Consensus

Floats = npt.NDArray[np.float64]

LEAST_TRIALS = 40
"""With fewer trials of either outcome a map cannot be calibrated on its own: the shipped prior answers."""

STRANGE = 0.75
"""The quantile of rivals that stands in for one: on the careful side of the middle."""

LEAST_CONFIDENCE = 0.5
"""Below this the answer is "not in this map", unless the caller draws another line."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """A logistic model of three numbers, and the radius it speaks of.

    P(true place within radius) = 1 / (1 + exp(-(bias + similarity * s + margin * m + agreement * a))), where s is the
    similarity, m its lead over the best photo of any other place, and a the agreement. Where the map has no other
    place, a `stranger` stands in for it: the similarity that the best photo of a wrong place usually has.
    `radius_m` holds nine in ten of the right answers; `trials` is how many left-out photos it
    was fitted on, 0 for the shipped prior.
    """

    bias: float
    similarity: float
    margin: float
    agreement: float
    radius_m: float
    stranger: float
    trials: int = 0

    def probability(self, consensus: Consensus) -> float:
        """P(the true place lies within the radius of the fix), [0, 1]."""
        rival = self.stranger if consensus.rival is None else consensus.rival
        margin = consensus.similarity - rival
        logit = (
            self.bias
            + self.similarity * consensus.similarity
            + self.margin * margin
            + self.agreement * consensus.agreement
        )
        return float(_sigmoid(np.array(logit)))

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Calibration:
        return cls(**{field.name: stored[field.name] for field in fields(cls)})


PRIOR = Calibration(bias=-2.4, similarity=2.3, margin=20.6, agreement=0.0, radius_m=25.0, stranger=0.45)
"""What a real and a drawn map say together (benchmarks/prior.py). How alike strangers look differs from map to map,
so it leans on the lead over other places."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One left-out photo: what the rest of the map said of it, and how far from the truth that was, metres."""

    consensus: Consensus
    error_m: float


def calibrate(inside: Sequence[Trial], outside: Sequence[Trial], *, prior: Calibration = PRIOR) -> Calibration:
    """Fit the probability on photos of the map itself.

    Args:
        inside: photos left out alone; their place is still in the map.
        outside: photos left out with everything around them; whatever was said is wrong.
        prior: pulls on the weights, so that a few hundred trials cannot run away, and
            stands in where there are too few.

    Returns:
        A calibration for a query that is as likely to be outside the map as in it.
    """
    # Without a rival there is no lead to learn from; maps of a single place are left to the prior.
    inside, outside = ([t for t in some if t.consensus.rival is not None] for some in (inside, outside))
    radius_m = _radius_m(inside, prior)
    trials = [*inside, *outside]
    right = np.array([t.error_m <= radius_m for t in trials], dtype=np.float64)
    if min(right.sum(), len(right) - right.sum()) < LEAST_TRIALS:
        return replace(prior, radius_m=radius_m)
    stranger = float(np.quantile([t.consensus.rival for t in trials if t.consensus.rival is not None], STRANGE))
    numbers = np.array([[1.0, t.consensus.similarity, _margin(t), t.consensus.agreement] for t in trials])
    # Each outcome weighs half: nobody knows how often the owner of this map will ask from outside it.
    weights = np.where(right == 1, 0.5 / right.sum(), 0.5 / (len(right) - right.sum())) * len(right)
    start = np.array([prior.bias, prior.similarity, prior.margin, prior.agreement])
    kept = np.ones(len(start), bool)
    while True:
        beta = np.zeros(len(start))
        beta[kept] = fit_logistic(numbers[:, kept], right, weights, start[kept])
        # The three numbers overlap, and one may come out negative to correct another. Better evidence must never
        # lower the probability, so such a number is left out and the others are fitted again.
        backward = (beta < 0) & np.array([False, True, True, True])
        if not backward.any():
            break
        kept &= ~backward
    bias, similarity, margin, agreement = (float(b) for b in beta)
    return Calibration(bias, similarity, margin, agreement, radius_m, stranger, len(trials))


def _radius_m(inside: Sequence[Trial], prior: Calibration) -> float:
    """What holds nine in ten of the right answers, metres; never less than the prior's.

    The half with the larger margins stands for the right ones: with the others, an answer that is wrong
    but not far would stretch the radius of all.
    """
    clearest = sorted(inside, key=lambda trial: -_margin(trial))[: len(inside) // 2]
    errors = [trial.error_m for trial in clearest if trial.error_m <= 4 * prior.radius_m]
    return max(prior.radius_m, float(np.quantile(errors, 0.9))) if len(errors) >= LEAST_TRIALS else prior.radius_m


def _margin(trial: Trial) -> float:
    return trial.consensus.similarity - (trial.consensus.rival or 0.0)


def _sigmoid(x: Floats) -> Floats:
    return np.asarray(0.5 * (1 + np.tanh(x / 2)))  # this form cannot overflow


def fit_logistic(x: Floats, y: Floats, weights: Floats, start: Floats, *, pull: float = 1e-2) -> Floats:
    """Weights that minimise the weighted log-loss plus a pull towards `start`, by Newton's method.

    x is (N, D), y and weights (N,), start and the answer (D,).
    """
    beta = start.copy()
    for _ in range(50):
        p = _sigmoid(x @ beta)
        gradient = x.T @ (weights * (p - y)) + pull * (beta - start)
        curvature = (x * (weights * p * (1 - p))[:, None]).T @ x + pull * np.eye(len(beta))
        step = np.linalg.solve(curvature, gradient)
        largest = np.abs(step).max()
        beta = beta - step * min(1.0, 5.0 / max(largest, 1e-12))  # a full step may overshoot far from the optimum
        if largest < 1e-8:
            break
    return beta
