"""An augmented picture is the same place, changed as asked, and the same again from the same chance."""

import numpy as np
import pytest
from PIL import Image

from viewfix.errors import BadInput
from viewfix.train.augment import KINDS, augmented
from viewfix.train.recipe import Recipe


def street() -> Image.Image:
    """Sky over a house with windows, a green tree and a road."""
    pixels = np.zeros((120, 160, 3), np.uint8)
    pixels[:50], pixels[50:], pixels[90:] = (150, 190, 230), (170, 120, 90), (90, 90, 90)
    pixels[55:75:10, 10:150:12] = (30, 30, 40)
    pixels[30:90, 110:140] = (60, 130, 40)
    return Image.fromarray(pixels)


def drawn(kind: str, strength: float = 1.0, count: int = 30) -> list[np.ndarray]:
    return [np.asarray(augmented(street(), np.random.default_rng(seed), strength, [kind])) for seed in range(count)]


def far(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(int) - b.astype(int)).mean())


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_changes_about_half_of_the_pictures(kind: str) -> None:
    original = np.asarray(street())
    changed = [not np.array_equal(each, original) for each in drawn(kind)]
    assert 7 <= sum(changed) <= 23
    assert all(each.shape == original.shape and each.dtype == np.uint8 for each in drawn(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_chance_gives_the_same_pixels(kind: str) -> None:
    for one, two in zip(drawn(kind), drawn(kind), strict=True):
        assert np.array_equal(one, two)


@pytest.mark.parametrize("kind", KINDS)
def test_strength_goes_from_nothing_to_more(kind: str) -> None:
    original = np.asarray(street())
    none, little, much = (np.mean([far(each, original) for each in drawn(kind, s)]) for s in (0, 0.3, 2.0))
    assert none == 0 < little < much


@pytest.mark.parametrize("size", [(1, 1), (9, 300), (16, 16)])
def test_no_size_is_too_odd(size: tuple[int, int]) -> None:
    for seed in range(12):
        assert augmented(street().resize(size), np.random.default_rng(seed), 3.0, KINDS).size == size


def test_the_order_of_the_names_does_not_matter() -> None:
    one, two = (augmented(street(), np.random.default_rng(4), 1.0, kinds) for kinds in (KINDS, KINDS[::-1]))
    assert np.array_equal(np.asarray(one), np.asarray(two))


def test_autumn_turns_leaves_and_leaves_walls_alone() -> None:
    moved = {"tree": 0.0, "wall": 0.0}
    original = np.asarray(street()).astype(int)
    for each in drawn("season", count=60):
        change = np.abs(each.astype(int) - original)
        moved["tree"] += change[40:85, 115:135].mean()
        moved["wall"] += change[80:88, 10:100].mean()
    assert moved["tree"] > 2 * moved["wall"]


def test_a_kind_that_does_not_exist_is_refused_with_a_suggestion() -> None:
    with pytest.raises(BadInput, match="There is no augmentation called 'wether'. Did you mean 'weather'?"):
        augmented(street(), np.random.default_rng(0), 1.0, ["wether"])
    with pytest.raises(BadInput, match="There are: day-night, weather"):
        Recipe(augmentations=("zzz",))
