"""The initial state of a training: weights, vocabulary by k-means, and projection by whitening.

Published or earlier weights, the vocabulary of NetVLAD by k-means, and the projection by whitening.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import BadInput
from . import backbones, clusters, whiten
from .checkpoint import MARK, read_state
from .network import Describer, Head
from .outcome import Notify
from .pictures import Sample
from .recipe import Recipe

VOCABULARY_PICTURES = 500
FEATURES_PER_PICTURE = 60
SECOND_SHARE = 0.3
"""What the second nearest centre gets of a feature, by what the nearest gets, at the mean gap."""

MOST_PICTURES = 1500
AT_ONCE = 16

Describe = Callable[[Sequence[Sample]], Any]


def load_weights(describer: Describer, recipe: Recipe) -> bool:
    """Load the weights that the recipe names; True if they include the head.

    Raises:
        BadInput: not a weights file, or keys that do not fit, which are listed.
    """
    if recipe.weights is None:
        return False
    if recipe.weights == "imagenet":
        describer.backbone.load_state_dict(backbones.imagenet(recipe.backbone).state_dict(), strict=True)
        return False
    path = Path(recipe.weights).expanduser()
    state = read_state(path)
    if MARK not in state:
        backbones.load(describer.backbone, _tensors(state, path))
        return False
    if state["recipe"]["backbone"] != recipe.backbone:
        raise BadInput(
            f"{path} is a checkpoint of {state['recipe']['backbone']}, but the recipe's backbone is {recipe.backbone}. "
            "Name the same backbone."
        )
    network = state["network"]
    describer.backbone.load_state_dict(_below(network, "backbone."), strict=True)
    head, own = _below(network, "head."), describer.head.state_dict()
    fits = head.keys() == own.keys() and all(head[name].shape == own[name].shape for name in own)
    if fits:
        describer.head.load_state_dict(head, strict=True)
    return fits


def _tensors(state: dict[str, Any], path: Path) -> dict[str, Tensor]:
    """The named tensors of a published file: at the top level, or under one of the usual keys."""
    for name in ("state_dict", "model_state_dict", "model"):
        if isinstance(state.get(name), dict):
            state = state[name]
    tensors = {name.removeprefix("module."): value for name, value in state.items() if isinstance(value, Tensor)}
    if not tensors:
        raise BadInput(f"{path} holds no tensors (keys: {', '.join(list(state)[:5]) or 'none'}). Use a state dict.")
    return tensors


def _below(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}


@torch.no_grad()
def fit_head(
    head: Head, features: Describe, samples: Sequence[Sample], others: Sequence[Sample], recipe: Recipe, notify: Notify
) -> None:
    """Vocabulary and projection from features of training photos.

    Args:
        features: samples to their backbone features.
        samples, others: row i of both shows one place, in the second altered or from beside.
    """
    if hasattr(head.aggregator, "set_vocabulary"):
        mixed = [pair[row % 2] for row, pair in enumerate(zip(samples, others, strict=True))]
        vocabulary(head.aggregator, features, mixed[:VOCABULARY_PICTURES], recipe, notify)
    if isinstance(head.whitening, nn.Linear) and recipe.projection != "random":
        projection(head, features, (samples, others), recipe, notify)


def vocabulary(aggregator: Any, features: Describe, samples: Sequence[Sample], recipe: Recipe, notify: Notify) -> None:
    """Centres by k-means of sampled local features; alpha from the gap between the two nearest."""
    flat = []
    for part in _parts(samples):
        maps = features(part)
        maps = maps[0] if isinstance(maps, tuple) else maps
        flat += [each.flatten(1).T.float().cpu().numpy() for each in maps]
    sample = clusters.sample(flat, per_picture=FEATURES_PER_PICTURE, seed=recipe.seed)
    count = len(aggregator.centres)
    if len(sample) < count:
        raise BadInput(
            f"{len(sample)} local features are too few for {count} clusters. Add photos, a larger image_px, or "
            "fewer clusters."
        )
    centres = clusters.vocabulary(sample, count, seed=recipe.seed)
    alpha = clusters.sharpness(sample, centres, share=SECOND_SHARE)
    aggregator.set_vocabulary(torch.from_numpy(centres).to(aggregator.centres.device), alpha=alpha)
    notify(f"vocabulary of {count} words from {len(sample)} local features, alpha {alpha:.1f}")


def projection(
    head: Head, features: Describe, pairs: tuple[Sequence[Sample], Sequence[Sample]], recipe: Recipe, notify: Notify
) -> None:
    """The linear layer as a whitening of the aggregated vectors; left random where the photos are too few for it."""
    assert isinstance(head.whitening, nn.Linear)
    dim, count = head.whitening.out_features, len(pairs[0])
    if count <= dim:
        notify(f"the projection to {dim} starts at random: {count} photos are too few to whiten by")
        return
    x, y = (torch.cat([head.aggregated(features(part)).float().cpu() for part in _parts(samples)]) for samples in pairs)
    learned = recipe.projection == "learned" and pairs[0] != pairs[1]
    if learned:
        keep = recipe.whitening_directions or max(dim, 9 * count // 10)
        layer = whiten.learned(
            x, (x, y), dim, keep=keep, shrinkage=recipe.whitening_shrinkage, power=recipe.whitening_power
        )
    else:
        layer = whiten.pca(x, dim, power=recipe.whitening_power)
    head.whitening.load_state_dict(layer.state_dict())
    notify(f"projection to {dim} by {'learned' if learned else 'pca'} whitening of {count} photos")


def _parts(samples: Sequence[Sample]) -> list[Sequence[Sample]]:
    return [samples[start : start + AT_ONCE] for start in range(0, len(samples), AT_ONCE)]
