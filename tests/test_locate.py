"""Candidates become a fix: the vote, the probability, and their limits."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from viewfix.errors import BadInput
from viewfix.geo import Plane, bearing_deg, distance_m, moved
from viewfix.locate import calibrate as trials_module
from viewfix.locate.confidence import LEAST_TRIALS, PRIOR, Calibration, Trial, Weights, calibrate
from viewfix.locate.fuse import AGREE_M, Consensus, fuse, ranked
from viewfix.search.exact import ExactSearch
from viewfix.store.store import ModelIdentity, Record, Store
from viewfix.types import Candidate, Photo, Position

HERE = Position(50.0, 20.0)


def candidate(name: str, similarity: float, *, east_m: float = 0, north_m: float = 0, heading_deg: float | None = None,
              origin: Position = HERE) -> Candidate:  # fmt: skip
    at = Plane(origin).to_position(east_m, north_m)
    return Candidate(Photo(name, f"/{name}", at, heading_deg), similarity)


def test_no_candidates_have_no_consensus() -> None:
    assert fuse([]) is None


def test_one_candidate_is_the_fix_and_has_no_margin() -> None:
    consensus = fuse([candidate("a", 0.8, heading_deg=90)])
    assert consensus is not None
    assert distance_m(consensus.position, HERE) < 0.01
    assert (consensus.rival, consensus.agreement, consensus.heading_deg) == (None, 1, pytest.approx(90))


def test_two_equal_photos_put_the_fix_half_way_between_them() -> None:
    consensus = fuse([candidate("a", 0.8), candidate("b", 0.8, east_m=20)])
    assert consensus is not None
    assert distance_m(consensus.position, moved(HERE, 90, 10)) < 0.01
    assert consensus.position.radius_m == pytest.approx(10, abs=0.01)


def test_many_photos_of_one_place_beat_a_slightly_more_similar_single_photo() -> None:
    crowd = [candidate(f"c{i}", 0.79, east_m=1000 + i) for i in range(4)]
    consensus = fuse([candidate("loner", 0.80), *crowd])
    assert consensus is not None
    assert distance_m(consensus.position, moved(HERE, 90, 1001.5)) < 1
    assert consensus.rival == pytest.approx(0.80)


def test_a_clear_winner_is_not_outvoted() -> None:
    consensus = fuse([candidate("right", 0.9), *[candidate(f"c{i}", 0.5, east_m=1000) for i in range(19)]])
    assert consensus is not None
    assert distance_m(consensus.position, HERE) < 0.01
    assert consensus.rival == pytest.approx(0.5)


def test_the_fix_is_right_across_the_180th_meridian() -> None:
    line = Position(-17.0, 180.0)
    consensus = fuse([candidate("west", 0.8, east_m=-8, origin=line), candidate("east", 0.8, east_m=8, origin=line)])
    assert consensus is not None
    assert distance_m(consensus.position, line) < 0.01


def test_headings_average_through_north_and_backward_looks_do_not_count() -> None:
    consensus = fuse(
        [
            candidate("a", 0.8, heading_deg=350),
            candidate("b", 0.8, heading_deg=10),
            candidate("c", 0.8, heading_deg=180),
        ]
    )
    assert consensus is not None
    assert consensus.heading_deg is not None
    assert min(consensus.heading_deg, 360 - consensus.heading_deg) < 1e-6


def test_a_region_does_not_hide_a_more_similar_place_elsewhere() -> None:
    """In a search near here, a photo of a far place must not be taken for one of this place."""
    here, far = candidate("here", 0.5), candidate("far", 0.8, east_m=5000)
    alone = fuse([here])
    warned = fuse([here], elsewhere=[far, here])
    assert alone is not None
    assert warned is not None
    assert (alone.rival, warned.rival) == (None, 0.8)
    assert PRIOR.probability(warned) < 0.1


def test_a_map_of_one_place_finds_its_own_photo_and_rejects_others() -> None:
    own, stranger = fuse([candidate("a", 1.0)]), fuse([candidate("a", 0.3)])
    assert own is not None
    assert stranger is not None
    assert PRIOR.probability(own) > 0.9
    assert PRIOR.probability(stranger) < 0.1


def test_neighbours_of_the_winning_place_are_not_rivals() -> None:
    """A street photographed every 10 m: the similar photo 30 m on does not make the place doubtful."""
    street = [candidate(f"{i}", 0.9 - 0.01 * i, east_m=10 * i) for i in range(4)]
    far = candidate("far", 0.4, east_m=5000)
    consensus = fuse([*street, far])
    assert consensus is not None
    assert consensus.agreement > 0.9
    assert AGREE_M == 25


def trial(similarity: float, error_m: float) -> Trial:
    return Trial(Consensus(HERE, None, similarity, 0.3, similarity, 0, similarity), error_m)


def verified(similarity: float, inliers: int, error_m: float) -> Trial:
    return Trial(Consensus(HERE, None, similarity, 0.3, similarity, 0, similarity, inliers, "accurate"), error_m)


def trials(seed: int, count: int = 400) -> tuple[list[Trial], list[Trial]]:
    rng = np.random.default_rng(seed)
    inside = [trial(s, 5 if rng.random() < 0.95 else 900) for s in rng.normal(0.7, 0.1, count)]
    outside = [trial(s, 5000) for s in rng.normal(0.45, 0.1, count)]
    return inside, outside


def test_a_calibrated_probability_is_as_often_right_as_it_says() -> None:
    calibration = calibrate(*trials(0))
    inside, outside = trials(1)
    said = np.array([calibration.probability(t.consensus) for t in inside + outside])
    right = np.array([t.error_m <= calibration.radius_m for t in inside + outside])
    bins = np.digitize(said, np.linspace(0, 1, 11)[1:-1])
    gaps = [abs(said[bins == b].mean() - right[bins == b].mean()) * (bins == b).mean() for b in set(bins)]
    assert sum(gaps) < 0.05


def test_a_higher_similarity_is_never_less_probable() -> None:
    calibration = calibrate(*trials(0))
    said = [calibration.probability(trial(s, 0).consensus) for s in np.linspace(-1, 1, 50)]
    assert all(a <= b for a, b in zip(said, said[1:], strict=False))
    assert 0 <= said[0] < 0.01
    assert 0.99 < said[-1] <= 1


def test_too_few_trials_leave_the_shipped_prior_and_say_so() -> None:
    calibration = calibrate(*trials(0, count=LEAST_TRIALS // 2))
    assert (calibration.weights, calibration.inside, calibration.outside) == (PRIOR.weights, 0, 0)


def test_trials_that_separate_perfectly_do_not_make_certainty() -> None:
    calibration = calibrate([trial(0.9, 1)] * 100, [trial(0.3, 9000)] * 100)
    assert 0.01 < calibration.probability(trial(0.55, 0).consensus) < 0.99


def test_a_calibration_survives_the_map_file() -> None:
    calibration = calibrate(*trials(0))
    assert Calibration.from_json({**calibration.to_json(), "photos": 3}) == calibration


def test_a_calibration_of_an_older_viewfix_keeps_what_it_learned() -> None:
    stored = {"bias": -3.0, "similarity": 4.0, "margin": 9.0, "agreement": 1.0, "radius_m": 30.0, "stranger": 0.4,
              "trials": 500, "photos": 900}  # fmt: skip
    calibration = Calibration.from_json(stored)
    assert calibration.weights["off"] == Weights(-3.0, 4.0, 9.0, 1.0)
    assert calibration.weights["accurate"] == PRIOR.weights["accurate"]
    assert (calibration.radius_m, calibration.out_of_map["off"], calibration.inside) == (30.0, 0.4, 500)


def test_inliers_decide_where_similarity_cannot() -> None:
    rng = np.random.default_rng(0)
    inside = [verified(s, int(n), 5) for s, n in zip(rng.normal(0.5, 0.1, 200), rng.normal(60, 10, 200), strict=True)]
    outside = [verified(s, int(n), 900) for s, n in zip(rng.normal(0.5, 0.1, 200), rng.normal(15, 5, 200), strict=True)]
    calibration = calibrate(inside, outside, again=True)
    assert calibration.probability(verified(0.5, 60, 0).consensus) > 0.95
    assert calibration.probability(verified(0.5, 10, 0).consensus) < 0.05
    assert calibration.weights["off"] == PRIOR.weights["off"], "trials of one way teach nothing about another"


def test_few_inliers_do_not_move_a_vote_and_many_do() -> None:
    first, second = candidate("first", 0.6), candidate("second", 0.5, east_m=1000)
    for inliers, winner in ((1, 0), (80, 1)):
        shown = [first, replace(second, inliers=inliers)]
        consensus = fuse(shown, matcher="accurate")
        assert consensus is not None
        assert consensus.best == winner
        assert fuse(shown).best == 0, "uncounted, they say nothing"  # type: ignore[union-attr]
        assert ranked(shown, "accurate")[0].photo.id == ("first", "second")[winner]


def strangers(scores: Sequence[float]) -> Calibration:
    return replace(PRIOR, outside=len(scores), outside_scores={"off": scores})


def test_the_out_of_map_threshold_keeps_its_promise_over_many_draws() -> None:
    """P(a new out-of-map query is answered) <= the rate, averaged over draws of the out-of-map trials."""
    rng = np.random.default_rng(3)
    for rate, count in ((0.01, 150), (0.05, 60), (0.2, 99)):
        answered = []
        for _ in range(400):
            line = strangers(rng.beta(1, 5, count).tolist()).line(rate, "off")
            answered.append(np.mean(rng.beta(1, 5, 200) > line))
        assert np.mean(answered) <= rate + 0.003
        assert np.mean(answered) >= rate / 2, "and is not bought with refusing everybody"


def test_the_out_of_map_threshold_is_the_score_of_the_theory() -> None:
    scores = [i / 100 for i in range(1, 100)]  # 99 of them
    assert strangers(scores).line(0.01, "off") == 0.99
    assert strangers(scores).line(0.5, "off") == 0.5
    with pytest.raises(BadInput, match="--verify off"):
        strangers(scores).line(0.5, "fast")


@pytest.mark.parametrize("rate", [0, 1, -0.1, 1.5, float("nan")])
def test_a_rate_that_is_not_a_probability_is_refused(rate: float) -> None:
    with pytest.raises(BadInput, match="false_accepts must be more than 0"):
        strangers([0.1] * 200).line(rate, "off")


def test_a_rate_too_small_to_promise_is_refused_with_the_smallest_possible() -> None:
    with pytest.raises(BadInput, match=r"0\.0197 or more"):
        strangers([0.1] * 50).line(0.01, "off")
    with pytest.raises(BadInput, match="too small"):
        PRIOR.line(0.01, "off")


def test_the_threshold_and_the_fit_use_different_out_of_map_trials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Split conformal: the trials that set the threshold must be as new to the fit as the next out-of-map query."""
    rng = np.random.default_rng(5)
    places = rng.standard_normal((100, 8))
    looks = np.repeat(places, 4, axis=0) + 0.3 * rng.standard_normal((400, 8))
    looks = (looks / np.linalg.norm(looks, axis=1, keepdims=True)).astype(np.float32)
    spots = [moved(moved(HERE, 90, 300.0 * (n // 4)), 0, 8.0 * (n % 4)) for n in range(400)]
    records = [Record(Photo(str(n), f"/{n}", at), content_hash=f"{n:032x}") for n, at in enumerate(spots)]
    fitted: list[Trial] = []

    def seen(inside: list[Trial], outside: list[Trial], **options: object) -> Calibration:
        fitted.extend([*inside, *outside])
        return calibrate(inside, outside, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(trials_module, "calibrate", seen)
    with Store.create(tmp_path / "a.map", ModelIdentity("toy", "f" * 32, 8)) as store:
        store.put(records, looks)
        calibration = trials_module.examine(store, ExactSearch(store))
    scores = calibration.outside_scores["off"]
    assert len(scores) == pytest.approx(400 / 3, abs=2)
    assert calibration.inside == calibration.outside == pytest.approx(800 / 3, abs=2)
    said = {np.ceil(1e6 * calibration.probability(t.consensus, t.density)) / 1e6 for t in fitted}
    unsure = [score for score in scores if 0.02 < score < 0.98]
    assert len(unsure) > 5
    assert sum(score in said for score in unsure) <= 1, "but for chance, none was fitted to"
    assert calibration.made_at is not None


def test_offsets_and_their_inverse_agree() -> None:
    there = moved(HERE, 33.0, 500)
    assert bearing_deg(HERE, there) == pytest.approx(33.0)


@pytest.mark.parametrize(("matcher", "elsewhere", "here"), [("off", 0, 0), ("fast", 30, 170), ("accurate", 14, 110)])
def test_where_a_map_has_one_spot_the_inliers_of_a_wrong_place_are_no_lead(
    matcher: str, elsewhere: int, here: int
) -> None:
    """Any two photos have some inliers; without a rival to compare with, they must not count as evidence."""
    used = None if matcher == "off" else matcher

    def probability(similarity: float, inliers: int) -> float:
        counted = inliers if used else None
        consensus = fuse([replace(candidate("a", similarity), inliers=counted)], matcher=used)
        assert consensus is not None
        assert consensus.rival is None
        return PRIOR.probability(consensus, 20)

    for similarity in (0.1, 0.3, 0.5, 0.6):
        assert probability(similarity, elsewhere) < 0.5
    assert probability(0.9 if matcher == "off" else 0.75, here) > 0.5
