"""A recipe holds every default, and refuses unknown keys and bad values before anything is computed."""

from pathlib import Path

import pytest

from viewfix.errors import BadInput
from viewfix.train.recipe import CHOICES, RANGES, Recipe
from viewfix.train.recipes import RECIPES, built_in


def test_a_file_overrides_the_defaults_and_set_overrides_the_file(tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    file.write_text(
        'aggregator = "salad"\nlr = 1\nepochs = 7\naugmentations = ["weather"]\n[loss_options]\nbeta = 40\n'
    )
    recipe = (
        Recipe().with_toml(file).with_settings(["epochs=3", "loss_options.base=0.5", "weights=none", "cache=false"])
    )
    assert (recipe.aggregator, recipe.epochs, recipe.lr, recipe.augmentations) == ("salad", 3, 1.0, ("weather",))
    assert isinstance(recipe.lr, float), "a whole number is accepted for a float"
    assert recipe.loss_options == {"beta": 40, "base": 0.5}
    assert recipe.weights is None and recipe.cache is False
    assert recipe.margin == Recipe().margin, "values that are not set keep their defaults"


def test_an_unknown_key_is_refused_with_a_suggestion(tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    file.write_text('agregator = "salad"\n')
    with pytest.raises(BadInput) as refusal:
        Recipe().with_toml(file)
    assert str(refusal.value) == f"{file} sets 'agregator', which is not a key of a recipe. Did you mean 'aggregator'?"
    with pytest.raises(
        BadInput, match="--set sets 'xyzzy', which is not a key of a recipe. A recipe has: backbone, weights, "
    ):
        Recipe().with_settings(["xyzzy=1"])


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("epochs=1.5", "whole number"),
        ("epochs=0", r"\[1, 100000\]"),
        ("lr=fast", "It wants a number"),
        ("lr=nan", "Set it to a value in"),
        ("cache=maybe", "true or false"),
        ("sizing=round", "exact, area"),
        ("tuned_stages=half", "a number or 'all'"),
        ("photos_per_place=1", r"\[2, 64\]"),
        ("negative_m=5", "below positive_m"),
        ("aggregator=mixvpr", "Set sizing to 'exact'"),
        ("lr", "not key=value"),
        ("lr.fast=1", "has no parts"),
        ("loss_options=3", "one by one"),
        ("prefixes.1000=1", "length of up to dim"),
        ("prefixes.ten=1", "length of up to dim"),
        ("int8_backbone=true", "needs views_per_spot"),
    ],
)
def test_an_invalid_value_is_refused(setting: str, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        Recipe().with_settings([setting])


def test_true_is_not_a_number() -> None:
    with pytest.raises(BadInput, match="epochs to True"):
        Recipe(epochs=True)
    with pytest.raises(BadInput, match="seed to 'x'"):
        Recipe().changed({"seed": "x"}, where="a test")


def test_a_recipe_survives_json() -> None:
    recipe = RECIPES["talk"].with_settings(["aggregator_options.ghosts=2", "margin=0.3", "seed=9"])
    assert Recipe.from_json(recipe.to_json()) == recipe
    with pytest.raises(BadInput, match="is not JSON"):
        Recipe.from_json("{", where="a test")
    with pytest.raises(BadInput, match="JSON list"):
        Recipe.from_json("[]")


def test_a_recipe_names_the_keys_in_which_it_differs() -> None:
    assert Recipe().differences(Recipe(seed=1, dim=None)) == ["dim: 512, None", "seed: 0, 1"]


def test_the_recipe_of_the_talk_is_resnet18_netvlad_32_and_the_hardest_triplets() -> None:
    talk = RECIPES["talk"]
    assert (talk.backbone, talk.aggregator, talk.clusters) == ("resnet18", "netvlad", 32)
    assert talk.loss == "online-hardest-triplet" and talk.tuned_stages == "all"


def test_ranges_and_choices_are_of_existing_fields() -> None:
    fields = Recipe().as_dict()
    assert set(RANGES) | set(CHOICES) <= set(fields)


def test_a_file_that_is_not_a_recipe_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="There is no recipe at"):
        Recipe().with_toml(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("lr = = 3")
    with pytest.raises(BadInput, match="cannot be read as TOML"):
        Recipe().with_toml(tmp_path / "bad.toml")


def test_views_of_rings_train_the_head_alone() -> None:
    with pytest.raises(BadInput, match="Set tuned_stages to 0"):
        Recipe(views_per_spot=4, tuned_stages=1)


def test_a_built_in_recipe_is_found_by_its_name() -> None:
    assert built_in("plain") == Recipe()
    with pytest.raises(BadInput, match="Did you mean 'default'"):
        built_in("defaut")
