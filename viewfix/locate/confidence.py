"""A consensus becomes a probability, and a rate of false answers a line: fitted on a map's own photos, left out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import BadInput
from .fuse import Consensus

Floats = npt.NDArray[np.float64]

LEAST_TRIALS = 40
"""With fewer trials of either outcome a map cannot be calibrated on its own: the shipped prior answers."""

STRANGE = 0.75
"""The quantile of rivals that stands in for one: on the careful side of the middle."""

TWIN = 40.0
"""How fast the doubt between places that look alike fades with the margin: at 0 each has half, at 0.1 a fiftieth."""

LEAST_CONFIDENCE = 0.5
"""Below this the answer is "not in this map", unless the caller draws another line."""


@dataclass(frozen=True, slots=True)
class Weights:
    """Of the log-odds that the photo was taken where it seems: log(p / (1 - p)) = bias + the sum of weight * number.

    The numbers: `similarity` of the best photo of the place, its `margin` over the best of any other place,
    `agreement` of the candidates in space, `density`, log(1 + photos of the map within AGREE_M of the fix), and
    `inliers`, log(1 + verified inliers).
    """

    bias: float
    similarity: float
    margin: float
    agreement: float
    density: float = 0.0
    inliers: float = 0.0


NUMBERS = tuple(each.name for each in fields(Weights))[1:]


@dataclass(frozen=True, slots=True)
class Trial:
    """One left-out photo: what the rest of the map said of it, and how far from the truth that was, metres.

    `neighbours` is how many photos of the map lie within AGREE_M of what was said.
    """

    consensus: Consensus
    error_m: float
    neighbours: int = 0


@dataclass(frozen=True, slots=True)
class Calibration:
    """What the left-out photos of a map taught.

    `weights` by how candidates were verified ("off", "fast", "accurate"). Where the map has no other place, a
    `stranger` stands in for one: the similarity that the best photo of a wrong place usually has. `radius_m` holds
    nine in ten of the right answers. `inside` and `outside` are how many photos were left out alone, and with all
    around them: 0 for the shipped prior. `outside_scores` are the probabilities that the latter got, by how they
    were verified: what a line for strangers is drawn by. `made_at` is an ISO date.
    """

    weights: Mapping[str, Weights]
    radius_m: float
    stranger: float
    inside: int = 0
    outside: int = 0
    outside_scores: Mapping[str, Sequence[float]] = field(default_factory=dict)
    made_at: str | None = None

    def numbers(self, consensus: Consensus, neighbours: int) -> dict[str, float]:
        """The numbers of `Weights`, by name."""
        rival = self.stranger if consensus.rival is None else consensus.rival
        return {
            "similarity": consensus.similarity,
            "margin": consensus.strength - rival,
            "agreement": consensus.agreement,
            "density": math.log1p(neighbours),
            "inliers": math.log1p(consensus.inliers or 0),
        }

    def probability(self, consensus: Consensus, neighbours: int = 0) -> float:
        """P(the true place lies within the radius of the fix), [0, 1].

        The probability by the weights, times the share that `rivalry` leaves.
        """
        weights = self.weights[consensus.how or "off"]
        numbers = self.numbers(consensus, neighbours)
        alone = _sigmoid(np.array(weights.bias + sum(getattr(weights, n) * numbers[n] for n in NUMBERS)))
        return float(alone) * self.rivalry(consensus)

    def rivalry(self, consensus: Consensus) -> float:
        """The share of the winning place between itself and its strongest rival, (0, 1): a half where they are equal.

        However well a photo fits one of two streets that look the same, it may be of the other.
        """
        return float(_sigmoid(np.array(TWIN * self.numbers(consensus, 0)["margin"])))

    def line(self, false_accepts: float, how: str) -> float:
        """The probability that an answer must exceed so that at most this share of strangers is answered.

        Split conformal calibration: of n left-out strangers, the ceil((n + 1) * (1 - share))-th smallest
        probability. A new stranger, if it is drawn as they were, exceeds it with probability `false_accepts` at most,
        whatever the model of the probability is worth: a statement about the draw of all of them together.

        Raises:
            BadInput: the share is not in (0, 1), or too small for so few left-out photos.
        """
        if not 0 < false_accepts < 1:
            raise BadInput(f"false_accepts is {false_accepts}, but it is a share. Give more than 0 and less than 1.")
        scores = sorted(self.outside_scores.get(how, ()))
        if not scores and self.outside_scores.get("off"):
            raise BadInput(
                f"No rate of false answers can be promised for verify={how!r}: too few photos could be verified when "
                "this map was calibrated. Ask with verify='off' (--verify off)."
            )
        if not scores and self.inside:
            raise BadInput(
                "No rate of false answers can be promised: this map was calibrated by an older viewfix. The next "
                "viewfix build or add calibrates it anew; or draw a line yourself with --least-confidence."
            )
        if not scores:
            raise BadInput(
                "No rate of false answers can be promised: this map is too small to be calibrated on its own photos. "
                "Add photos, or draw a line yourself with least_confidence (--least-confidence)."
            )
        rank = math.ceil((len(scores) + 1) * (1 - false_accepts))
        if rank > len(scores):
            raise BadInput(
                f"A rate of {false_accepts:g} cannot be promised from {len(scores)} left-out photos. "
                f"Ask for {math.ceil(1e4 / (len(scores) + 1)) / 1e4:.4f} or more."
            )
        return scores[rank - 1]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Calibration:
        """What `to_json` gave; a map of an older viewfix, which knew similarity alone, keeps what it had learned."""
        if "weights" not in stored:
            own = Weights(*(stored[name] for name in ("bias", "similarity", "margin", "agreement")))
            return replace(
                PRIOR,
                weights={**PRIOR.weights, "off": own},
                radius_m=stored["radius_m"],
                stranger=stored["stranger"],
                inside=stored["trials"],
            )
        known = {each.name: stored[each.name] for each in fields(cls) if each.name in stored}
        return cls(**{**known, "weights": {how: Weights(**each) for how, each in stored["weights"].items()}})


PRIOR = Calibration(
    weights={
        "off": Weights(bias=-4.6, similarity=3.8, margin=19.2, agreement=0.0, density=0.4),
        "fast": Weights(bias=-11.2, similarity=0.0, margin=5.9, agreement=0.9, density=0.5, inliers=2.1),
        "accurate": Weights(bias=-9.7, similarity=0.0, margin=3.5, agreement=1.0, density=0.4, inliers=1.9),
    },
    radius_m=25.0,
    stranger=0.64,
)
"""What a real and a drawn map say together (benchmarks/prior.py). How alike strangers look differs from map to map,
so it leans on the lead over other places."""


def calibrate(
    inside: Sequence[Trial], outside: Sequence[Trial], *, prior: Calibration = PRIOR, again: bool = False
) -> Calibration:
    """Fit the probability on photos of the map itself, all verified in one way, or none.

    Args:
        inside: photos left out alone; their place is still in the map.
        outside: photos left out with everything around them; whatever was said is wrong.
        prior: pulls on the weights, so that a few hundred trials cannot run away, and
            stands in where there are too few.
        again: `prior` is of this map already, and only the weights of a way to verify are wanted.

    Returns:
        A calibration for a query that is as likely to be outside the map as in it; only the weights of the one way
        are new.
    """
    how = next((trial.consensus.how for trial in (*inside, *outside)), None) or "off"
    # Without a rival there is no lead to learn from; maps of a single place are left to the prior.
    inside, outside = ([t for t in some if t.consensus.rival is not None] for some in (inside, outside))
    radius_m = prior.radius_m if again else _radius_m(inside, prior)
    trials = [*inside, *outside]
    right = np.array([t.error_m <= radius_m for t in trials], dtype=np.float64)
    if min(right.sum(), len(right) - right.sum()) < LEAST_TRIALS:
        return replace(prior, radius_m=radius_m)
    fresh = prior
    if not again:
        stranger = float(np.quantile([t.consensus.rival for t in trials if t.consensus.rival is not None], STRANGE))
        fresh = replace(prior, radius_m=radius_m, stranger=stranger, inside=len(inside), outside=len(outside))
    numbers = np.array([[1.0, *fresh.numbers(t.consensus, t.neighbours).values()] for t in trials])
    # Each outcome weighs half: nobody knows how often the owner of this map will ask from outside it.
    weights = np.where(right == 1, 0.5 / right.sum(), 0.5 / (len(right) - right.sum())) * len(right)
    start = prior.weights[how]
    fitted = _fitted(numbers, right, weights, np.array([getattr(start, each.name) for each in fields(Weights)]))
    return replace(fresh, weights={**prior.weights, how: Weights(*fitted)})


def _fitted(numbers: Floats, right: Floats, weights: Floats, start: Floats) -> list[float]:
    kept = numbers.any(axis=0)  # inliers that nobody counted weigh nothing
    while True:
        beta = np.zeros(len(start))
        beta[kept] = fit_logistic(numbers[:, kept], right, weights, start[kept])
        # The numbers overlap, and one may come out negative to correct another. Better evidence must never
        # lower the probability, so such a number is left out and the others are fitted again.
        backward = (beta < 0) & (np.arange(len(beta)) > 0)
        if not backward.any():
            return [float(b) for b in beta]
        kept &= ~backward


def _radius_m(inside: Sequence[Trial], prior: Calibration) -> float:
    """What holds nine in ten of the right answers, metres; never less than the prior's.

    The half with the larger margins stands for the right ones: with the others, an answer that is wrong
    but not far would stretch the radius of all.
    """
    clearest = sorted(inside, key=lambda trial: -_margin(trial))[: len(inside) // 2]
    errors = [trial.error_m for trial in clearest if trial.error_m <= 4 * prior.radius_m]
    return max(prior.radius_m, float(np.quantile(errors, 0.9))) if len(errors) >= LEAST_TRIALS else prior.radius_m


def _margin(trial: Trial) -> float:
    return trial.consensus.strength - (trial.consensus.rival or 0.0)


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
