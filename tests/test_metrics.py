"""Metrics that can be computed by hand, and properties that hold for every table of results."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from viewfix import metrics

judged = st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=30)


def split(pairs: list[tuple[int, bool]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([score / 5 for score, _ in pairs]), np.array([right for _, right in pairs])


def test_the_most_similar_come_first_and_ties_keep_the_order_of_the_map() -> None:
    assert metrics.ranked([[0.1, 0.9, 0.9, 0.5]], 3).tolist() == [[1, 2, 3]]
    assert metrics.ranked([[0.1, 0.9]], 20).tolist() == [[1, 0]], "a small map returns all its photos"


@settings(deadline=None)  # a slow machine is not a failure
@given(arrays(np.float64, (3, 60), elements=st.integers(0, 4)), st.integers(1, 60))
def test_ranking_the_best_is_the_same_as_ranking_all_and_cutting(similarities: np.ndarray, k: int) -> None:
    whole = np.argsort(-similarities, axis=1, kind="stable")
    assert (metrics.ranked(similarities, k) == whole[:, :k]).all()


def test_recall_counts_queries_not_photos() -> None:
    found = np.array([[4, 2, 0], [1, 3, 0], [3, 1, 2], [0, 1, 2]])
    hits = metrics.hits_of(found, [[4, 2], [0, 3], [], [0]])
    assert hits.tolist() == [[True, True, False], [False, True, True], [False] * 3, [True, False, False]]
    assert metrics.recall_at(hits, (1, 2, 3, 9)) == {1: 0.5, 2: 0.75, 3: 0.75, 9: 0.75}
    assert metrics.recall_at(hits[[0, 1, 3]], (1,)) == {1: pytest.approx(2 / 3)}, (
        "without the query that has no right answer"
    )


def test_recall_without_queries_is_nan() -> None:
    assert np.isnan(metrics.recall_at(np.zeros((0, 3), bool), (1,))[1])
    assert np.isnan(metrics.recall_intervals(np.zeros((0, 3), bool), (1,))[1].low)


def test_the_bootstrap_agrees_with_the_binomial_and_with_itself() -> None:
    hits = np.zeros((400, 5), bool)
    hits[:320, 2] = True
    first = metrics.recall_intervals(hits, (1, 3, 20), seed=7)
    assert first == metrics.recall_intervals(hits, (1, 3, 20), seed=7)
    assert first[1] == metrics.Interval(0.0, 0.0, 0.0)
    sigma = np.sqrt(0.8 * 0.2 / 400)
    assert first[3].value == first[20].value == 0.8
    assert first[3].low == pytest.approx(0.8 - 1.96 * sigma, abs=0.006)
    assert first[3].high == pytest.approx(0.8 + 1.96 * sigma, abs=0.006)


@settings(deadline=None)  # a slow machine is not a failure
@given(arrays(np.bool_, st.tuples(st.integers(1, 20), st.integers(1, 8))))
def test_recall_never_decreases_with_rank_and_lies_in_its_interval(hits: np.ndarray) -> None:
    found = metrics.recall_intervals(hits, (1, 2, 5, 20), resamples=50)
    values = [each.value for each in found.values()]
    assert values == sorted(values)
    assert all(0 <= each.low <= each.value <= each.high <= 1 for each in found.values())


def test_none_of_forty_is_compatible_with_one_in_twelve() -> None:
    found = metrics.false_accepts(np.zeros(40, bool))
    assert (found.value, found.low) == (0.0, 0.0)
    assert found.high == pytest.approx(0.0876, abs=1e-3), "Wilson's interval of 0 in 40"
    assert metrics.false_accepts([True, False, False, False]).value == 0.25
    assert np.isnan(metrics.false_accepts([]).value)


def test_precision_and_recall_by_hand() -> None:
    #             accepted, right: 1 1 | 2 1 | 3 2 | 4 2 ; 4 queries have a positive
    curve = metrics.precision_recall([0.9, 0.8, 0.7, 0.6], [True, False, True, False], possible=4)
    assert curve.thresholds.tolist() == [np.inf, 0.9, 0.8, 0.7, 0.6]
    assert curve.precision.tolist() == [1.0, 1.0, 0.5, pytest.approx(2 / 3), 0.5]
    assert curve.recall.tolist() == [0.0, 0.25, 0.25, 0.5, 0.5]
    assert metrics.average_precision(curve) == pytest.approx(0.25 * 1 + 0.25 * 2 / 3)
    assert metrics.recall_at_precision(curve, 1.0) == 0.25
    assert metrics.recall_at_precision(curve, 0.6) == 0.5


def test_equal_scores_are_accepted_together() -> None:
    for correct in ([True, False], [False, True]):
        curve = metrics.precision_recall([0.5, 0.5], correct, possible=2)
        assert curve.precision.tolist() == [1.0, 0.5]
        assert metrics.recall_at_precision(curve, 1.0) == 0.0, "no threshold separates the two"


def test_precision_is_one_if_nothing_is_accepted() -> None:
    for curve in (metrics.precision_recall([], []), metrics.precision_recall([0.3], [False], possible=0)):
        assert (curve.precision[0], curve.recall[0]) == (1.0, 0.0)
        assert metrics.average_precision(curve) == 0.0
        assert metrics.recall_at_precision(curve, 0.99) == 0.0


@settings(deadline=None)  # a slow machine is not a failure
@given(judged)
def test_average_precision_equals_that_of_scikit_learn_where_the_definitions_agree(
    pairs: list[tuple[int, bool]],
) -> None:
    reference = pytest.importorskip("sklearn.metrics").average_precision_score
    scores, correct = split(pairs)
    if correct.any():  # sklearn has no number for no positive, and warns
        mine = metrics.average_precision(metrics.precision_recall(scores, correct))
        assert mine == pytest.approx(reference(correct, scores))


@settings(deadline=None)  # a slow machine is not a failure
@given(judged, st.integers(0, 9))
def test_queries_without_a_right_match_lower_recall_but_not_precision(pairs: list[tuple[int, bool]], more: int) -> None:
    scores, correct = split(pairs)
    own = metrics.precision_recall(scores, correct, possible=int(correct.sum()))
    harder = metrics.precision_recall(scores, correct, possible=int(correct.sum()) + more)
    assert (harder.precision == own.precision).all()
    assert (harder.recall <= own.recall).all()
    assert metrics.average_precision(harder) <= metrics.average_precision(own) + 1e-12


def test_metric_error_by_hand() -> None:
    found = metrics.metric_error([1.0, 5.0, 12.0, 400.0, np.nan])
    assert (found.asked, found.answered, found.median_m) == (5, 4, 8.5)
    assert found.within == {5.0: 0.4, 10.0: 0.4, 25.0: 0.6}, "a query without an answer is nowhere near"
    assert np.isnan(metrics.metric_error([np.nan]).median_m)


def test_risk_and_coverage_by_hand() -> None:
    found = metrics.risk_coverage([0.9, 0.5, 0.5, 0.1], [True, True, False, False])
    assert found.coverage.tolist() == [0.25, 0.75, 1.0]
    assert found.risk.tolist() == [0.0, pytest.approx(1 / 3), 0.5]
    assert found.area == pytest.approx(0.5 * (1 / 3) + 0.25 * 0.5)


@settings(deadline=None)  # a slow machine is not a failure
@given(judged)
def test_the_risk_at_full_coverage_is_that_of_answering_every_query(pairs: list[tuple[int, bool]]) -> None:
    confidence, correct = split(pairs)
    found = metrics.risk_coverage(confidence, correct)
    assert found.risk[-1] == pytest.approx(1 - correct.mean())
    assert 0 <= found.area <= 1
    wrong_last = np.argsort(~correct, kind="stable")
    best = metrics.risk_coverage(-np.arange(len(correct), dtype=float), correct[wrong_last]).area
    assert best <= found.area + 1e-12, "no order beats the one that knows the truth"


def test_calibration_error_by_hand() -> None:
    #  bin 0.9-1.0: sure 0.95, right 1/2; bin 0.2-0.3: sure 0.25, right 1/2
    error = metrics.expected_calibration_error([0.95, 0.95, 0.25, 0.25], [True, False, True, False])
    assert error == pytest.approx((0.45 * 2 + 0.25 * 2) / 4)
    assert metrics.expected_calibration_error([1.0, 1.0, 0.0], [True, True, False]) == 0.0
    assert np.isnan(metrics.expected_calibration_error([], []))


@settings(deadline=None)  # a slow machine is not a failure
@given(judged)
def test_calibration_error_is_at_least_the_gap_of_the_means(pairs: list[tuple[int, bool]]) -> None:
    confidence, correct = split(pairs)
    error = metrics.expected_calibration_error(confidence, correct)
    assert abs(confidence.mean() - correct.mean()) - 1e-12 <= error <= 1
