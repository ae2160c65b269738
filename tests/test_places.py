"""Photos of one place are told from photos of others, wherever on Earth, and batches hold both."""

import math

import numpy as np
import pytest

pytest.importorskip("scipy", reason="places need viewfix[train]")

from viewfix import geo  # noqa: E402
from viewfix.errors import BadInput  # noqa: E402
from viewfix.train.places import Places  # noqa: E402
from viewfix.types import Photo, Position, Skipped  # noqa: E402


def photo(name: object, north_m: float, east_m: float = 0.0, heading_deg: float | None = 0.0, lat: float = 50.0,
          lon: float = 8.0) -> Photo:  # fmt: skip
    start = Position(lat, lon)
    there = geo.moved(start, math.degrees(math.atan2(east_m, north_m)), math.hypot(east_m, north_m))
    return Photo(str(name), f"/{name}.jpg", there, heading_deg)


def street(places: int = 12, photos: int = 4, apart_m: float = 60.0) -> list[Photo]:
    """Places along a street, each with photos 2 m apart."""
    return [photo(f"{p}_{k}", p * apart_m + 2 * k) for p in range(places) for k in range(photos)]


def test_near_photos_that_look_the_same_way_show_one_place() -> None:
    places = Places.of([photo("a", 0, 0, 350), photo("b", 9, 0, 10), photo("c", 9, 0, 90), photo("d", 11, 0, 350)])
    assert places.positives(0).tolist() == [1]
    assert places.positives(1).tolist() == [0, 3]
    assert places.positives(2).tolist() == []


def test_negatives_are_farther_than_the_wider_radius() -> None:
    places = Places.of([photo("a", 0), photo("b", 5), photo("c", 24), photo("d", 26), photo("e", 900)])
    assert places.negatives(0).tolist() == [3, 4], "at 24 m nobody can say, so it is neither"


def test_an_unknown_heading_is_not_north() -> None:
    near = [photo("a", 0, heading_deg=None), photo("b", 5, heading_deg=0.0), photo("c", 6, heading_deg=None)]
    with pytest.raises(
        BadInput, match=r"No two of the 3 photos .* 2 have no heading. Set heading_tolerance_deg to 180"
    ):
        Places.of(near)
    assert Places.of(near, heading_tolerance_deg=180).positives(0).tolist() == [1, 2]


@pytest.mark.parametrize(("lat", "lon"), [(0.0, 180.0), (-16.5, -180.0), (89.9999, 20.0), (-90.0, 0.0)])
def test_places_have_no_seam(lat: float, lon: float) -> None:
    around = [photo(i, 4 * math.cos(i), 4 * math.sin(i), lat=lat, lon=lon) for i in range(6)]
    assert Places.of(around).positives(0).tolist() == [1, 2, 3, 4, 5]


def test_what_was_skipped_is_handed_through() -> None:
    skipped = Skipped("bad.jpg", "it is damaged")
    assert Places.of([skipped, photo("a", 0), photo("b", 1)]).skipped == (skipped,)


@pytest.mark.parametrize(
    ("photos", "answer"),
    [
        ([], "There are no photos to train on (0 skipped)"),
        ([photo("a", 0), photo("b", 50)], "No two of the 2 photos show one place: within 10 m"),
    ],
)
def test_nothing_to_learn_from_is_said(photos: list[Photo], answer: str) -> None:
    with pytest.raises(BadInput) as caught:
        Places.of(photos)
    assert answer in str(caught.value) and "\n" not in str(caught.value)


def test_a_split_keeps_a_margin_between_its_parts() -> None:
    rng = np.random.default_rng(0)
    crowd = [photo(i, *rng.uniform(0, 400, 2)) for i in range(400)]
    training, validation = Places.of(crowd).split(0.25, 30.0, seed=3)
    assert 90 <= len(validation.photos) <= 110 and len(training.photos) >= 240
    gap = min(geo.distance_m(a.position, b.position) for a in training.photos for b in validation.photos)
    assert gap > 30
    again = Places.of(crowd).split(0.25, 30.0, seed=3)
    assert [p.id for p in again[1].photos] == [p.id for p in validation.photos]
    other = Places.of(crowd).split(0.25, 30.0, seed=4)
    assert [p.id for p in other[1].photos] != [p.id for p in validation.photos]


def test_an_area_that_cannot_be_split_is_refused() -> None:
    with pytest.raises(BadInput, match=r"too small to be split: of 8 photos, .* in the margin of 50 m"):
        Places.of([photo(i, 2 * i) for i in range(8)]).split(0.25, 50.0, seed=0)


def test_a_batch_holds_places_that_surely_differ() -> None:
    rng = np.random.default_rng(1)
    crowd = [photo(i, *rng.uniform(0, 300, 2), float(rng.choice([0, 90]))) for i in range(900)]
    places = Places.of(crowd)
    batches = list(places.batches(6, 3, seed=5))
    assert len(batches) > 10
    anchors = [int(row) for rows, _ in batches for row in rows[::3]]
    assert len(anchors) == len(set(anchors)), "no photo stands for its place twice in an epoch"
    for rows, labels in batches:
        assert labels.tolist() == [place for place in range(6) for _ in range(3)]
        for anchor, *others in rows.reshape(6, 3):
            assert set(others) - {anchor} <= set(places.positives(int(anchor)).tolist())
            assert len({anchor, *others}) >= 2
        for i, a in enumerate(rows):
            for j, b in enumerate(rows):
                if labels[i] != labels[j]:
                    assert geo.distance_m(crowd[a].position, crowd[b].position) > 25


def test_an_epoch_is_drawn_anew_and_the_same_again() -> None:
    places = Places.of(street())
    one, same, other = (list(places.batches(4, 3, seed=seed)) for seed in (1, 1, 2))
    assert [rows.tolist() for rows, _ in one] == [rows.tolist() for rows, _ in same]
    assert [rows.tolist() for rows, _ in one] != [rows.tolist() for rows, _ in other]
    assert len(one) >= 3, "12 places make 3 batches of 4"


def test_too_few_places_make_no_batch() -> None:
    assert list(Places.of(street(places=12)).batches(13, 3, seed=0)) == []
    lonely = [photo(i, 60 * i) for i in range(20)]
    assert list(Places.of([*street(places=3), *lonely]).batches(4, 2, seed=0)) == [], "one photo is no place to learn"


def test_a_place_with_two_photos_gives_them_again() -> None:
    ((rows, labels),) = Places.of(street(places=4, photos=2)).batches(4, 5, seed=0)
    assert labels.tolist() == [place for place in range(4) for _ in range(5)]
    assert sorted(tuple(sorted(set(place))) for place in rows.reshape(4, 5).tolist()) == [
        (0, 1),
        (2, 3),
        (4, 5),
        (6, 7),
    ]
