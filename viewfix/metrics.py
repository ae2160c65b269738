"""What was found and what was true become figures: recall, precision, metres and calibration. Pure numpy.

Throughout, Q is the number of queries and M the number of photos of the map; shares lie in [0, 1].
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
    """A share with the 95 % confidence interval around it, each in [0, 1]; NaN where nothing was asked."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class PrecisionRecall:
    """Precision and recall of the best matches whose score is at least `thresholds`; (T,) float64 each.

    The first entry accepts nothing: an infinite threshold, recall 0 and, by definition, precision 1.
    """

    thresholds: Floats
    precision: Floats
    recall: Floats


@dataclass(frozen=True, slots=True)
class RiskCoverage:
    """Share of wrong answers (`risk`) among the share of queries answered most surely (`coverage`); (T,) each.

    `area` is the mean risk over all coverages (AURC): 0 when nothing is wrong; lower is better.
    """

    thresholds: Floats
    coverage: Floats
    risk: Floats
    area: float


@dataclass(frozen=True, slots=True)
class MetricError:
    """How far answers were from the truth. `within` maps metres to the share of all `asked` that came so near.

    `median_m` is over the `answered` ones, NaN where there are none.
    """

    asked: int
    answered: int
    median_m: float
    within: dict[float, float]


def ranked(similarities: npt.ArrayLike, k: int) -> Rows:
    """(Q, M) similarities to (Q, min(k, M)) int64 rows of the map, best first; of equal ones the lower row first."""
    values = np.asarray(similarities)
    k = min(k, values.shape[1])
    if values.shape[1] > 8 * k > 0:
        # Sort only what can be among the first k; at the edge every tie is kept, so that the order is exact.
        edge = np.partition(values, -k, axis=1)[:, -k]
        return np.stack([_first(np.flatnonzero(row >= least), row, k) for row, least in zip(values, edge, strict=True)])
    return np.argsort(-values, axis=1, kind="stable")[:, :k].astype(np.int64)


def _first(columns: Rows, row: Floats, k: int) -> Rows:
    return columns[np.argsort(-row[columns], kind="stable")[:k]].astype(np.int64)


def hits_of(found: Rows, positives: Sequence[npt.ArrayLike]) -> Bools:
    """(Q, K) rows found and the right rows of each query, (n,) int64, to (Q, K) bool: which of them are right."""
    assert len(found) == len(positives), "one list of positives a query"
    if not len(found):
        return np.zeros(found.shape, np.bool_)
    return np.stack([np.isin(rows, np.asarray(right)) for rows, right in zip(found, positives, strict=True)])


def recall_at(hits: Bools, ranks: Sequence[int] = RANKS) -> dict[int, float]:
    """The share of queries with a right photo among their first `rank`, for every rank.

    Args:
        hits: (Q, K) bool, best first. A query with no positive at all has no hit and counts as a
            failure; leave its row out for the other convention.

    Returns:
        NaN for every rank where there is no query.
    """
    if not len(hits):
        return dict.fromkeys(ranks, float("nan"))
    return {rank: float(hits[:, :rank].any(axis=1).mean()) for rank in ranks}


def recall_intervals(
    hits: Bools, ranks: Sequence[int] = RANKS, *, resamples: int = RESAMPLES, seed: int = 0
) -> dict[int, Interval]:
    """Recall with 95 % intervals: percentiles of a bootstrap over queries. Same seed, same interval.

    Only how many queries are first right at which rank matters, so that drawing those counts
    from a multinomial is drawing queries with replacement, at any number of queries.
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
    """The share of (N,) bool that is true, with Wilson's 95 % interval.

    Wilson's and not a bootstrap: none of 40 does not prove none of a million, and a bootstrap would say so.
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
    """(N,) bool, which queries from outside the map got a position all the same, to their share."""
    return share_interval(accepted)


def _steps(scores: npt.ArrayLike, correct: npt.ArrayLike) -> tuple[Floats, Rows, Rows]:
    """Unique scores, decreasing; how many queries score at least so much, and how many of those are right."""
    values, right = np.asarray(scores, np.float64), np.asarray(correct, np.bool_)
    assert values.shape == right.shape and values.ndim == 1, "one score and one truth a query"
    assert not np.isnan(values).any(), "a score is a number"
    order = np.argsort(-values, kind="stable")
    values, sums = values[order], np.cumsum(right[order])
    last = np.flatnonzero(np.append(values[1:] != values[:-1], True)) if len(values) else np.empty(0, np.int64)
    return values[last], last + 1, sums[last].astype(np.int64)


def precision_recall(scores: npt.ArrayLike, correct: npt.ArrayLike, *, possible: int | None = None) -> PrecisionRecall:
    """The curve of the single best match of every query, over all unique scores.

    No grid of thresholds: recall at 100 % precision would depend on it. Equal scores are accepted
    together, since no threshold can tell them apart.

    Args:
        scores: (Q,) similarity of the best match, higher is surer; may be infinite, not NaN.
        correct: (Q,) bool.
        possible: how many queries could have been right, the whole of recall; for place recognition
            those with a positive. None: those that were right (as sklearn counts, and recall ends at 1).
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
    """The sum of precision times the step in recall, [0, 1]: no trapezoids, which overestimate."""
    return float(np.sum(np.diff(curve.recall) * curve.precision[1:]))


def recall_at_precision(curve: PrecisionRecall, least_precision: float) -> float:
    """The most recall of any threshold with at least this precision; 0 where none but the empty one has it."""
    return float(curve.recall[curve.precision >= least_precision].max())


def metric_error(errors_m: npt.ArrayLike, *, within_m: Sequence[float] = WITHIN_M) -> MetricError:
    """(Q,) metres, NaN for a query that got no answer, to median and shares.

    A query without an answer is not within any distance, but has no part in the median.
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
    """What a confidence is worth for holding back: the surest answered first; (Q,) each. Equal ones go together.

    Geifman and El-Yaniv, Selective Classification for Deep Neural Networks, NeurIPS 2017. Where
    many are equal the risk within their step counts as the step's own.
    """
    thresholds, accepted, right = _steps(confidence, correct)
    coverage = accepted / accepted[-1] if len(accepted) else np.empty(0)
    risk = 1.0 - right / accepted
    area = float(np.sum(np.diff(coverage, prepend=0.0) * risk)) if len(risk) else float("nan")
    return RiskCoverage(thresholds, coverage, risk, area)


@dataclass(frozen=True, slots=True)
class Reliability:
    """Of every bin of confidence that is not empty: how many, how sure, how often right; (B,) each."""

    counts: Rows
    confidence: Floats
    accuracy: Floats


def reliability(confidence: npt.ArrayLike, correct: npt.ArrayLike, *, bins: int = BINS) -> Reliability:
    """(Q,) probabilities and (Q,) bool by `bins` of equal width over [0, 1], empty ones left out."""
    sure, right = np.asarray(confidence, np.float64), np.asarray(correct, np.bool_)
    assert not len(sure) or (sure.min() >= 0 and sure.max() <= 1), "a confidence is a probability"
    which = np.minimum((sure * bins).astype(np.int64), bins - 1)
    counts = np.bincount(which, minlength=bins)
    full = counts > 0
    sums = [np.bincount(which, weights=values, minlength=bins)[full] for values in (sure, right.astype(np.float64))]
    return Reliability(counts[full].astype(np.int64), sums[0] / counts[full], sums[1] / counts[full])


def expected_calibration_error(confidence: npt.ArrayLike, correct: npt.ArrayLike, *, bins: int = BINS) -> float:
    """The mean gap, over queries, of how sure a bin is and how often it is right: [0, 1], 0 when honest.

    Guo et al., On Calibration of Modern Neural Networks, ICML 2017. NaN where there is no query.
    """
    binned = reliability(confidence, correct, bins=bins)
    if not len(binned.counts):
        return float("nan")
    gaps = np.abs(binned.confidence - binned.accuracy)
    return float(np.sum(gaps * binned.counts) / np.sum(binned.counts))
