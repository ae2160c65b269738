"""Metrics of retrieval, positioning and calibration, in pure numpy.

Q is the number of queries and M the number of photos in the map. All shares lie in [0, 1].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

RANKS = (1, 5, 10, 20)
WITHIN_M = (5.0, 10.0, 25.0)
RESAMPLES = 2000
BINS = 10


@dataclass(frozen=True, slots=True)
class Interval:
    """A share and its 95 % confidence interval, each in [0, 1]; NaN if there were no queries."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class PrecisionRecall:
    """Precision and recall of the best matches whose score is at least each threshold; (T,) float64 each.

    The first threshold is infinite and accepts nothing: its recall is 0 and its precision, by definition, 1.
    """

    thresholds: Floats
    precision: Floats
    recall: Floats


@dataclass(frozen=True, slots=True)
class RiskCoverage:
    """The share of wrong answers (`risk`) when only the most confident share (`coverage`) is answered; (T,) each.

    `area` is the mean risk over all coverages (AURC): 0 if no answer is wrong; lower is better.
    """

    thresholds: Floats
    coverage: Floats
    risk: Floats
    area: float


@dataclass(frozen=True, slots=True)
class MetricError:
    """Distances between answers and the truth.

    `within` maps a distance in metres to the share of all `asked` queries whose answer is at most that far from the
    truth. `median_m` is the median over the `answered` queries; NaN if there are none.
    """

    asked: int
    answered: int
    median_m: float
    within: dict[float, float]


def ranked(similarities: npt.ArrayLike, k: int) -> Rows:
    """Rank the photos for each query: (Q, M) similarities to (Q, min(k, M)) int64 rows of the map, best first.

    If similarities are equal, the lower row comes first.
    """
    values = np.asarray(similarities)
    k = min(k, values.shape[1])
    if values.shape[1] > 8 * k > 0:
        # Sort only the candidates for the first k. All that tie with the k-th are among them, so the order is exact.
        edge = np.partition(values, -k, axis=1)[:, -k]
        return np.stack([_first(np.flatnonzero(row >= least), row, k) for row, least in zip(values, edge, strict=True)])
    return np.argsort(-values, axis=1, kind="stable")[:, :k].astype(np.int64)


def _first(columns: Rows, row: Floats, k: int) -> Rows:
    return columns[np.argsort(-row[columns], kind="stable")[:k]].astype(np.int64)


def hits_of(found: Rows, positives: Sequence[npt.ArrayLike]) -> Bools:
    """Mark which results are right.

    Returns (Q, K) bool.

    Args:
        found: (Q, K) rows of the map.
        positives: the right rows of each query, (n,) int64.
    """
    assert len(found) == len(positives), "one list of positives for each query"
    if not len(found):
        return np.zeros(found.shape, np.bool_)
    return np.stack([np.isin(rows, np.asarray(right)) for rows, right in zip(found, positives, strict=True)])


def recall_at(hits: Bools, ranks: Sequence[int] = RANKS) -> dict[int, float]:
    """Recall at each rank: the share of queries with a right photo among their first `rank` results.

    Args:
        hits: (Q, K) bool, best first. A query without positives counts as a failure; to exclude such queries, leave
            out their rows.

    Returns:
        The share by rank; NaN for every rank if there are no queries.
    """
    if not len(hits):
        return dict.fromkeys(ranks, float("nan"))
    return {rank: float(hits[:, :rank].any(axis=1).mean()) for rank in ranks}


def recall_intervals(
    hits: Bools, ranks: Sequence[int] = RANKS, *, resamples: int = RESAMPLES, seed: int = 0
) -> dict[int, Interval]:
    """Recall with 95 % intervals, from a bootstrap over queries. The same seed gives the same interval.

    Recall depends only on how many queries have their first hit at each rank. Drawing these counts from a multinomial
    distribution is equivalent to drawing queries with replacement, and its time does not grow with their number.
    """
    values = recall_at(hits, ranks)
    if not len(hits):
        nan = float("nan")
        return {rank: Interval(nan, nan, nan) for rank in ranks}
    first = np.where(hits.any(axis=1), hits.argmax(axis=1), hits.shape[1])
    counts = np.bincount(first, minlength=hits.shape[1] + 1)
    drawn = np.random.default_rng(seed).multinomial(len(hits), counts / len(hits), size=resamples)
    reached = np.cumsum(drawn, axis=1)[:, :-1] / len(hits)
    found = {}
    for rank, value in values.items():
        low, high = np.percentile(reached[:, min(rank, hits.shape[1]) - 1], [2.5, 97.5])
        found[rank] = Interval(value, min(float(low), value), max(float(high), value))
    return found


def share_interval(yes: npt.ArrayLike) -> Interval:
    """The share of true values in (N,) bool, with Wilson's 95 % interval.

    A bootstrap would not do: if none of 40 values is true, its interval has width zero.
    """
    flags = np.asarray(yes, np.bool_)
    n = len(flags)
    if not n:
        return Interval(float("nan"), float("nan"), float("nan"))
    share, z2 = float(flags.mean()), 1.959964**2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = float(np.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n * n)))) / (1 + z2 / n)
    return Interval(share, min(max(0.0, centre - half), share), max(min(1.0, centre + half), share))


def false_accepts(accepted: npt.ArrayLike) -> Interval:
    """The share of queries from outside the map that were given a position: (N,) bool, one for each query."""
    return share_interval(accepted)


def _steps(scores: npt.ArrayLike, correct: npt.ArrayLike) -> tuple[Floats, Rows, Rows]:
    """The unique scores in decreasing order; for each, how many queries score at least that, and how many are right."""
    values, right = np.asarray(scores, np.float64), np.asarray(correct, np.bool_)
    assert values.shape == right.shape and values.ndim == 1, "one score and one truth for each query"
    assert not np.isnan(values).any(), "a score is a number"
    order = np.argsort(-values, kind="stable")
    values, sums = values[order], np.cumsum(right[order])
    last = np.flatnonzero(np.append(values[1:] != values[:-1], True)) if len(values) else np.empty(0, np.int64)
    return values[last], last + 1, sums[last].astype(np.int64)


def precision_recall(scores: npt.ArrayLike, correct: npt.ArrayLike, *, possible: int | None = None) -> PrecisionRecall:
    """The precision-recall curve of the single best match of every query, with every unique score as a threshold.

    A grid of thresholds would change the recall at 100 % precision. Equal scores are accepted together, because no
    threshold separates them.

    Args:
        scores: (Q,) similarity of the best match, higher is more certain; may be infinite, but not NaN.
        correct: (Q,) bool.
        possible: the number of queries that could have been right: 100 % recall. In place recognition these are the
            queries with a positive. None for the number that were right, as in scikit-learn: recall then ends at 1.
    """
    thresholds, accepted, right = _steps(scores, correct)
    whole = int(right[-1]) if possible is None and len(right) else possible or 0
    assert not len(right) or right[-1] <= whole or possible is None, "more right answers than possible ones"
    recall = right / whole if whole else np.zeros(len(right))
    return PrecisionRecall(
        thresholds=np.concatenate([[np.inf], thresholds]),
        precision=np.concatenate([[1.0], right / accepted]),
        recall=np.concatenate([[0.0], recall]),
    )


def average_precision(curve: PrecisionRecall) -> float:
    """Average precision, [0, 1]: the sum of precision times the step in recall. Trapezoids would overestimate it."""
    return float(np.sum(np.diff(curve.recall) * curve.precision[1:]))


def recall_at_precision(curve: PrecisionRecall, least_precision: float) -> float:
    """The highest recall at a threshold with at least this precision; 0 if only the empty threshold has it."""
    return float(curve.recall[curve.precision >= least_precision].max())


def metric_error(errors_m: npt.ArrayLike, *, within_m: Sequence[float] = WITHIN_M) -> MetricError:
    """Summarise (Q,) distances in metres, NaN for a query without an answer.

    A query without an answer is not within any distance, and is left out of the median.
    """
    errors = np.asarray(errors_m, np.float64)
    known = errors[~np.isnan(errors)]
    return MetricError(
        asked=len(errors),
        answered=len(known),
        median_m=float(np.median(known)) if len(known) else float("nan"),
        within={m: float((known <= m).sum() / len(errors)) if len(errors) else float("nan") for m in within_m},
    )


def risk_coverage(confidence: npt.ArrayLike, correct: npt.ArrayLike) -> RiskCoverage:
    """The risk-coverage curve of (Q,) confidences and (Q,) bool: how well they tell which answers are wrong.

    Geifman and El-Yaniv, Selective Classification for Deep Neural Networks, NeurIPS 2017. Equal confidences form one
    step of the curve.
    """
    thresholds, accepted, right = _steps(confidence, correct)
    coverage = accepted / accepted[-1] if len(accepted) else np.empty(0)
    risk = 1.0 - right / accepted
    area = float(np.sum(np.diff(coverage, prepend=0.0) * risk)) if len(risk) else float("nan")
    return RiskCoverage(thresholds, coverage, risk, area)


@dataclass(frozen=True, slots=True)
class Reliability:
    """The number of queries, their mean confidence and their accuracy, for each bin that is not empty; (B,) each."""

    counts: Rows
    confidence: Floats
    accuracy: Floats


def reliability(confidence: npt.ArrayLike, correct: npt.ArrayLike, *, bins: int = BINS) -> Reliability:
    """Group (Q,) probabilities and (Q,) bool into `bins` of equal width over [0, 1]; empty bins are left out."""
    sure, right = np.asarray(confidence, np.float64), np.asarray(correct, np.bool_)
    assert not len(sure) or (sure.min() >= 0 and sure.max() <= 1), "a confidence is a probability"
    which = np.minimum((sure * bins).astype(np.int64), bins - 1)
    counts = np.bincount(which, minlength=bins)
    full = counts > 0
    sums = [np.bincount(which, weights=values, minlength=bins)[full] for values in (sure, right.astype(np.float64))]
    return Reliability(counts[full].astype(np.int64), sums[0] / counts[full], sums[1] / counts[full])


def expected_calibration_error(confidence: npt.ArrayLike, correct: npt.ArrayLike, *, bins: int = BINS) -> float:
    """Expected calibration error, [0, 1]: the gap between confidence and accuracy of a bin, averaged over queries.

    0 means perfectly calibrated; NaN if there are no queries. Guo et al., On Calibration of Modern Neural Networks,
    ICML 2017.
    """
    binned = reliability(confidence, correct, bins=bins)
    if not len(binned.counts):
        return float("nan")
    gaps = np.abs(binned.confidence - binned.accuracy)
    return float(np.sum(gaps * binned.counts) / np.sum(binned.counts))
