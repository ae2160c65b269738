"""Calibration: the probability of a consensus, and the line for a rate of false answers, fitted on left-out photos."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import BadInput
from .fuse import Consensus, inlier_strength

Floats = npt.NDArray[np.float64]

LEAST_TRIALS = 40
"""With fewer trials of either outcome a map cannot be calibrated on its own: the shipped prior answers."""

OUT_OF_MAP_QUANTILE = 0.75
"""The quantile of wrong places that stands in for a rival: on the careful side of the middle."""

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

    `density` is how many photos of the map lie within AGREE_M of what was said.
    """

    consensus: Consensus
    error_m: float
    density: int = 0


@dataclass(frozen=True, slots=True)
class Calibration:
    """What the left-out photos of a map taught.

    `weights` by matcher ("off", "fast", "accurate"). Where the map has no other place, `out_of_map` stands in for
    one, by matcher too: the strength, similarity and inliers together, that the best photo of a wrong place usually
    has. `radius_m` holds nine in ten of the right answers. `inside` and `outside` are how many photos were left out
    alone, and with all around them: 0 for the shipped prior. `outside_scores` are the probabilities that the latter
    got, by matcher: the line for photos from outside the map is drawn by them. `made_at` is an ISO date.
    """

    weights: Mapping[str, Weights]
    radius_m: float
    out_of_map: Mapping[str, float]
    inside: int = 0
    outside: int = 0
    outside_scores: Mapping[str, Sequence[float]] = field(default_factory=dict)
    made_at: str | None = None

    def numbers(self, consensus: Consensus, density: int) -> dict[str, float]:
        """The numbers of `Weights`, by name."""
        rival = self.out_of_map[consensus.matcher or "off"] if consensus.rival is None else consensus.rival
        return {
            "similarity": consensus.similarity,
            "margin": consensus.strength - rival,
            "agreement": consensus.agreement,
            "density": math.log1p(density),
            "inliers": math.log1p(consensus.inliers or 0),
        }

    def probability(self, consensus: Consensus, density: int = 0) -> float:
        """P(the true place lies within the radius of the fix), [0, 1].

        The probability by the weights, times the share that `rivalry` leaves.
        """
        weights = self.weights[consensus.matcher or "off"]
        numbers = self.numbers(consensus, density)
        alone = _sigmoid(np.array(weights.bias + sum(getattr(weights, n) * numbers[n] for n in NUMBERS)))
        return float(alone) * self.rivalry(consensus)

    def rivalry(self, consensus: Consensus) -> float:
        """The share of the winning place between itself and its strongest rival, (0, 1): a half where they are equal.

        However well a photo fits one of two streets that look the same, it may be of the other.
        """
        return float(_sigmoid(np.array(TWIN * self.numbers(consensus, 0)["margin"])))

    def line(self, false_accepts: float, matcher: str) -> float:
        """The probability that an answer must exceed so that at most this share of photos from elsewhere is answered.

        Split conformal calibration: of n photos left out with their surroundings, the
        ceil((n + 1) * (1 - share))-th smallest probability. A new photo from outside the map, if it is drawn as they
        were, exceeds it with probability `false_accepts` at most, however good the model of the probability is: a
        statement about the draw of all of them together.

        Raises:
            BadInput: the share is not in (0, 1), or too small for so few left-out photos.
        """
        if not 0 < false_accepts < 1:
            raise BadInput(f"false_accepts is {false_accepts}, but it is a share. Pass more than 0 and less than 1.")
        scores = sorted(self.outside_scores.get(matcher, ()))
        if not scores and self.outside_scores.get("off"):
            raise BadInput(
                f"No rate of false answers can be promised for verify={matcher!r}: too few photos could be verified "
                "when this map was calibrated. Use verify='off' (--verify off)."
            )
        if not scores and self.inside:
            raise BadInput(
                "No rate of false answers can be promised: this map was calibrated by an older viewfix. The next "
                "viewfix build or add calibrates it again; or set the line yourself with --least-confidence."
            )
        if not scores:
            raise BadInput(
                "No rate of false answers can be promised: this map is too small to be calibrated on its own photos. "
                "Add photos, or set the line yourself with least_confidence (--least-confidence)."
            )
        rank = math.ceil((len(scores) + 1) * (1 - false_accepts))
        if rank > len(scores):
            raise BadInput(
                f"A rate of {false_accepts:g} cannot be promised from {len(scores)} left-out photos. "
                f"Ask for {math.ceil(1e4 / (len(scores) + 1)) / 1e4:.4f} or more."
            )
        return scores[rank - 1]

    def to_json(self) -> dict[str, Any]:
        """As it is stored in a map; `stranger` is what older versions of viewfix read."""
        return {**asdict(self), "stranger": self.out_of_map["off"]}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Calibration:
        """Read what `to_json` wrote; a map of an older viewfix keeps what it had learned."""
        out_of_map = stored.get("out_of_map") or _out_of_map(float(stored["stranger"]))
        if "weights" not in stored:  # of similarity alone
            own = Weights(*(stored[name] for name in ("bias", "similarity", "margin", "agreement")))
            return replace(
                PRIOR,
                weights={**PRIOR.weights, "off": own},
                radius_m=stored["radius_m"],
                out_of_map=out_of_map,
                inside=stored["trials"],
            )
        known = {each.name: stored[each.name] for each in fields(cls) if each.name in stored}
        weights = {matcher: Weights(**each) for matcher, each in stored["weights"].items()}
        return cls(**{**known, "weights": weights, "out_of_map": out_of_map})


OUT_OF_MAP_INLIERS = {"off": 0, "fast": 30, "accurate": 14}
"""The most inliers that any of five photos of a wrong place has with a query; three queries in four have no more."""


def _out_of_map(similarity: float) -> dict[str, float]:
    """The strength of a wrong place by matcher, from its usual similarity and the inliers it usually has."""
    added = {
        matcher: inlier_strength(n, None if matcher == "off" else matcher) for matcher, n in OUT_OF_MAP_INLIERS.items()
    }
    return {matcher: similarity + each for matcher, each in added.items()}


PRIOR = Calibration(
    weights={
        "off": Weights(bias=-4.6, similarity=3.8, margin=19.2, agreement=0.0, density=0.4),
        "fast": Weights(bias=-11.2, similarity=0.0, margin=5.9, agreement=0.9, density=0.5, inliers=2.1),
        "accurate": Weights(bias=-9.7, similarity=0.0, margin=3.5, agreement=1.0, density=0.4, inliers=1.9),
    },
    radius_m=25.0,
    out_of_map=_out_of_map(0.64),
)
"""What a real and a drawn map say together (benchmarks/prior.py). How alike places look differs from map to map,
so it leans on the lead over other places."""


def calibrate(
    inside: Sequence[Trial], outside: Sequence[Trial], *, prior: Calibration = PRIOR, again: bool = False
) -> Calibration:
    """Fit the probability on photos of the map itself, all verified by one matcher, or by none.

    Args:
        inside: photos left out alone; their place is still in the map.
        outside: photos left out with everything around them; whatever was said is wrong.
        prior: pulls on the weights, so that a few hundred trials cannot run away, and
            stands in where there are too few.
        again: `prior` is of this map already, and only what belongs to one matcher is fitted.

    Returns:
        A calibration for a query that is as likely to be outside the map as in it; only what belongs to the matcher
        is new.
    """
    matcher = next((trial.consensus.matcher for trial in (*inside, *outside)), None) or "off"
    # Without a rival there is no lead to learn from; maps of a single place are left to the prior.
    inside, outside = ([t for t in some if t.consensus.rival is not None] for some in (inside, outside))
    radius_m = prior.radius_m if again else _radius_m(inside, prior)
    trials = [*inside, *outside]
    right = np.array([t.error_m <= radius_m for t in trials], dtype=np.float64)
    if min(right.sum(), len(right) - right.sum()) < LEAST_TRIALS:
        return replace(prior, radius_m=radius_m)
    if again:
        inliers = [inlier_strength(t.consensus.inliers, matcher) for t in outside]
        strength = prior.out_of_map["off"] + float(np.quantile(inliers, OUT_OF_MAP_QUANTILE)) if inliers else None
        usual = prior.out_of_map if strength is None else {**prior.out_of_map, matcher: strength}
        fresh = replace(prior, out_of_map=usual)
    else:
        rivals = [t.consensus.rival for t in trials if t.consensus.rival is not None]
        usual = _out_of_map(float(np.quantile(rivals, OUT_OF_MAP_QUANTILE)))
        fresh = replace(prior, radius_m=radius_m, out_of_map=usual, inside=len(inside), outside=len(outside))
    numbers = np.array([[1.0, *fresh.numbers(t.consensus, t.density).values()] for t in trials])
    # Each outcome weighs half: how often this map will be asked about photos from outside it is unknown.
    weights = np.where(right == 1, 0.5 / right.sum(), 0.5 / (len(right) - right.sum())) * len(right)
    start = prior.weights[matcher]
    fitted = _fitted(numbers, right, weights, np.array([getattr(start, each.name) for each in fields(Weights)]))
    return replace(fresh, weights={**prior.weights, matcher: Weights(*fitted)})


def _fitted(numbers: Floats, right: Floats, weights: Floats, start: Floats) -> list[float]:
    kept = numbers.any(axis=0)  # inliers that were not counted weigh nothing
    while True:
        beta = np.zeros(len(start))
        beta[kept] = fit_logistic(numbers[:, kept], right, weights, start[kept])
        # The numbers overlap, and one may turn negative to correct another. Better evidence must never
        # lower the probability, so that number is left out and the others are fitted again.
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
