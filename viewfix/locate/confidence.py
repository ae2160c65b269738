"""The confidence model: the probability of a consensus, and the threshold for a rate of false accepts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import BadInput
from .expectation import Expectation
from .fuse import Consensus, inlier_strength

Floats = npt.NDArray[np.float64]

LEAST_TRIALS = 40
"""The smallest number of trials of each outcome for a calibration. With fewer, the shipped prior is used."""

OUT_OF_MAP_QUANTILE = 0.75
"""The quantile of wrong places that stands in for a missing rival: above the median, to be careful."""

TWIN = 40.0
"""How fast the share of a rival place falls with the margin: at a margin of 0 it is a half, at 0.1 a fiftieth."""

LEAST_CONFIDENCE = 0.5
"""The default threshold: below this probability the answer is "not in this map"."""


@dataclass(frozen=True, slots=True)
class Weights:
    """The weights of the logistic model log(p / (1 - p)) = bias + sum of weight * number.

    The numbers are the `similarity` of the best photo of the place, its `margin` over the best of any other place, the
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
    """The outcome for one left-out photo: what the rest of the map found, and its distance from the truth in metres.

    `density` is the number of photos of the map within AGREE_M of the consensus.
    """

    consensus: Consensus
    error_m: float
    density: int = 0


@dataclass(frozen=True, slots=True)
class Calibration:
    """The confidence model of one map, fitted on its left-out photos.

    `weights` are by matcher ("off", "fast", "accurate"). `out_of_map`, also by matcher, is the usual strength of the
    best photo of a wrong place; it stands in for the rival if the map has no other place. `radius_m` contains nine in
    ten of the right answers. `inside` and `outside` count the photos left out alone and with their surroundings; both
    are 0 for the shipped prior. `outside_scores`, by matcher, are the probabilities of photos that were left out with
    their surroundings; the threshold of `false_accepts` is one of them. `made_at` is an ISO date. `expectation` is what
    the map can do by the same trials; None if there are too few.
    """

    weights: Mapping[str, Weights]
    radius_m: float
    out_of_map: Mapping[str, float]
    inside: int = 0
    outside: int = 0
    outside_scores: Mapping[str, Sequence[float]] = field(default_factory=dict)
    made_at: str | None = None
    expectation: Expectation | None = None

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
        """The probability, [0, 1], that the true position lies within the radius of the fix.

        It is the probability by the weights, times the share that `rivalry` leaves.
        """
        weights = self.weights[consensus.matcher or "off"]
        numbers = self.numbers(consensus, density)
        alone = _sigmoid(np.array(weights.bias + sum(getattr(weights, n) * numbers[n] for n in NUMBERS)))
        return float(alone) * self.rivalry(consensus)

    def rivalry(self, consensus: Consensus) -> float:
        """The share, (0, 1), of the winning place against its strongest rival: a half if they are equally strong.

        However well a photo fits one of two streets that look the same, it may show the other.
        """
        return float(_sigmoid(np.array(TWIN * self.numbers(consensus, 0)["margin"])))

    def line(self, false_accepts: float, matcher: str) -> float:
        """The threshold, [0, 1], for a rate of false accepts: an answer must exceed it.

        Split conformal calibration: of n photos left out with their surroundings, it is the
        ceil((n + 1) * (1 - share))-th smallest probability. A new photo from outside the map, if it is drawn from the
        same distribution, exceeds it with a probability of at most `false_accepts`, however good the confidence model
        is. The guarantee is an average over the draw of the left-out photos too.

        Args:
            false_accepts: the largest share, (0, 1), of photos from outside the map that may be answered.
            matcher: "off", "fast" or "accurate".

        Raises:
            BadInput: the share is not in (0, 1), or too small for the number of left-out photos.
        """
        if not 0 < false_accepts < 1:
            raise BadInput(f"false_accepts must be more than 0 and less than 1; got {false_accepts}.")
        scores = sorted(self.outside_scores.get(matcher, ()))
        if not scores and self.outside_scores.get("off"):
            raise BadInput(
                f"No rate of false answers can be promised for verify={matcher!r}: too few photos could be verified "
                "when this map was calibrated. Use verify='off' (--verify off)."
            )
        if not scores and self.inside:
            raise BadInput(
                "No rate of false answers can be promised: this map was calibrated by an older viewfix. The next "
                "viewfix build or add calibrates it again. Or set the threshold with --least-confidence."
            )
        if not scores:
            raise BadInput(
                "No rate of false answers can be promised: this map is too small to be calibrated on its own photos. "
                "Add photos, or set the threshold with least_confidence (--least-confidence)."
            )
        rank = math.ceil((len(scores) + 1) * (1 - false_accepts))
        if rank > len(scores):
            raise BadInput(
                f"A rate of {false_accepts:g} cannot be promised from {len(scores)} left-out photos. "
                f"Use {math.ceil(1e4 / (len(scores) + 1)) / 1e4:.4f} or more."
            )
        return scores[rank - 1]

    def to_json(self) -> dict[str, Any]:
        """Convert to the form that a map stores. Older versions of viewfix read the key `stranger`."""
        expectation = None if self.expectation is None else self.expectation.to_json()
        return {**asdict(self), "stranger": self.out_of_map["off"], "expectation": expectation}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Calibration:
        """Read the stored form. What an older viewfix had fitted is kept."""
        out_of_map = stored.get("out_of_map") or _out_of_map(float(stored["stranger"]))
        if "weights" not in stored:  # from an older viewfix, which fitted similarity alone
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
        expectation = Expectation.from_json(stored.get("expectation"))
        return cls(**{**known, "weights": weights, "out_of_map": out_of_map, "expectation": expectation})


OUT_OF_MAP_INLIERS = {"off": 0, "fast": 30, "accurate": 14}
"""The third quartile of the inliers of the best of five photos of a wrong place."""


def _out_of_map(similarity: float) -> dict[str, float]:
    """The usual strength of a wrong place by matcher, from its usual similarity and its usual inliers."""
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
"""The confidence model for maps that are too small to be calibrated, fitted on a real and a drawn map together
(benchmarks/prior.py). How alike places look differs from map to map, so it relies mostly on the margin."""


def calibrate(
    inside: Sequence[Trial], outside: Sequence[Trial], *, prior: Calibration = PRIOR, again: bool = False
) -> Calibration:
    """Fit the confidence model on photos of the map itself, all verified by one matcher, or not at all.

    Args:
        inside: trials of photos left out alone; their place is still in the map.
        outside: trials of photos left out with their surroundings; whatever was found is wrong.
        prior: regularises the weights, because a few hundred trials are not many, and is returned if there are too
            few trials.
        again: `prior` is already a calibration of this map; fit only the part of one matcher.

    Returns:
        A calibration for queries that are as likely to be from outside the map as from it. Only the part of the
        matcher of the trials is new.
    """
    matcher = next((trial.consensus.matcher for trial in (*inside, *outside)), None) or "off"
    # Without a rival there is no margin to learn from, so a map of a single place keeps the prior.
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
    # Each outcome weighs half, because the share of queries from outside the map is unknown.
    weights = np.where(right == 1, 0.5 / right.sum(), 0.5 / (len(right) - right.sum())) * len(right)
    start = prior.weights[matcher]
    fitted = _fitted(numbers, right, weights, np.array([getattr(start, each.name) for each in fields(Weights)]))
    return replace(fresh, weights={**prior.weights, matcher: Weights(*fitted)})


def _fitted(numbers: Floats, right: Floats, weights: Floats, start: Floats) -> list[float]:
    kept = numbers.any(axis=0)  # drop numbers that are always 0, such as inliers that were not counted
    while True:
        beta = np.zeros(len(start))
        beta[kept] = fit_logistic(numbers[:, kept], right, weights, start[kept])
        # The numbers are correlated, and one may get a negative weight to correct another. Better evidence must never
        # lower the probability, so drop that number and fit the others again.
        backward = (beta < 0) & (np.arange(len(beta)) > 0)
        if not backward.any():
            return [float(b) for b in beta]
        kept &= ~backward


def _radius_m(inside: Sequence[Trial], prior: Calibration) -> float:
    """The radius in metres that contains nine in ten of the right answers; never less than that of the prior.

    Only the half with the larger margins is used. Among the others, answers that are wrong but not far away would
    enlarge the radius of all.
    """
    clearest = sorted(inside, key=lambda trial: -_margin(trial))[: len(inside) // 2]
    errors = [trial.error_m for trial in clearest if trial.error_m <= 4 * prior.radius_m]
    return max(prior.radius_m, float(np.quantile(errors, 0.9))) if len(errors) >= LEAST_TRIALS else prior.radius_m


def _margin(trial: Trial) -> float:
    return trial.consensus.strength - (trial.consensus.rival or 0.0)


def _sigmoid(x: Floats) -> Floats:
    return np.asarray(0.5 * (1 + np.tanh(x / 2)))  # this form cannot overflow


def fit_logistic(x: Floats, y: Floats, weights: Floats, start: Floats, *, pull: float = 1e-2) -> Floats:
    """Fit a logistic model by Newton's method: minimise the weighted log-loss plus a pull towards `start`.

    `x` is (N, D); `y` and `weights` are (N,); `start` and the result are (D,).
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
